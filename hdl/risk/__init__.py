"""Risk: the gate between what the strategy wants and what may be sent.

Every intent passes all checks side by side; ``Decision.refusals`` names those that failed. Nothing but a decision
without refusals makes an order. docs/risk.md says what each check compares, and which rule asks for it.
"""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spec.config import Design
from spec.records import (
    CHECKS_OF_CANCEL,
    DECISION,
    INTENT,
    KILL,
    POSITION,
    REPLY,
    SESSION_LIMIT,
    SESSION_LIMIT_SET,
    SYMBOL_LIMIT,
    SYMBOL_LIMIT_SET,
    UPDATE,
    Action,
    Cause,
    Refusal,
    Reply,
    Side,
)

from ..candidates import Candidates
from ..counting import count
from ..link import Seen
from ..memory import ForwardedMemory
from ..pipeline import delay
from ..records import counters, layout, records
from ..time import Time
from . import exposure, order_checks
from .duplicates import Duplicates
from .exposure import Exposure
from .kill_switch import KillSwitch
from .limits import Limits
from .loss import Loss
from .open_orders import OpenOrders
from .order_checks import OrderChecks
from .rate import TIME_BITS, Rate
from .replies import Replies
from .stale import Stale

__all__ = ["Risk"]

_REPLIES = {kind: kind.name.lower() for kind in Reply if kind}


class Risk(wiring.Component):
    """One decision per intent.

    Latency ``LATENCY`` cycles, initiation interval 1. What an intent may order is there one cycle before it; the intent
    says which of it counts. Whatever else changes what is decided (replies, limits, the kill switch) changes it between
    two intents: what happens in cycle w is seen by intents from w + 1 on, and its record says which is the first. Those
    records come two cycles after w, in that order: positions, limits, kills.

    =====  =======================================================================================================
    cycle  does
    =====  =======================================================================================================
    c - 1  candidates: limits and what replies changed are read; products of both sides, sums of digits for the lot
    c      intent: everything that depends on no other order; what sums are compared with; products of the collar
    c + 1  judgement: sums against those, rates, duplicates, rows; the verdict; new sums
    c + 2  decision
    =====  =======================================================================================================

    Members
    -------
    candidates, intents
        What an intent in the next cycle may order, and what the strategy wants of it.
    updates
        Of the book, to value positions.
    replies
        What the exchange says, with backpressure.
    symbol_limits, session_limits
        Of the host.
    kill, kill_release
        Engages the kill switch; ends it, if ``kill`` is low.
    session_lost
        Engages it too.
    queue_full, no_session
        An order that is judged now could not be sent.
    heard
        A datagram of the feed came.
    time
    decisions, positions, symbol_limits_set, session_limits_set, kills
    seen
        Which decision sees what happens now.
    ready
        All memories are swept. No intent before.
    """

    LATENCY = 2

    candidates: In(Candidates)
    intents: In(records(INTENT))
    updates: In(records(UPDATE))
    replies: In(stream.Signature(layout(REPLY)))
    symbol_limits: In(stream.Signature(layout(SYMBOL_LIMIT)))
    session_limits: In(stream.Signature(layout(SESSION_LIMIT)))
    kill: In(1)
    kill_release: In(1)
    session_lost: In(1)
    queue_full: In(1)
    no_session: In(1)
    heard: In(1)
    time: In(Time)
    decisions: Out(records(DECISION))
    positions: Out(records(POSITION))
    symbol_limits_set: Out(records(SYMBOL_LIMIT_SET))
    session_limits_set: Out(records(SESSION_LIMIT_SET))
    kills: Out(records(KILL))
    seen: Out(Seen)
    ready: Out(1)
    counters: Out(counters("risk"))

    def __init__(self, *, design: Design):
        if not isinstance(design, Design):
            raise TypeError(f"design must be a spec.config.Design, not {design!r}")
        self._design = design
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        design = self._design
        m.submodules.limits = limits = Limits(design=design)
        m.submodules.order_checks = checks = OrderChecks()
        m.submodules.exposure = sums = Exposure(design=design)
        m.submodules.open_orders = orders = OpenOrders(design=design)
        m.submodules.duplicates = duplicates = Duplicates(design=design)
        m.submodules.symbol_rate = symbol_rate = Rate()
        m.submodules.message_rate = message_rate = Rate()
        m.submodules.replies = replies = Replies(design=design)
        m.submodules.loss = loss = Loss(design=design)
        m.submodules.stale = stale = Stale()
        m.submodules.kill_switch = switch = KillSwitch()
        m.submodules.buckets = buckets = ForwardedMemory(shape=TIME_BITS, depth=len(design.symbols))
        candidates, limit, session = self.candidates, limits.of_symbol, limits.of_session

        # What was judged ahead is what is ordered, whatever the intent says of it.
        ahead, said, intent = Signal(Candidates), self.intents.payload, Signal(layout(INTENT))
        judged_ahead = {"symbol": ahead.symbol, "quantity": ahead.quantity,
                        "price": Mux(said.side, ahead.prices[Side.SELL], ahead.prices[Side.BUY])}
        m.d.sync += ahead.eq(candidates)
        m.d.comb += intent.eq(Cat(judged_ahead.get(name, said[name]) for name in layout(INTENT).members))

        # Which decision sees what happens now.
        seen, now = Signal(Seen, init={"message": -1}), self.time.ns
        m.d.comb += [
            self.seen.message.eq(Mux(self.intents.valid, intent.message, seen.message)),
            self.seen.decision.eq(seen.decision + self.intents.valid),
            *(part.seen.eq(self.seen) for part in (limits, replies, switch)),
        ]
        m.d.sync += seen.eq(self.seen)

        # The host's limits.
        connect(m, flipped(self.symbol_limits), limits.symbol_limits)
        connect(m, flipped(self.session_limits), limits.session_limits)

        # One cycle before the intent, and with it.
        m.d.comb += [
            limits.symbol.eq(candidates.symbol),
            checks.quantity.eq(candidates.quantity),
            *(mine.eq(price) for mine, price in zip(checks.prices, candidates.prices, strict=True)),
            sums.symbol.eq(candidates.symbol),
            checks.intent.eq(intent), checks.limit.eq(limit),
            sums.side.eq(intent.side), sums.quantity.eq(intent.quantity), sums.limit.eq(limit),
            sums.session_limit.eq(session),
            *(word.eq(half) for word, half in zip(sums.notional, checks.notional, strict=True)),
            *(getattr(orders, name).eq(intent[name]) for name in ("action", "target", "symbol", "side")),
            *(getattr(duplicates, name).eq(intent[name]) for name in ("symbol", "side", "quantity", "price")),
            duplicates.enters.eq(intent.action == Action.ENTER.value),
            duplicates.time.eq(now), duplicates.window_ns.eq(limit.duplicate_ns),
            symbol_rate.time.eq(now), symbol_rate.rate_ns.eq(limit.rate_ns), symbol_rate.burst_ns.eq(
                limit.rate_burst_ns),
            message_rate.time.eq(now), message_rate.rate_ns.eq(session.rate_ns), message_rate.burst_ns.eq(
                session.rate_burst_ns),
            buckets.read_address.eq(intent.symbol),
        ]
        judged, valid, time, killed = Signal(layout(INTENT)), Signal(), Signal.like(now), Signal()
        below_bid, cancels, enters = Signal(), Signal(), Signal()
        m.d.sync += [
            judged.eq(intent), valid.eq(self.intents.valid), time.eq(now),
            cancels.eq(intent.action == Action.CANCEL.value), enters.eq(intent.action == Action.ENTER.value),
            killed.eq(switch.causes.any()
                      & ~((intent.action == Action.CANCEL.value) & session.cancel_after_kill)),
            below_bid.eq((intent.side == Side.SELL.value) & intent.short_restricted & (intent.bid != 0)
                         & (intent.price <= intent.bid)),
        ]

        # The judgement.
        full_at = Signal(TIME_BITS)
        m.d.comb += [
            symbol_rate.full_at.eq(buckets.read_data), message_rate.full_at.eq(full_at),
        ]
        row = orders.target_row
        failing = dict(zip(order_checks.CHECKS, checks.fails, strict=True))
        failing |= dict(zip(exposure.CHECKS, sums.fails, strict=True))
        failing |= {
            Refusal.KILL_SWITCH: killed,
            Refusal.NO_SESSION: self.no_session,
            Refusal.ORDER_QUEUE_FULL: self.queue_full,
            Refusal.STALE_DATA: stale.stale,
            Refusal.SHORT_SALE: sums.oversold & below_bid,
            Refusal.SYMBOL_RATE: symbol_rate.fails,
            Refusal.MESSAGE_RATE: message_rate.fails,
            Refusal.DUPLICATE_ORDER: duplicates.fails,
            Refusal.UNKNOWN_TARGET: orders.foreign,
        }
        always = {refusal: fails for refusal, fails in failing.items() if refusal in CHECKS_OF_CANCEL}
        of_orders = {refusal: fails for refusal, fails in failing.items() if refusal not in always}
        refusals, but_for_row = Signal(32), ~Cat(of_orders.values()).any()
        of_orders[Refusal.OPEN_ORDERS] |= orders.taken
        for refusal, fails in (always | of_orders).items():
            m.d.comb += refusals[refusal.bit_length() - 1].eq(fails if refusal in always else fails & ~cancels)

        # An idle gate approves nothing, whatever stands in its registers. The same as no refusals at all, said in the
        # fewest levels of logic.
        approved, opens = Signal(), Signal()
        m.d.comb += [
            approved.eq(valid & ~Cat(always.values()).any() & (cancels | ~Cat(of_orders.values()).any())),
            opens.eq(approved & ~cancels),
            sums.approved.eq(opens),
            orders.approved.eq(opens),
            # A number whose row is taken is passed over, or one order at rest would bar all that follow.
            orders.number_used.eq(
                valid & (orders.taken | ~Cat(always.values()).any() & (cancels | but_for_row))),
            orders.order.eq(Cat(orders.number, judged.symbol, judged.side, judged.quantity[:20], judged.price)),
            duplicates.entered.eq(approved & enters),
            buckets.write_enable.eq(approved), buckets.write_address.eq(judged.symbol),
            buckets.write_data.eq(symbol_rate.next),
        ]
        with m.If(approved):
            m.d.sync += full_at.eq(message_rate.next)

        decision, ends = self.decisions.payload, approved & cancels
        m.d.sync += [
            self.decisions.valid.eq(valid),
            decision.decision.eq(decision.decision + self.decisions.valid),
            decision.side.eq(Mux(ends, row.side, judged.side)),
            decision.quantity.eq(Mux(ends, row.quantity, judged.quantity)),
            decision.price.eq(Mux(ends, row.price, judged.price)),
            decision.short.eq(judged.side & sums.oversold & ~cancels),
            decision.user_ref_num.eq(orders.number),
            decision.time.eq(time),
            decision.refusals.eq(refusals),
            *(decision[name].eq(judged[name])
              for name in ("message", "timestamp", "symbol", "action", "host", "target")),
        ]
        m.d.comb += [decision.exposure_long.eq(sums.exposure_long), decision.exposure_short.eq(sums.exposure_short)]

        # A loss that was there before the release is not held against what comes after it.
        releasing, release_age = Signal(), Signal(range(Loss.LATENCY + 1))
        m.d.comb += releasing.eq(release_age != 0)
        with m.If(switch.released):
            m.d.sync += release_age.eq(Loss.LATENCY)
        with m.Elif(release_age != 0):
            m.d.sync += release_age.eq(release_age - 1)
        self._connect_replies(m, replies, orders, sums, session, switch, loss)
        m.d.comb += [
            stale.heard.eq(self.heard), stale.time.eq(now), stale.limit_ns.eq(session.stale_ns),
            switch.of_reply.eq(replies.cause),
            switch.others.eq(Mux(self.kill, Cause.HOST.value, 0) | Mux(loss.exceeded & ~releasing, Cause.LOSS.value, 0)
                             | Mux(self.session_lost, Cause.SESSION_LOST.value, 0)),
            switch.release.eq(self.kill_release & ~self.kill),
            self.ready.eq(limits.ready & sums.ready & orders.ready & duplicates.ready & loss.ready & buckets.ready
                          & replies.ready),
        ]
        for name, source in (("symbol_limits_set", limits.symbol_limits_set), ("session_limits_set",
                             limits.session_limits_set), ("kills", switch.kills)):
            tap = getattr(self, name)
            m.d.sync += [tap.valid.eq(source.valid), tap.payload.eq(source.payload)]
        self._count(m, failing, replies, limits)
        return m

    def _connect_replies(self, m, replies, orders, sums, session, switch, loss):
        connect(m, flipped(self.replies), replies.replies)
        connect(m, replies.fill, loss.fills)
        m.d.comb += [
            orders.look.eq(replies.look), replies.look_open.eq(orders.look_open), replies.look_row.eq(orders.look_row),
            *(getattr(orders, name).eq(getattr(replies, name))
              for name in ("close", "close_number", "close_replaced", "close_replaced_number")),
            sums.adjust.eq(replies.commit), sums.adjust_symbol.eq(replies.adjust_symbol),
            sums.adjustment.eq(replies.adjustment), replies.adjusted.eq(sums.adjusted),
            sums.look_symbol.eq(replies.look_symbol), replies.approved.eq(sums.look),
            replies.max_rejects.eq(session.max_rejects), replies.forget.eq(switch.released),
            loss.updates.valid.eq(self.updates.valid), loss.updates.payload.eq(self.updates.payload),
            loss.max_loss.eq(session.max_loss),
            self.positions.valid.eq(replies.positions.valid), self.positions.payload.eq(replies.positions.payload),
        ]

    def _count(self, m, failing, replies, limits):
        decision, decided = self.decisions.payload, self.decisions.valid
        count(m, self.counters, "approved", decided & (decision.refusals == 0))
        count(m, self.counters, "refused", decided & (decision.refusals != 0))
        for refusal in failing:
            failed = decision.refusals[refusal.bit_length() - 1]
            count(m, self.counters, refusal.name.lower(), decided & failed)
        committed, kind = delay(m, replies.commit, 1, name="committed", reset=True), replies.kind
        for reply, name in _REPLIES.items():
            count(m, self.counters, name, committed & (kind == reply.value))
        count(m, self.counters, "unlawful_reply", committed & ~replies.lawful)
        count(m, self.counters, "kills", self.kills.valid & self.kills.payload.causes.any())
        count(m, self.counters, "limits_set", limits.set.any(), by=limits.set)
        count(m, self.counters, "limits_foreign", limits.foreign)
