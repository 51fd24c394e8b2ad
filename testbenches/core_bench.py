"""The core between a source and a sink, watched at every boundary and held to the golden model."""

import itertools

import cocotb

from golden_model.core import Core, Step
from hdl.order import IN_FLIGHT
from sim import book_events
from sim.explain import declared
from sim.latency import STAGES, TICK_TO_TRADE
from spec.records import RECORDS
from testbenches.core_traffic import Market
from testbenches.harness import Bench, assert_same_counters, assert_same_records, axi_frame
from testbenches.order import AXI_PAYLOAD, LANES, StreamRules, assert_checksums

_RESET_CYCLES = 5
_QUIET = 400  #: cycles without a record after which the book does nothing more


class CoreBench(Bench):
    """The core between a source and a sink, watched at every boundary.

    The golden model is given what RX carried, as seen there, so that a frame that a reset cuts needs no special care.
    """

    def __init__(self, dut):
        super().__init__(dut)
        self.slow = cocotb.SIM_NAME.startswith("Icarus")  # a few hundred cycles of the core per second
        self.market = Market(self.design, self.rng)
        self.watches = {record.stream: self.watch(record.stream) for record in RECORDS}
        self.source, self.sink = self.axi_source(), self.axi_sink()
        for end in (self.source, self.sink):
            end.log.setLevel("WARNING")  # it would log every frame, octet by octet
        self.latency = declared(self.design)
        self.k = self.latency[TICK_TO_TRADE]
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
        self.frames: list[bytes] = []  # order frames, after ``drain``
        self.sof: list[int] = []  # per order frame, the edge at which its first beat was offered first
        self.tx_beats: list[list[int]] = []  # per order frame, the edges at which its beats were accepted
        self.rules, self.order_under_way = StreamRules(), False
        self.killed_at: int | None = None
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
        assert valid or not self.order_under_way, f"tx_tvalid fell within a frame at cycle {self.cycle}"
        if valid and not self.order_under_way:
            self.sof.append(self.cycle)
            self.tx_beats.append([])
            self.order_under_way = True
        if valid and ready:
            self.tx_beats[-1].append(self.cycle)
            self.order_under_way = not int(dut.tx_tlast.value)
        return None

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
        await bench.start(rx_tvalid=0, kill=0, snapshot_valid=0, snapshot_payload=0, **inputs)
        if opened:
            bench.send(bench.market.frame(*bench.market.opening()))
        return bench

    async def reset(self):
        """Reset whatever is under way; the source goes on sending, the far side of TX is reset too."""
        self.dut.rst.value = 1
        await self.cycles(_RESET_CYCLES)
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
        await self.cycles(self.k + self.latency["vwap quotient"] + 16 * (self.design.order.queue + 2))
        said = -1
        while said != sum(len(self.watches[stream].seen) for stream in book_events.STREAMS):
            said = sum(len(self.watches[stream].seen) for stream in book_events.STREAMS)
            await self.cycles(_QUIET)
        while not self.sink.empty():
            frame = self.sink.recv_nowait()
            assert not frame.tuser, f"order frame {len(self.frames)} is flagged as bad"  # one value once compacted
            self.frames.append(bytes(frame.tdata))

    def check(self) -> list[Step]:
        """What the model makes of what RX carried is what came out, when it should; returns the model's steps."""
        model, steps = Core(self.design), []
        model.queue_full = self._find_queue_full()
        events = book_events.Events(self.design, model.events)
        events.hear((name, self.watches[name].cycles, self.watches[name].seen) for name in book_events.STREAMS)
        assert not events.unlawful, f"windows that no law knows: {events.unlawful}"
        killed = self._killed_messages()
        judge = model.risk.intent

        def intent(record, **options):
            if record.message in killed:
                model.risk.kill()
            return judge(record, **options)

        model.risk.intent = intent
        for octets, error, ready in self.rx_frames:
            steps.append(model.frame(octets, error=error, ready=ready))
        steps.append(model.settle())
        for stream, watch in self.watches.items():
            if expected := [record for step in steps for record in getattr(step, stream)]:
                assert_same_records(watch, expected)
            else:
                assert not watch.seen, f"{stream}: expected none, got {watch.seen[0]}"
        self._check_frames([frame for step in steps for frame in step.frames])
        for stage, counters in model.counters.items():
            got = self.counters(stage, f"{stage}_counters")
            if any(counters.values()):
                assert_same_counters(got, counters)
            else:
                assert not any(got.values()), f"{stage} counters: expected zeros, got {got}"
        self._check_latencies(self.ends(steps))
        return steps

    def _find_queue_full(self) -> set[int]:
        """Messages whose intent was judged, one edge before its decision, while no place in the queue was left: after
        so many approvals (known an edge later) and frames begun."""
        decisions, approved, full = self.watches["decisions"], [], set()
        for cycle, decision in zip(decisions.cycles, decisions.seen, strict=True):
            waiting = sum(c <= cycle - 2 for c in approved) - sum(c <= cycle - 1 for c in self.sof)
            if waiting >= self.design.order.queue - IN_FLIGHT:
                full.add(decision.message)
            if not decision.refusals:
                approved.append(cycle)
        return full

    def _killed_messages(self) -> set[int]:
        decisions = self.watches["decisions"]
        return {decision.message for cycle, decision in zip(decisions.cycles, decisions.seen, strict=True)
                if self.killed_at is not None and cycle > self.killed_at}

    def _check_frames(self, expected: list[bytes]):
        for k, (mine, theirs) in enumerate(zip(self.frames, expected, strict=False)):
            assert mine == theirs, f"order frame {k}: expected {theirs.hex()}, got {mine.hex()}"
            assert_checksums(mine)
        assert len(self.frames) == len(expected), f"order frames: expected {len(expected)}, got {len(self.frames)}"
        assert [len(beats) for beats in self.tx_beats] == [-(-len(frame) // LANES) for frame in expected]

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
        free = 0
        for message, sof, beats in zip(at["orders"], self.sof, self.tx_beats, strict=True):
            due = max(eot[message] + self.k, free)
            assert sof == due, f"order of message {message}: first beat at cycle {sof}, expected {due}"
            free = beats[-1] + 1

    @property
    def orders(self) -> list:
        return self.watches["orders"].seen

    @property
    def decisions(self) -> list:
        return self.watches["decisions"].seen
