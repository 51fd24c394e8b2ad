"""The feed under test: a source on RX, a watch on ``messages``, and the golden model beside it."""

import itertools

from golden_model.feed import Feed as Model
from hdl.ahead import Ahead
from hdl.feed import Feed
from spec import itch
from testbenches.feed_frames import Datagram, ahead_of
from testbenches.harness import Bench, assert_same_counters, assert_same_records, axi_frame

_SETTLE = 12  # cycles until the last counter has followed the wire


class TB(Bench):
    """A feed with a source on RX, and the golden model beside it."""

    def __init__(self, dut):
        super().__init__(dut)
        self.model = Model(self.design)
        self.source = self.axi_source()
        self.messages = self.watch("messages")
        self.expected = []
        self._last_octets = []  # (frame, offset of the last octet) of each expected message
        self.ahead_cycles: list[int] = []  # clock edges at which ``ahead`` was valid
        self._ahead = Ahead.from_bits(0)  # one clock edge before
        self._frames = 0
        self._accepted = [[]]  # for each frame, the cycle in which each beat was accepted
        self.always(self._observe)

    def _observe(self):
        """Ready never drops, no message comes unannounced; note when each beat is taken."""
        assert int(self.dut.rx_tready.value) == 1, f"rx_tready is low at cycle {self.cycle}"
        if int(self.dut.rx_tvalid.value):
            self._accepted[-1].append(self.cycle)
            if int(self.dut.rx_tlast.value):
                self._accepted.append([])
        if int(self.dut.messages_valid.value):
            octets = self.messages.seen[-1].octets.to_bytes(itch.MAX_MESSAGE, "little")
            for name, value in ahead_of(octets[: itch.MESSAGES[chr(octets[0])].length]).items():
                got = self._ahead[name]
                assert got == value, f"message at cycle {self.cycle}: ahead.{name}: expected {value:#x}, got {got:#x}"
        self._ahead = Ahead.from_bits(int(self.dut.ahead.value))
        if self._ahead.valid:
            self.ahead_cycles.append(self.cycle)

    @classmethod
    async def create(cls, dut, *, enabled: int = 1):
        tb = cls(dut)
        await tb.start(rx_tvalid=0, enabled=enabled)
        return tb

    def send(self, octets: bytes, *, error: bool = False, ready: bool = True) -> list:
        """Queue a frame on RX and give it to the model; returns what the model delivers."""
        self.source.send_nowait(axi_frame(octets, error=error))
        delivered = self.model.frame(octets, error=error, ready=ready)
        self.expected += delivered
        self._last_octets += [(self._frames, offset) for offset in self.model.last_octets]
        self._frames += 1
        return delivered

    def datagram(self, *args, **options) -> Datagram:
        return Datagram(self.design, *args, **options)

    def idle(self, probability: float):
        """From now on RX is idle in that part of the cycles, at random."""
        self.source.set_pause_generator(self.rng.random() < probability for _ in itertools.count())

    async def drain(self):
        await self.source.wait()
        await self.cycles(_SETTLE)

    async def check(self, *, records: bool = True):
        """Everything sent has come out: the same records, each after LATENCY cycles, and the same counters."""
        await self.drain()
        if records:
            assert_same_records(self.messages, self.expected)
        else:
            assert not self.messages.seen and not self.expected
        due = [self._accepted[frame][offset // 8] + Feed.LATENCY for frame, offset in self._last_octets]
        for k, (cycle, at) in enumerate(zip(self.messages.cycles, due, strict=True)):
            assert cycle == at, f"message {k} at cycle {cycle}, expected {at}"
        assert_same_counters(self.counters("feed"), self.model.counters)
