"""The agent: frames and what the host does as sequence items, a sequencer, and a driver."""

from collections.abc import Callable
from dataclasses import dataclass

from pyuvm import ConfigDB, uvm_agent, uvm_analysis_port, uvm_driver, uvm_sequence_item, uvm_sequencer

from testbenches.harness import axi_frame


@dataclass(frozen=True)
class Stimulus:
    """A frame that the driver sent, and the MAC's verdict."""

    octets: bytes
    error: bool


class FrameItem(uvm_sequence_item):
    """One frame for RX. ``error`` makes the MAC flag it; ``gap`` idle cycles come before it."""

    def __init__(self, octets: bytes, *, error: bool = False, gap: int = 0):
        super().__init__("frame")
        self.stimulus = Stimulus(octets, error)
        self.gap = gap


class HostItem(uvm_sequence_item):
    """What the host does ``gap`` cycles after the last beat: pulses a wire (``kill``, ``kill_release``), or puts a
    record on a stream. The next item begins ``settle`` cycles later.

    ``record`` may be a function of the UserRefNum of the last order that was approved.
    """

    def __init__(self, what: str, record: tuple | Callable[[int], tuple] | None = None, *, gap: int = 50,
                 settle: int = 50):
        super().__init__("host")
        self.what, self.record, self.gap, self.settle = what, record, gap, settle


class Driver(uvm_driver):
    """Sends frames beat after beat; items without a gap leave no idle beat between frames."""

    def build_phase(self):
        self.sent = uvm_analysis_port("sent", self)
        self.put = uvm_analysis_port("put", self)

    async def run_phase(self):
        bench = ConfigDB().get(self, "", "BENCH")
        self.source = source = bench.axi_source()
        self.decisions = bench.watch("decisions")
        while True:
            item = await self.seq_item_port.get_next_item()
            if item.gap:
                await source.wait()
                await bench.cycles(item.gap)
            if isinstance(item, HostItem):
                await self._act(bench, item)
            else:
                self.sent.write(item.stimulus)
                await source.send(axi_frame(item.stimulus.octets, error=item.stimulus.error))
            self.seq_item_port.item_done()

    async def _act(self, bench, item: HostItem) -> None:
        if item.record is None:
            wire = getattr(bench.dut, item.what)
            wire.value = 1
            await bench.cycles(2)
            wire.value = 0
        else:
            record = item.record
            if callable(record):
                record = record(next(d.user_ref_num for d in reversed(self.decisions.seen) if not d.refusals))
            self.put.write((item.what, record))
            await bench.offer(item.what, [record])
        await bench.cycles(item.settle)

    async def idle(self) -> None:
        """Wait until every beat is on the wire."""
        await self.source.wait()


class Agent(uvm_agent):
    def build_phase(self):
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = Driver("driver", self)

    def connect_phase(self):
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
