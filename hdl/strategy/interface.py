"""What a strategy is: one component that looks at records and says when it wants to trade, and where.

Writing one takes three steps:

1. Here, a subclass of ``TradingSignal`` in its own file, entered in ``SIGNALS`` of ``hdl.strategy`` under its name.
2. In ``golden_model.strategy``, the same as one Python function, under the same name. The bench holds one against the
   other.
3. In ``spec.config``, the name among those that ``strategy.name`` allows. Parameters of its own are added there and, if
   the host may change them while the core runs, by the same name in ``spec.records.PARAMETERS``.

::

    class Tight(TradingSignal):
        \"\"\"Join the bid when the spread is one cent.\"\"\"

        LATENCY = 1

        def elaborate(self, platform):
            m = Module()
            update = self.updates.payload
            m.d.sync += [
                self.wish.fire.eq(update.ask_price - update.bid_price == 100),
                self.wish.side.eq(Side.BUY),
                self.wish.prices[Side.BUY].eq(update.bid_price),
            ]
            return m

What the signal need not do, because the stage around it does it for all, before anything reaches risk: no trading on a
book that is not known, on messages that do not change the book, without a valid update, on a symbol that is not
tradable, or within the cooldown after the symbol's last intent. It need not look at ``updates.valid`` unless it keeps
state.
"""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spec import config
from spec.records import INDICATOR, PARAMETERS, UPDATE

from ..records import layout, records


class Wish(data.Struct):
    """What a signal wants."""

    fire: 1  #: trade now
    side: 1  #: ``spec.records.Side``; only meaningful with ``fire``
    prices: data.ArrayLayout(32, 2)  #: by side: the limit at which it would buy, or sell; 1/10 000 dollar


class TradingSignal(wiring.Component):
    """Base class of what ``hdl.strategy.Strategy`` stands around.

    Contract
    --------
    - One update per cycle at most, and possibly in every cycle: II = 1, no backpressure.
    - ``wish`` belongs to the update of exactly ``LATENCY`` cycles before, whatever came before or after. In cycles
      whose update was not valid it is ignored.
    - ``wish.fire`` and ``wish.side`` may come from logic behind registers; the stage adds about three LUTs before it
      registers them. From registers alone is better, and is what ``wish.prices`` must come from: risk judges both in
      this cycle, before it is known whether either is wanted. The price of a side that is never wanted may be left out.
    - Every update comes by, of every type and symbol. Fields of a side that is not known are zero.

    Class attributes
    ----------------
    LATENCY : int
        Cycles from ``updates`` to ``wish``, at least 1. The stage's own latency is one more.
    USES_INDICATORS : bool
        The signal reads ``indicators``. Then each update is handed over together with its own ``Indicator``, in the
        same cycle, and thereby ``Indicators.LATENCY`` cycles later, which the stage's latency includes. If not,
        ``indicators`` is not connected.

    Parameters
    ----------
    configuration : spec.config.Strategy
        ``design.strategy``, for what fixes the hardware.

    Members
    -------
    updates : In(records(UPDATE))
    indicators : In(records(INDICATOR))
    parameters : In(layout(PARAMETERS))
        Those that the update of this cycle is judged by; from registers.
    wish : Out(Wish)
    """

    LATENCY: int
    USES_INDICATORS = False

    updates: In(records(UPDATE))
    indicators: In(records(INDICATOR))
    parameters: In(layout(PARAMETERS))
    wish: Out(Wish)

    def __init__(self, *, configuration: config.Strategy):
        if not isinstance(configuration, config.Strategy):
            raise TypeError(f"configuration must be a spec.config.Strategy, not {configuration!r}")
        if not isinstance(getattr(self, "LATENCY", None), int) or self.LATENCY < 1:
            raise TypeError(f"{type(self).__name__}.LATENCY must be an integer of at least 1, "
                            f"not {getattr(self, 'LATENCY', None)!r}")
        self.configuration = configuration
        super().__init__()
