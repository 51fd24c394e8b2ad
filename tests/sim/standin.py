"""A small component with the core's ports, and its model: what engine, comparison and replay are tested with.

A frame is one ITCH message without any header. It becomes a ``messages`` record; a locate below 4 makes an update, an
A an order of 27 octets; with the update of an F come a window and a load, with that of a D a depth, with that of an
E what risk and session say of moments. The records carry
recognisable values, wide, signed and partly filled ones among them.
"""

import random
from collections import deque
from functools import cache
from os import getpid
from pathlib import Path

from amaranth import *
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.clock import Setting
from hdl.export import write_verilog
from hdl.records import counters, layout, records
from hdl.wire import RX, TX, big_endian
from sim import engine
from spec import itch
from spec import records as spec
from spec.counters import COUNTERS

FEED, BOOK, INDICATORS, VWAP, STRATEGY, RISK, ENCODE, TRANSMIT = 1, 2, 1, 5, 1, 1, 1, 2  #: latencies in cycles
TICK_TO_TRADE = FEED + BOOK + STRATEGY + RISK + ENCODE + TRANSMIT
SWEEP = 20  #: cycles until ready
FRAME = 27  #: octets of an order frame
QUEUE = 64
WINDOW = 16_000  #: both bounds of every window: lawful with either tick, and empty
#: What an E makes: stream -> the field that has the price, or as much of it as it holds.
MOMENTS = {"symbol_limits_set": "max_gross", "session_limits_set": "max_loss", "kills": "causes",
           "positions": "position", "sessions": "ts_recent", "parameters_set": "max_spread", "symbols_set": "locate"}
DIRECTORY = Path("build/native")


@cache
def verilog() -> Path:
    """The stand-in's Verilog; whole at any moment, whoever else writes it."""
    path = DIRECTORY / "standin" / "tickwire.v"
    return write_verilog(StandIn(), path.with_suffix(f".{getpid()}"), name="tickwire").replace(path)


@cache
def library(*, waves: bool = False) -> Path:
    """The stand-in, built for the engine."""
    return engine.build(verilog(), DIRECTORY, waves=waves)


def message(code: str, *, locate: int, rng: random.Random | None = None) -> bytes:
    """A frame: one ITCH message with random content."""
    octets = (rng or random.Random(0)).randbytes(itch.MESSAGES[code].length)
    return code.encode() + locate.to_bytes(2, "big") + octets[3:]


def frames(rng: random.Random, count: int) -> list[bytes]:
    """Half of them for symbols that the stand-in follows."""
    return [message(rng.choice("ADFEX"), locate=rng.randrange(8), rng=rng) for _ in range(count)]


class StandIn(wiring.Component):
    def __init__(self):
        super().__init__(
            {"rx": In(RX), "session_rx": In(RX), "tx": Out(TX), "ready": Out(1), "clock": In(stream.Signature(Setting))}
            | {level: In(1) for level in ("kill", "kill_release", "handback")}
            | {record.stream: In(stream.Signature(layout(record))) for record in spec.REQUESTS}
            | {record.stream: Out(records(record)) for record in spec.RECORDS}
            | {f"{stage}_counters": Out(counters(stage)) for stage in COUNTERS}
        )

    def elaborate(self, platform):
        m = Module()
        sweep = Signal(range(SWEEP + 1))
        with m.If(sweep != SWEEP):
            m.d.sync += sweep.eq(sweep + 1)
        m.d.comb += [self.ready.eq(sweep == SWEEP), self.clock.ready.eq(1)]
        m.d.comb += [getattr(self, record.stream).ready.eq(1) for record in spec.REQUESTS]
        message = self._feed(m)
        update = self._book(m)
        self._events(m, update)
        self._indicators(m, update)
        self._orders(m, update)
        m.d.comb += self.messages.payload.message.eq(message)
        return m

    def _feed(self, m):
        beat, octets, number = Signal(3), Signal(64 * 7), Signal(32)
        p = self.rx.payload
        kept = Cat(p.data.word_select(i, 8) & p.keep[i].replicate(8) for i in range(8))
        record = self.messages.payload
        m.d.sync += self.messages.valid.eq(self.rx.valid & p.last)
        with m.If(self.rx.valid):
            m.d.sync += [octets.word_select(beat, 64).eq(kept), beat.eq(beat + 1)]
            with m.If(p.last):
                m.d.sync += [beat.eq(0), record.gap.eq(p.error),
                             self.feed_counters.frames.eq(self.feed_counters.frames + 1)]
            with m.If(beat == 0):
                m.d.sync += octets.eq(kept)
        with m.If(self.messages.valid):
            m.d.sync += number.eq(number + 1)
        m.d.comb += [record.octets.eq(octets), record.sequence.eq(number + (1 << 40))]
        return number

    def _book(self, m):
        octets, first = self.messages.payload.octets, Signal(layout(spec.UPDATE))
        known, seen = Signal(), Signal(52)
        update = self.updates.payload
        m.d.sync += [
            known.eq(self.messages.valid & (big_endian(octets[8:24]) < 4)),
            first.message.eq(self.messages.payload.message),
            first.timestamp.eq(big_endian(octets[40:88])),
            first.symbol.eq(big_endian(octets[8:24])),
            first.type.eq(octets[:8]),
            first.bid_known.eq(1),
            first.bid_price.eq(big_endian(octets[256:288])),
            first.match.eq(big_endian(octets[88:152])),
            self.updates.valid.eq(known),
            update.eq(first),
            update.bid_quantity.eq(seen),
            self.book_counters.updates.eq(self.book_counters.updates + known),
        ]
        with m.If(known):
            m.d.sync += seen.eq(seen + 1)
        return update

    def _events(self, m, update):
        windows, depths, loads = self.windows, self.depths, self.loads
        added, deleted = (self.updates.valid & (update.type == ord(code)) for code in "FD")
        for each, when in (windows, added), (loads, added), (depths, deleted):
            m.d.comb += [each.valid.eq(when), each.payload.message.eq(update.message + 1),
                         each.payload.symbol.eq(update.symbol)]
        executed = self.updates.valid & (update.type == ord("E"))
        for stream_name, name in MOMENTS.items():
            each = getattr(self, stream_name)
            m.d.comb += [each.valid.eq(executed), each.payload.message.eq(update.message + 1),
                         each.payload[name].eq(update.bid_price)]
        m.d.comb += [windows.payload.low.eq(WINDOW), windows.payload.high.eq(WINDOW),
                     loads.payload.reference.eq(update.match), depths.payload.price_4.eq(update.bid_price)]

    def _indicators(self, m, update):
        notional = Signal(80)
        indicator, vwap = self.indicators.payload, self.vwaps.payload
        with m.If(self.updates.valid):
            m.d.sync += notional.eq(notional + (update.type << 60))
        m.d.sync += [
            self.indicators.valid.eq(self.updates.valid), indicator.message.eq(update.message),
            indicator.symbol.eq(update.symbol), indicator.notional.eq(notional + (update.type << 60)),
            indicator.vwap_known.eq(1),
        ]
        stage = Cat(self.indicators.valid, indicator.message, indicator.symbol)
        for _ in range(VWAP - INDICATORS):
            delayed = Signal.like(stage, name="delayed")
            m.d.sync += delayed.eq(stage)
            stage = delayed
        m.d.comb += [self.vwaps.valid.eq(stage[0]), vwap.message.eq(stage[1:33]), vwap.symbol.eq(stage[33:])]

    def _orders(self, m, update):
        intent, decision, order = self.intents.payload, self.decisions.payload, self.orders.payload
        position, reference = Signal(signed(48)), Signal(32)
        approved = self.decisions.valid & (decision.refusals == 0)
        m.d.sync += [
            self.intents.valid.eq(self.updates.valid & (update.type == ord("A"))),
            *(getattr(intent, name).eq(getattr(update, name)) for name in ("message", "timestamp", "symbol")),
            intent.side.eq(1), intent.quantity.eq(100), intent.price.eq(update.bid_price),
            self.decisions.valid.eq(self.intents.valid),
            *(getattr(decision, name).eq(getattr(intent, name))
              for name in ("message", "timestamp", "symbol", "side", "quantity", "price")),
            decision.refusals.eq(self.kill), decision.exposure_short.eq(position),
            self.orders.valid.eq(approved), order.message.eq(decision.message), order.user_ref_num.eq(reference),
            order.sending_time.eq(Cat(decision.price, C(0xEE, 32))), order.length.eq(FRAME),
        ]
        with m.If(self.intents.valid & ~self.kill):
            m.d.sync += [position.eq(position - 100), decision.exposure_short.eq(position - 100)]
        with m.If(approved):
            m.d.sync += reference.eq(reference + 1)
            m.d.sync += self.order_counters.orders.eq(self.order_counters.orders + 1)

        m.submodules.queue = queue = fifo.SyncFIFO(width=FRAME * 8, depth=QUEUE)
        at, busy, frame = Signal(2), Signal(), Signal(32 * 8)
        done = busy & self.tx.ready & (at == 3)
        take = queue.r_rdy & (~busy | done)
        m.d.comb += [
            queue.w_data.eq(Cat(order.user_ref_num, C(0xA5, 8), order.sending_time[:32])),
            queue.w_en.eq(self.orders.valid), queue.r_en.eq(take),
            self.tx.valid.eq(busy), self.tx.payload.last.eq(at == 3),
            self.tx.payload.data.eq(frame.word_select(at, 64)),
            self.tx.payload.keep.eq(Mux(at == 3, 0x07, 0xFF)),
        ]
        with m.If(busy & self.tx.ready):
            m.d.sync += at.eq(at + 1)
        with m.If(take):
            m.d.sync += [busy.eq(1), frame.eq(queue.r_data)]
        with m.Elif(done):
            m.d.sync += busy.eq(0)


def _zero_counters():
    return {stage: dict.fromkeys(names, 0) for stage, names in COUNTERS.items()}


class Step:
    """As ``golden_model.core.Step``."""

    def __init__(self):
        for name in (*(record.stream for record in spec.RECORDS), "frames", "last_octets"):
            setattr(self, name, [])


class Silence:
    """A venue that answers nothing, whatever the frames are."""

    def take(self, frames):
        pass

    def frames(self):
        return []


class Model:
    """What StandIn does. ``wrong`` maps (stream, message) to fields to falsify, or to None to leave the record out."""

    def __init__(self, wrong=None):
        self.counters = _zero_counters()
        self.events, self.symbols, self.parameters, self.requests, self.moments, self.sent, self.admin = (
            deque() for _ in range(7))
        self.conditions = {}  # it knows all of this without being told
        self.wrong = wrong or {}
        self.number = self.updates = self.notional = self.position = self.reference = 0

    def _say(self, step, record, **values):
        blank = dict.fromkeys(record.tuple._fields, 0)
        made = record.tuple(**blank | values)
        self.events.clear()
        self.moments.clear()
        self.symbols.clear()
        self.parameters.clear()
        twist = self.wrong.get((record.stream, values["message"]), {})
        if twist is not None:
            getattr(step, record.stream).append(made._replace(**twist))

    def settle(self):
        return Step()

    def frame(self, octets, error=False):
        step = Step()
        self.counters["feed"]["frames"] += 1
        number, self.number = self.number, self.number + 1
        self._say(step, spec.MESSAGE, message=number, sequence=number + (1 << 40), gap=int(error),
                  octets=int.from_bytes(octets[:50], "little"))
        step.last_octets.append(len(octets) - 1)
        symbol, padded = int.from_bytes(octets[1:3], "big"), octets.ljust(56, b"\0")
        if symbol >= 4:
            return step
        self.counters["book"]["updates"] += 1
        common = dict(message=number, symbol=symbol)
        time, price = int.from_bytes(octets[5:11], "big"), int.from_bytes(padded[32:36], "big")
        self._say(step, spec.UPDATE, timestamp=time, type=octets[0], bid_known=1, bid_price=price,
                  match=int.from_bytes(padded[11:19], "big"), bid_quantity=self.updates, **common)
        match = int.from_bytes(padded[11:19], "big")
        if octets[:1] == b"F":
            self._say(step, spec.WINDOW, message=number + 1, symbol=symbol, low=WINDOW, high=WINDOW)
            self._say(step, spec.LOAD, message=number + 1, symbol=symbol, reference=match)
        for record in spec.RECORDS if octets[:1] == b"E" else ():
            if name := MOMENTS.get(record.stream):
                bits = dict(zip(record.tuple._fields, (f.bits for f in record.fields), strict=True))[name]
                self._say(step, record, message=number + 1, **{name: price % (1 << bits)})
        if octets[:1] == b"D":
            self._say(step, spec.DEPTH, message=number + 1, symbol=symbol, price_4=price)
        self.updates += 1
        self.notional += octets[0] << 60
        self._say(step, spec.INDICATOR, vwap_known=1, notional=self.notional % (1 << 80), **common)
        self._say(step, spec.VWAP, **common)
        if octets[:1] != b"A":
            return step
        self._say(step, spec.INTENT, timestamp=time, side=1, quantity=100, price=price, **common)
        self.position -= 100
        self._say(step, spec.DECISION, timestamp=time, side=1, quantity=100, price=price, exposure_short=self.position,
                  **common)
        self._say(step, spec.ORDER, message=number, user_ref_num=self.reference, length=FRAME,
                  sending_time=price | 0xEE << 32)
        octets = self.reference.to_bytes(4, "little") + b"\xa5" + price.to_bytes(4, "little")
        step.frames.append(octets.ljust(FRAME, b"\0"))
        self.reference += 1
        self.counters["order"]["orders"] += 1
        return step
