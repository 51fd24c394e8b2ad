"""risk: intents in, one decision each out. The only way to the wire.

Every check is evaluated and every failed one is reported, so that a refusal tells all its reasons. An approved order is
taken as filled in full at once: the position is then an upper bound of what the account can come to hold, as fills
cannot outrun orders. A refused order does not change the position.
"""

from spec.config import Design
from spec.records import DECISION, Refusal, Side

from .counting import Counters

_BASIS_POINTS = 10_000
_BUY = Side.BUY.value

#: (bit, counter) of every check.
_REASONS = tuple((reason.value, reason.name.lower()) for reason in Refusal)


class Risk:
    """The risk stage.

    Members
    -------
    counters : dict[str, int]
    positions : list[int]
        Shares per symbol, short negative.
    """

    def __init__(self, design: Design):
        self.counters = Counters("risk")
        self.positions = [0] * len(design.symbols)
        self._limits = design.risk
        self._killed = False

    def kill(self) -> None:
        """Refuse everything from the next intent on, until reset."""
        self._killed = True

    def intent(self, i, *, queue_full: bool = False):
        """The ``Decision`` on an ``Intent``.

        Parameters
        ----------
        queue_full
            Too many approved orders wait for the wire at this moment.
        """
        limits = self._limits
        position = self.positions[i.symbol] + (i.quantity if i.side == _BUY else -i.quantity)
        refusals = 0
        if self._killed:
            refusals |= Refusal.KILL_SWITCH.value
        if not 0 < i.quantity <= limits.max_quantity or not i.price:
            refusals |= Refusal.ORDER_SIZE.value
        if not i.reference:
            refusals |= Refusal.NO_REFERENCE.value
        elif abs(i.price - i.reference) * _BASIS_POINTS > i.reference * limits.collar_bps:
            refusals |= Refusal.PRICE_COLLAR.value
        if i.collar_upper and not i.collar_lower <= i.price <= i.collar_upper:
            refusals |= Refusal.LULD_COLLAR.value
        if abs(position) > limits.max_position:
            refusals |= Refusal.POSITION_LIMIT.value
        if queue_full:
            refusals |= Refusal.ORDER_QUEUE_FULL.value
        if refusals:
            self.counters["refused"] += 1
            for bit, name in _REASONS:
                if refusals & bit:
                    self.counters[name] += 1
        else:
            self.counters["approved"] += 1
            self.positions[i.symbol] = position
        return DECISION.tuple(i.message, i.timestamp, i.symbol, i.side, i.quantity, i.price, refusals,
                              self.positions[i.symbol])
