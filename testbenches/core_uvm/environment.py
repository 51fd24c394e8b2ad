"""The environment: agent, monitors, scoreboard and coverage, and the test that the others derive from."""

import cocotb
from cocotb.triggers import RisingEdge
from pyuvm import ConfigDB, uvm_env, uvm_test

from spec.records import SNAPSHOT
from testbenches.harness import Bench

from .agent import RxAgent
from .coverage import Coverage
from .monitors import FrameMonitor, RecordMonitor
from .scoreboard import STREAMS, Scoreboard

DRAIN = 2000  #: cycles after the last frame until every record and order is out, and no window moves


class Environment(uvm_env):
    def build_phase(self):
        self.agent = RxAgent("agent", self)
        self.monitors = [RecordMonitor(stream, self) for stream in STREAMS] + [FrameMonitor("frames", self)]
        self.scoreboard = Scoreboard.create("scoreboard", self)
        self.coverage = Coverage("coverage", self)

    def connect_phase(self):
        self.agent.driver.sent.connect(self.scoreboard.sent.analysis_export)
        for monitor in self.monitors:
            monitor.seen.connect(self.scoreboard.seen[monitor.get_name()].analysis_export)


class CoreTest(uvm_test):
    """Starts the core, runs ``sequences()`` one after the other, and drains the pipeline."""

    def build_phase(self):
        self.bench = Bench(cocotb.top)
        ConfigDB().set(None, "*", "BENCH", self.bench)
        self.environment = Environment("environment", self)

    def sequences(self):
        raise NotImplementedError

    async def _load(self):
        """The host's snapshot: an order of each symbol, and its word that all are in; one entry of no symbol. The book
        bench has more."""
        dut, symbols = self.bench.dut, self.bench.design.symbols
        entries = [(len(symbols), 0, 0, 0, 0, 0)]
        for symbol, about in enumerate(symbols):
            entries += [(symbol, 0, 1 << 63 | symbol, about.reference, 100, 0), (symbol, 0, 0, 0, 0, 1)]
        for entry in entries:
            dut.snapshot_valid.value, dut.snapshot_payload.value = 1, SNAPSHOT.pack(entry)
            await RisingEdge(dut.clk)
            while not int(dut.snapshot_ready.value):
                await RisingEdge(dut.clk)
        dut.snapshot_valid.value = 0

    async def run_phase(self):
        self.raise_objection()
        await self.bench.start(kill=0, rx_tvalid=0, tx_tready=1, snapshot_valid=0, snapshot_payload=0)
        for sequence in self.sequences():
            await sequence.start(self.environment.agent.sequencer)
        await self.environment.agent.driver.idle()
        await self._load()
        await self.bench.cycles(DRAIN)
        self.drop_objection()
