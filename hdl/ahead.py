"""What the feed shows of a message one cycle before it hands it over."""

from amaranth.lib import data


class Ahead(data.Struct):
    """The parts of a message that the book looks up, in the cycle before ``messages`` shows it, while it is judged.

    ``valid`` is high whenever a message may be valid in the next cycle; when it is low none will be. The other members
    are exact if a message follows that has those octets.
    """

    valid: 1
    add: 1  #: type A or F: ``reference`` names a new order
    locate: 16
    reference: 64  #: octets 11..18
    new_reference: 64  #: octets 19..26: of a replace
