"""The RX agent: frames as sequence items, a sequencer, and a driver that puts them on the wire."""

from dataclasses import dataclass

from pyuvm import ConfigDB, uvm_agent, uvm_analysis_port, uvm_driver, uvm_sequence_item, uvm_sequencer

from testbenches.harness import axi_frame


@dataclass(frozen=True)
class Stimulus:
    """What the driver did: the frame, the MAC's verdict, and whether the kill switch was engaged before it."""

    octets: bytes
    error: bool
    kill: bool


class FrameItem(uvm_sequence_item):
    """One frame for RX.

    ``error`` makes the MAC flag it; ``gap`` idle cycles come before it; with ``kill`` the kill switch is engaged before
    it, the pipeline being empty.
    """

    def __init__(self, octets: bytes, *, error: bool = False, gap: int = 0, kill: bool = False):
        super().__init__("frame")
        self.stimulus = Stimulus(octets, error, kill)
        self.gap = gap


class FrameDriver(uvm_driver):
    """Sends frames beat after beat; items without a gap leave no idle beat between frames."""

    def build_phase(self):
        self.sent = uvm_analysis_port("sent", self)

    async def run_phase(self):
        bench = ConfigDB().get(self, "", "BENCH")
        self.source = source = bench.axi_source()
        while True:
            item = await self.seq_item_port.get_next_item()
            if item.gap or item.stimulus.kill:
                await source.wait()
                await bench.cycles(item.gap)
            if item.stimulus.kill:
                bench.dut.kill.value = 1
                await bench.cycles(2)
                bench.dut.kill.value = 0
            self.sent.write(item.stimulus)
            await source.send(axi_frame(item.stimulus.octets, error=item.stimulus.error))
            self.seq_item_port.item_done()

    async def idle(self) -> None:
        """Wait until every beat is on the wire."""
        await self.source.wait()


class RxAgent(uvm_agent):
    def build_phase(self):
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = FrameDriver("driver", self)

    def connect_phase(self):
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)
