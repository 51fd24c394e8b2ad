"""What must be said one cycle before an intent."""

from hdl.candidates import Candidates


def candidates_of(intent, other_price: int) -> int:
    """The candidates of ``intent``, packed; the side that it does not pick has ``other_price``."""
    prices = [other_price, other_price]
    prices[intent.side] = intent.price
    same = {name: getattr(intent, name) for name in Candidates.as_shape().members if name != "prices"}
    return Candidates.const(same | {"prices": prices}).as_bits()
