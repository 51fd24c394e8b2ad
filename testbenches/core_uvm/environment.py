"""The environment: agent, monitors, scoreboard and coverage, and the test that the others derive from."""

import cocotb
from pyuvm import ConfigDB, uvm_env, uvm_test

from testbenches.core_bench import AT_REST
from testbenches.harness import Bench

from .agent import Agent
from .coverage import Coverage
from .monitors import FrameMonitor, RecordMonitor
from .scoreboard import STREAMS, Scoreboard
from .venue import VenueAgent

DRAIN = 2000  #: cycles after the last frame until every record and order is out, and no window moves


class Environment(uvm_env):
    def build_phase(self):
        self.agent = Agent("agent", self)
        self.venue = VenueAgent("venue", self)
        self.monitors = [RecordMonitor(stream, self) for stream in STREAMS] + [FrameMonitor("frames", self)]
        self.scoreboard = Scoreboard.create("scoreboard", self)
        self.coverage = Coverage("coverage", self)

    def connect_phase(self):
        self.agent.driver.sent.connect(self.scoreboard.sent.analysis_export)
        self.agent.driver.put.connect(self.scoreboard.put.analysis_export)
        for monitor in self.monitors:
            monitor.seen.connect(self.scoreboard.seen[monitor.get_name()].analysis_export)
        self.monitors[-1].seen.connect(self.venue.heard.analysis_export)
        self.venue.answered.connect(self.scoreboard.answers.analysis_export)


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
        symbols = self.bench.design.symbols
        entries = [(len(symbols), 0, 0, 0, 0, 0)]
        for symbol, about in enumerate(symbols):
            entries += [(symbol, 0, 1 << 63 | symbol, about.reference, 100, 0), (symbol, 0, 0, 0, 0, 1)]
        await self.bench.offer("snapshot", entries)

    async def run_phase(self):
        self.raise_objection()
        await self.bench.start(rx_tvalid=0, tx_tready=1, **AT_REST)
        for sequence in self.sequences():
            await sequence.start(self.environment.agent.sequencer)
        await self.environment.agent.driver.idle()
        await self._load()
        await self.bench.cycles(DRAIN)
        self.drop_objection()
