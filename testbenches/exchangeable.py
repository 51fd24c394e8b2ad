"""A partition whose content changes with every restart: what a partial bitstream does, as a simulator sees it."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In


class Exchangeable(wiring.Component):
    """Two strategies of the same members in one place; each restart begins the other one.

    While it is restarted its outputs are noise, as those of a region that is being configured.

    Parameters
    ----------
    first, second : component
        As ``hdl.strategy.Strategy``. The first is there from the beginning.
    """

    def __init__(self, first: wiring.Component, second: wiring.Component):
        self._strategies = (first, second)
        super().__init__(dict(first.signature.members) | {"restart": In(1)})

    def elaborate(self, platform):
        m = Module()
        # The first restart is that of the core's own reset.
        which, before = Signal(init=1), Signal()
        m.d.sync += before.eq(self.restart)
        with m.If(self.restart & ~before):
            m.d.sync += which.eq(~which)
        noise = Signal(64, init=0x9E37_79B9_7F4A_7C15)
        m.d.sync += noise.eq(Cat(noise[63] ^ noise[62] ^ noise[60] ^ noise[59], noise))

        shown = {}
        for i, strategy in enumerate(self._strategies):
            m.submodules[f"strategy_{i}"] = ResetInserter(self.restart)(strategy)
            for path, member, value in strategy.signature.flatten(strategy):
                mine = self
                for name in path:
                    mine = getattr(mine, name)
                if isinstance(Value.cast(value), Const):
                    continue
                if member.flow == In:
                    m.d.comb += Value.cast(value).eq(mine)
                else:
                    shown.setdefault(path, (mine, []))[1].append(Value.cast(value))
        for mine, values in shown.values():
            mine = Value.cast(mine)
            random = Cat(noise for _ in range(-(-len(mine) // 64)))[: len(mine)]
            m.d.comb += mine.eq(Mux(self.restart, random, Mux(which, values[1], values[0])))
        return m
