"""The core between a source and a sink, watched at every boundary and held to the golden model."""

import itertools

import cocotb

from golden_model.core import Core, Step
from golden_model.order import Header
from hdl.clock import FRACTION_BITS
from hdl.order import IN_FLIGHT
from hdl.risk import Risk
from sim import book_events, moments
from sim.explain import declared
from sim.latency import STAGES, TICK_TO_TRADE
from sim.order_frames import segment
from sim.venue import Venue
from spec.records import RECORDS, REQUESTS, Cause, Refusal
from testbenches.core_traffic import Market
from testbenches.harness import Bench, assert_same_counters, assert_same_records, axi_frame
from testbenches.order_bench import AXI_PAYLOAD, LANES, StreamRules, assert_checksums

_RESET_CYCLES = 5
_ANSWERED = 600  #: cycles in which a few replies are parsed, an octet per cycle, and acknowledged
_QUIET = 400  #: cycles without a record after which the book does nothing more
#: Inputs of the core besides RX, at rest.
AT_REST = {f"{name}_{part}": 0 for name in (*(record.stream for record in REQUESTS), "clock")
           for part in ("valid", "payload")} | {"session_rx_tvalid": 0, "kill": 0, "kill_release": 0, "handback": 0}


class CoreBench(Bench):
    """The core between a source and a sink, watched at every boundary.

    The golden model is given what RX carried, as seen there, so that a frame that a reset cuts needs no special care. A
    venue acknowledges and answers each order as soon as its frame has left; while not ``answering``, when asked to.
    """

    def __init__(self, dut):
        super().__init__(dut)
        self.slow = cocotb.SIM_NAME.startswith("Icarus")  # a few hundred cycles of the core per second
        self.market = Market(self.design, self.rng)
        self.watches = {record.stream: self.watch(record.stream) for record in RECORDS}
        self.source, self.sink, self.exchange = self.axi_source(), self.axi_sink(), self.axi_source("session_rx")
        for end in (self.source, self.sink, self.exchange):
            end.log.setLevel("WARNING")  # it would log every frame, octet by octet
        self.latency = declared(self.design)
        self.k = self.latency[TICK_TO_TRADE]
        self.answering = True
        self._forget()
        self.always(self._sample)

    def _forget(self):
        """Reset: nothing has happened yet."""
        for watch in self.watches.values():
            watch.cycles.clear()
            watch.seen.clear()
        self.rx_beats: list[list[int]] = [[]]  # per frame, the edges at which its beats were accepted
        self.rx_frames: list[tuple[bytes, bool, bool]] = []  # octets, error, core ready at the first beat
        self._rx_octets, self._rx_ready = bytearray(), False
        self.tx_frames: list[bytes] = []  # all of TX
        self.sof: list[int] = []  # per frame, the edge at which its first beat was offered first
        self.tx_beats: list[list[int]] = []  # per frame, the edges at which its beats were accepted
        self.rules, self.frame_under_way, self._tx_octets = StreamRules(), False, bytearray()
        self.venue, self.answers = Venue(self.design, seed=self.rng.getrandbits(16)), []
        self.killed_at: int | None = None
        self.began = self.cycle + 1  # the first edge without reset
        self.tx_held_back = False

    def _sample(self):
        dut = self.dut
        if int(dut.rst.value):
            return self._forget()
        assert int(dut.rx_tready.value), f"rx_tready is low at cycle {self.cycle}"
        if int(dut.kill.value) and self.killed_at is None:
            self.killed_at = self.cycle
        if int(dut.rx_tvalid.value):
            self._sample_rx()
        valid, ready = int(dut.tx_tvalid.value), int(dut.tx_tready.value)
        self.tx_held_back |= not ready
        self.rules.sample(valid, ready, tuple(int(getattr(dut, f"tx_{n}").value) for n in AXI_PAYLOAD) if valid else ())
        assert valid or not self.frame_under_way, f"tx_tvalid fell within a frame at cycle {self.cycle}"
        if valid and not self.frame_under_way:
            self.sof.append(self.cycle)
            self.tx_beats.append([])
            self.frame_under_way = True
        if valid and ready:
            self._sample_tx()
        return None

    def _sample_tx(self):
        dut = self.dut
        self.tx_beats[-1].append(self.cycle)
        self._tx_octets += int(dut.tx_tdata.value).to_bytes(LANES, "little")[: int(dut.tx_tkeep.value).bit_count()]
        self.frame_under_way = not int(dut.tx_tlast.value)
        if not self.frame_under_way:
            assert not int(dut.tx_tuser.value), f"frame {len(self.tx_frames)} is flagged as bad"
            self.tx_frames.append(bytes(self._tx_octets))
            self._tx_octets.clear()
            self.venue.take(self.tx_frames[-1:])
            if self.answering:
                self._answer()

    def _answer(self):
        for answer in self.venue.frames():
            self.answers.append(answer)
            self.exchange.send_nowait(axi_frame(answer))

    async def answer(self):
        """Let all orders out, answer them, and let the core acknowledge that."""
        await self.source.wait()
        await self.cycles(self.k + self.latency["indicators"])
        while self.frame_under_way or len(self.orders) > len(self.order_frames):
            await self.cycles(10)
        self._answer()
        await self.exchange.wait()
        await self.cycles(_ANSWERED)

    def _sample_rx(self):
        dut, beats = self.dut, self.rx_beats[-1]
        if not beats:
            self._rx_ready = bool(int(dut.ready.value))
        beats.append(self.cycle)
        self._rx_octets += int(dut.rx_tdata.value).to_bytes(LANES, "little")[: int(dut.rx_tkeep.value).bit_count()]
        if int(dut.rx_tlast.value):
            self.rx_frames.append((bytes(self._rx_octets), bool(int(dut.rx_tuser.value)), self._rx_ready))
            self.rx_beats.append([])
            self._rx_octets.clear()

    @classmethod
    async def create(cls, dut, *, opened: bool = True, **inputs):
        """A core out of its reset sweep; with ``opened`` every symbol trades."""
        bench = cls(dut)
        await bench.start(rx_tvalid=0, **AT_REST, **inputs)
        if opened:
            bench.send(bench.market.frame(*bench.market.opening()))
        return bench

    async def reset(self):
        """Reset whatever is under way; the source goes on sending, the far side of TX is reset too."""
        self.dut.rst.value = 1
        await self.cycles(_RESET_CYCLES)
        self.exchange.clear()
        self.sink.clear()
        self.sink.assert_reset()
        self.dut.rst.value = 0

    def send(self, *frames: bytes, error: bool = False):
        for octets in frames:
            self.source.send_nowait(axi_frame(octets, error=error))

    def idle(self, probability: float):
        """From now on RX is idle in that part of the cycles, at random."""
        self.source.set_pause_generator(self.rng.random() < probability for _ in itertools.count())

    async def drain(self):
        """Let everything out."""
        await self.source.wait()
        self.sink.clear_pause_generator()
        self.sink.pause = False
        await self.answer()
        await self.cycles(self.k + self.latency["vwap quotient"] + 16 * (self.design.order.queue + 2))
        said = -1
        while said != sum(len(watch.seen) for watch in self.watches.values()):
            said = sum(len(watch.seen) for watch in self.watches.values())
            await self.cycles(_QUIET)
        self.sink.clear()

    def check(self) -> list[Step]:
        """What the model makes of what RX carried is what came out, when it should; returns the model's steps."""
        model, steps = Core(self.design, believe=True), []
        events = book_events.Events(self.design, model.events)
        events.hear((name, self.watches[name].cycles, self.watches[name].seen) for name in book_events.STREAMS)
        assert not events.unlawful, f"windows that no law knows: {events.unlawful}"
        moments.tell(model, {name: (self.watches[name].cycles, self.watches[name].seen) for name in moments.STREAMS})
        for answer in self.answers:
            model.session_frame(answer)
        for octets, error, ready in self.rx_frames:
            steps.append(model.frame(octets, error=error, ready=ready))
        steps.append(model.settle())
        for stream, watch in self.watches.items():
            if expected := [record for step in steps for record in getattr(step, stream)]:
                assert_same_records(watch, expected)
            else:
                assert not watch.seen, f"{stream}: expected none, got {watch.seen[0]}"
        self._check_moments()
        self._check_frames(model, [frame for step in steps for frame in step.frames])
        for stage, counters in model.counters.items():
            got = self.counters(stage, f"{stage}_counters")
            if any(counters.values()):
                assert_same_counters(got, counters)
            else:
                assert not any(got.values()), f"{stage} counters: expected zeros, got {got}"
        self._check_latencies(self.ends(steps))
        return steps

    @property
    def order_frames(self) -> list[int]:
        """Which of TX's frames carry payload: each an order's."""
        return [k for k, octets in enumerate(self.tx_frames) if segment(octets).length]

    def _check_moments(self):
        """What the model was told of moments is so: the queue was full when it says, the kill switch came in time."""
        decisions = self.watches["decisions"]
        begun, approved = [self.sof[k] for k in self.order_frames], []
        for cycle, decision in zip(decisions.cycles, decisions.seen, strict=True):
            # Judged one edge before its decision, while no place was left after so many approvals (known an edge
            # later) and frames begun.
            waiting = sum(c <= cycle - 2 for c in approved) - sum(c <= cycle - 1 for c in begun)
            full = bool(decision.refusals & Refusal.ORDER_QUEUE_FULL)
            assert full == (waiting >= self.design.order.queue - IN_FLIGHT), f"{waiting} orders wait: {decision}"
            if not decision.refusals:
                approved.append(cycle)
            edges = cycle - Risk.LATENCY - self.began
            ns = edges * round(self.design.core.period_ns * (1 << FRACTION_BITS)) >> FRACTION_BITS
            assert decision.time == ns, f"clock after {edges} cycles: expected {ns}, got {decision.time}"
        kills = [(kill.decision, kill.causes) for kill in self.watches["kills"].seen]
        expected = [] if self.killed_at is None else [
            (sum(cycle - Risk.LATENCY <= self.killed_at for cycle in decisions.cycles), Cause.HOST)]
        assert kills == expected, f"kill switch: expected {expected}, got {kills}"

    def _check_frames(self, model: Core, expected: list[bytes]):
        frames = [self.tx_frames[k] for k in self.order_frames]
        for k, (mine, theirs) in enumerate(zip(frames, expected, strict=False)):
            assert mine == theirs, f"order frame {k}: expected {theirs.hex()}, got {mine.hex()}"
        assert len(frames) == len(expected), f"order frames: expected {len(expected)}, got {len(frames)}"
        assert [len(beats) for beats in self.tx_beats] == [-(-len(frame) // LANES) for frame in self.tx_frames]
        for frame in self.tx_frames:
            assert_checksums(frame)
            if not (part := segment(frame)).length:  # says when it left; the rest of it is the model's
                header = Header(part.acknowledgment, part.window, part.ts_value, part.ts_echo)
                assert frame == model.order.acknowledgment(header, part.sequence), frame.hex()

    def ends(self, steps: list[Step]) -> dict[int, int]:
        """EOT of each message."""
        return {record.message: beats[last // LANES] for beats, step in zip(self.rx_beats, steps, strict=False)
                for record, last in zip(step.messages, step.last_octets, strict=True)}

    def _check_latencies(self, eot: dict[int, int]):
        """Every record of every stream is as late as declared, and every order frame begins when the law says."""
        at = {stream: {record.message: cycle for cycle, record in zip(watch.cycles, watch.seen, strict=True)}
              for stream, watch in self.watches.items()} | {"eot": eot}
        for name, begin, end, _ in STAGES:
            for message, cycle in at[end].items():
                taken = cycle - at[begin][message]
                assert taken == self.latency[name], \
                    f"{name}: message {message}: {taken} cycles, declared {self.latency[name]}"
        messages = iter(at["orders"])
        free, orders = 0, set(self.order_frames)
        for k, (sof, beats) in enumerate(zip(self.sof, self.tx_beats, strict=True)):
            if k in orders:
                due = max(eot[message := next(messages)] + self.k, free)
                assert sof == due, f"order of message {message}: first beat at cycle {sof}, expected {due}"
            free = beats[-1] + 1
        assert next(messages, None) is None

    @property
    def orders(self) -> list:
        return self.watches["orders"].seen

    @property
    def decisions(self) -> list:
        return self.watches["decisions"].seen
