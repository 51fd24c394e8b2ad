"""The scoreboard: the golden model sees the frames that the core sees, and every record has a golden twin."""

from pyuvm import ConfigDB, uvm_scoreboard, uvm_tlm_analysis_fifo

from golden_model.core import Core
from golden_model.order import Header
from sim import book_events, moments
from sim.order_frames import segment
from spec.records import RECORDS

from .monitors import Seen

STREAMS = tuple(record.stream for record in RECORDS)
#: Of which a run may have none: what happens between messages, or when the host does something.
RARE = (*book_events.STREAMS, "symbols_set", "parameters_set", "symbol_limits_set", "session_limits_set", "kills",
        "sessions")


class Mismatch(AssertionError):
    """A record, a frame or a counter that is not its golden twin."""


class Scoreboard(uvm_scoreboard):
    """Compares in the check phase, all of it, and fails when a stream had nothing to compare.

    Members
    -------
    core, stimuli, steps : Core, list[Stimulus], list[Step]
        After the check phase: the golden model, the frames it saw, and what it made of each and of what came after;
        coverage reads them.
    """

    def build_phase(self):
        self.sent = uvm_tlm_analysis_fifo("sent", self)
        self.answers = uvm_tlm_analysis_fifo("answers", self)
        self.put = uvm_tlm_analysis_fifo("put", self)
        self.seen = {stream: uvm_tlm_analysis_fifo(stream, self) for stream in (*STREAMS, "frames")}

    def check_phase(self):
        bench = ConfigDB().get(self, "", "BENCH")
        self.core, self.steps, self.stimuli = Core(bench.design, believe=True), [], drain(self.sent)
        seen = {stream: drain(fifo) for stream, fifo in self.seen.items()}
        events = book_events.Events(bench.design, self.core.events)
        events.hear((name, [item.cycle for item in seen[name]], [item.value for item in seen[name]])
                    for name in book_events.STREAMS)
        if events.unlawful:
            raise Mismatch(f"windows that no law knows: {events.unlawful}")
        moments.tell(self.core, {name: ([item.cycle for item in seen[name]], [item.value for item in seen[name]])
                                 for name in moments.STREAMS})
        for answer in drain(self.answers):
            self.core.session_frame(answer)
        for stimulus in self.stimuli:
            self.steps.append(self.core.frame(stimulus.octets, error=stimulus.error))
        self.steps.append(self.core.settle())
        bare = [frame.value for frame in seen["frames"] if not segment(frame.value).length]
        seen["frames"] = [frame for frame in seen["frames"] if segment(frame.value).length]
        self._check_acknowledgments(bare)
        foreign = len(bench.design.symbols)  # dropped without an echo
        self.core.book.load(foreign, 0, 0, 0, 0)
        takers = {"symbol_limits": self.core.risk.symbol_limit, "requests": self.core.strategy.request}
        for stream, record in drain(self.put):
            if stream in takers and record.symbol == foreign:
                takers[stream](record)
        for stream in self.seen:
            compare(stream, seen[stream], [value for step in self.steps for value in getattr(step, stream)])
        for stage, expected in self.core.counters.items():
            got = bench.counters(stage, f"{stage}_counters")
            wrong = {name: (value, got[name]) for name, value in expected.items() if got[name] != value}
            if wrong:
                raise Mismatch(f"{stage} counters (expected, got): {wrong}")

    def _check_acknowledgments(self, frames: list[bytes]):
        """They say when they left; the rest of them is the model's."""
        for frame in frames:
            part = segment(frame)
            header = Header(part.acknowledgment, part.window, part.ts_value, part.ts_echo)
            if frame != self.core.order.acknowledgment(header, part.sequence):
                raise Mismatch(f"no acknowledgment of ours: {frame.hex()}")


def drain(fifo: uvm_tlm_analysis_fifo) -> list:
    items = []
    while True:
        ok, item = fifo.try_get()
        if not ok:
            return items
        items.append(item)


def compare(stream: str, seen: list[Seen], expected: list) -> None:
    """Raises ``Mismatch`` at the first record that differs, and when there is nothing to compare."""
    if not expected and (seen or stream not in RARE):
        raise Mismatch(f"{stream}: the model expects nothing, so nothing was compared")
    for k, (got, want) in enumerate(zip(seen, expected, strict=False)):
        if got.value != want:
            raise Mismatch(f"{stream}[{k}] at cycle {got.cycle}: expected {want}, got {got.value}")
    if len(seen) != len(expected):
        raise Mismatch(f"{stream}: expected {len(expected)}, got {len(seen)}")
