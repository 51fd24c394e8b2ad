"""The exchange's end of the order session: acknowledges and answers what leaves on TX."""

from pyuvm import ConfigDB, uvm_analysis_port, uvm_component, uvm_tlm_analysis_fifo

from sim.venue import Venue
from testbenches.harness import axi_frame


class VenueAgent(uvm_component):
    """Answers every frame as soon as it has left; publishes its own frames."""

    def build_phase(self):
        self.heard = uvm_tlm_analysis_fifo("heard", self)
        self.answered = uvm_analysis_port("answered", self)

    async def run_phase(self):
        bench = ConfigDB().get(self, "", "BENCH")
        venue, source = Venue(bench.design, seed=bench.rng.getrandbits(16)), bench.axi_source("session_rx")
        while True:
            frame = await self.heard.get()
            venue.take([frame.value])
            for answer in venue.frames():
                self.answered.write(answer)
                await source.send(axi_frame(answer))
