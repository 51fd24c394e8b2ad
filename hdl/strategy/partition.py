"""The strategy as a partition that can be exchanged while the rest of the core runs."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Partition(wiring.Component):
    """A strategy stage that begins anew while ``restart`` is high. Its members are those of ``strategy``."""

    def __init__(self, strategy: wiring.Component):
        self._strategy = strategy
        super().__init__(dict(strategy.signature.members) | {"restart": In(1)})

    def elaborate(self, platform):
        m = Module()
        strategy = self._strategy
        m.submodules.strategy = ResetInserter(self.restart)(strategy)
        join(m, strategy, self)
        return m


class Decoupler(wiring.Component):
    """Stands between the partition and the core, outside of it, and makes its absence harmless.

    From the cycle after ``decouple`` has risen no intent comes through, whatever the partition's outputs show, and
    nothing of the host is taken; market data goes on. The partition is held in reset meanwhile. A request that it had
    taken and not passed on goes with it, and so do the host's parameters: what comes has those of its configuration.
    When ``decouple`` falls, the reset ends; what then stands there is heard when it is ready. Its counters are its own:
    they begin anew, and read zero while it is cut off. Adds no cycle.

    Members
    -------
    all of ``hdl.strategy.Strategy``
        On the core's side.
    partition
        The same, and ``restart``, as the partition has them: see ``join``.
    decouple
        Of the host.
    decoupled
        Cut off.
    """

    def __init__(self, partition: wiring.Component):
        members = dict(partition.signature.members)
        super().__init__({name: member for name, member in members.items() if name != "restart"} | {
            "partition": In(wiring.Signature(members)), "decouple": In(1), "decoupled": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        inside = self.partition
        # From the core's own reset on: nothing is heard before it is ready.
        was_ready, cut, restart = Signal(), Signal(init=1), Signal(init=1)
        # After the restart its ``ready`` is that of before for a cycle.
        settling = Signal(2, init=3)
        with m.If(self.decouple):
            m.d.sync += [cut.eq(1), restart.eq(1), settling.eq(3)]
        with m.Else():
            m.d.sync += restart.eq(0)
            with m.If(settling != 0):
                m.d.sync += settling.eq(settling - 1)
            with m.Elif(inside.ready):
                m.d.sync += cut.eq(0)
        with m.If(inside.ready & ~cut):
            m.d.sync += was_ready.eq(1)
        m.d.comb += [
            inside.restart.eq(restart),
            self.decoupled.eq(cut),
            self.ready.eq(Mux(cut, was_ready, inside.ready)),
            self.intents.valid.eq(inside.intents.valid & ~cut),
            self.intents.payload.eq(inside.intents.payload),
            Value.cast(self.candidates).eq(Mux(cut, 0, Value.cast(inside.candidates))),
            Value.cast(self.counters).eq(Mux(cut, 0, Value.cast(inside.counters))),
            self.parameters_set.valid.eq(inside.parameters_set.valid & ~cut),
            self.parameters_set.payload.eq(inside.parameters_set.payload),
        ]
        for name in ("parameters", "requests"):
            given, into = getattr(self, name), getattr(inside, name)
            m.d.comb += [into.valid.eq(given.valid & ~cut), into.payload.eq(given.payload),
                         given.ready.eq(into.ready & ~cut)]
        m.d.comb += [
            *(getattr(inside, name).payload.eq(getattr(self, name).payload) for name in ("updates", "indicators")),
            *(getattr(inside, name).valid.eq(getattr(self, name).valid) for name in ("updates", "indicators")),
        ]
        return m


def join(m: Module, inner: wiring.Component, outer) -> None:
    """Give all members of ``inner`` to ``outer``, a component or an interface that has them too."""
    for path, member, theirs in inner.signature.flatten(inner):
        mine = outer
        for name in path:
            mine = getattr(mine, name)
        to, of = (theirs, mine) if member.flow == In else (mine, theirs)
        if not isinstance(Value.cast(to), Const):  # a ready that is always high
            m.d.comb += Value.cast(to).eq(of)
