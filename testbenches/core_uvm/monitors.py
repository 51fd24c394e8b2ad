"""Monitors: one per stage boundary, and one on TX."""

from typing import NamedTuple

from cocotb.triggers import RisingEdge
from pyuvm import ConfigDB, uvm_analysis_port, uvm_monitor

from testbenches.harness import Watch


class Seen(NamedTuple):
    """A record or an order frame, and the clock edge at which it was (first) there."""

    cycle: int
    value: tuple | bytes


class RecordMonitor(uvm_monitor):
    """Publishes every record of the stream that it is named for."""

    def build_phase(self):
        self.seen = uvm_analysis_port("seen", self)

    async def run_phase(self):
        bench = ConfigDB().get(self, "", "BENCH")
        watch = Watch(bench.dut, self.get_name())
        while True:
            await RisingEdge(bench.dut.clk)
            watch.sample(bench.cycle)
            if watch.seen:
                self.seen.write(Seen(watch.cycles.pop(), watch.seen.pop()))


class FrameMonitor(uvm_monitor):
    """Publishes every order frame that TX delivered, with the cycle of its first beat."""

    def build_phase(self):
        self.seen = uvm_analysis_port("seen", self)

    async def run_phase(self):
        bench = ConfigDB().get(self, "", "BENCH")
        dut, octets, first = bench.dut, bytearray(), 0
        dut.tx_tready.value = 1
        while True:
            await RisingEdge(dut.clk)
            if not (int(dut.tx_tvalid.value) and int(dut.tx_tready.value)):
                continue
            first = first if octets else bench.cycle
            keep, data = int(dut.tx_tkeep.value), int(dut.tx_tdata.value).to_bytes(8, "little")
            octets += data[: keep.bit_count()]
            if int(dut.tx_tlast.value):
                self.seen.write(Seen(first, bytes(octets)))
                octets = bytearray()
