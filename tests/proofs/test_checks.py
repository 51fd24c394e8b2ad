"""An approved order failed no check, each held against the limits in force when it was judged."""

import pytest
from amaranth import *

from hdl.records import layout
from hdl.risk import Risk, exposure, order_checks
from hdl.risk.limits import Limits
from hdl.risk.order_checks import OrderChecks
from hdl.risk.shapes import BASIS_POINTS, LimitRow
from spec.records import CHECKS_OF_CANCEL, SESSION_LIMIT, SYMBOL_LIMIT, Action, Refusal
from tests.proofs.cases import faults, smallest
from tests.proofs.memories import describe_forwarded
from tests.proofs.proving import Subject, anything, before, plant, prove

CUT = ("limits", "order_checks", "exposure", "open_orders", "duplicates", "symbol_rate", "message_rate", "replies",
       "loss", "stale", "buckets", "kill_switch")


def gate(inductive: bool = True) -> Subject:
    """The gate without its checks: what they say may be anything."""
    subject = Subject(Risk(design=smallest()), cut=CUT, inductive=inductive)
    risk, m = subject.component, subject.m
    checks, sums, orders = (subject.part(name) for name in ("order_checks", "exposure", "open_orders"))
    fails = dict(zip(order_checks.CHECKS, checks.fails, strict=True))
    fails |= dict(zip(exposure.CHECKS, sums.fails, strict=True))
    fails |= {
        Refusal.NO_SESSION: risk.no_session, Refusal.ORDER_QUEUE_FULL: risk.queue_full,
        Refusal.STALE_DATA: subject.part("stale").stale, Refusal.SYMBOL_RATE: subject.part("symbol_rate").fails,
        Refusal.MESSAGE_RATE: subject.part("message_rate").fails,
        Refusal.DUPLICATE_ORDER: subject.part("duplicates").fails, Refusal.UNKNOWN_TARGET: orders.foreign,
    }
    fails[Refusal.OPEN_ORDERS] |= orders.taken
    intent, limits = risk.intents.payload, subject.part("limits")
    fails[Refusal.KILL_SWITCH] = before(m, subject.part("kill_switch").causes.any() & ~(
        (intent.action == Action.CANCEL.value) & limits.of_session.cancel_after_kill), name="killed")
    ahead = before(m, risk.candidates.prices, name="ahead")
    price = Mux(intent.side, ahead[32:], ahead[:32])
    fails[Refusal.SHORT_SALE] = sums.oversold & before(
        m, intent.side & intent.short_restricted & (intent.bid != 0) & (price <= intent.bid), name="below_bid")
    assert set(fails) == {refusal for refusal in Refusal if refusal}

    decision = risk.decisions
    cancels = decision.payload.action == Action.CANCEL.value
    approved = decision.valid & (decision.payload.refusals == 0)
    for refusal, failed in fails.items():
        # Judged in the cycle before the decision.
        failed = before(m, failed, name=refusal.name.lower())
        counts = failed if refusal in CHECKS_OF_CANCEL else failed & ~cancels
        subject.claim(f"{refusal.name} refuses", ~decision.valid | (
            (decision.payload.refusals & refusal.value).any() == counts))
    subject.claim("no other refusal", (decision.payload.refusals >> len(fails)) == 0)
    for name, done in (("sums", sums.approved), ("rows", orders.approved)):
        subject.claim(f"{name} count what is approved, and nothing else",
                      before(m, done, name=name) == approved & ~cancels)
    return subject


def in_force(inductive: bool = True) -> Subject:
    """The limits of an arbitrary symbol, and the session's."""
    design = smallest()
    subject = Subject(Limits(design=design), inductive=inductive)
    limits, m = subject.component, subject.m
    symbol = anything(m, 1, name="symbol")
    given, session = limits.symbol_limits, limits.session_limits
    written, value, session_value = Signal(), Signal(layout(SYMBOL_LIMIT)), Signal(layout(SESSION_LIMIT))
    session_written = Signal()
    with m.If(given.valid & given.ready & (given.payload.symbol == symbol)):
        m.d.sync += [written.eq(1), value.eq(given.payload)]
    with m.If(session.valid & session.ready):
        m.d.sync += [session_written.eq(1), session_value.eq(session.payload)]
    row = Signal(LimitRow, name="expected")
    kept = [name for name in LimitRow.members if name not in ("up", "down")]
    m.d.comb += [row[name].eq(value[name]) for name in kept]
    m.d.comb += [row.up.eq(BASIS_POINTS + value.collar_bps),
                 row.down.eq(Mux(value.collar_bps < BASIS_POINTS, BASIS_POINTS - value.collar_bps, 0))]
    asked = before(m, limits.symbol, name="asked")
    subject.given(limits.symbol < len(design.symbols))
    subject.claim("an intent sees the last limits of its symbol, whole",
                  ~(written & (asked == symbol)) | (limits.of_symbol.as_value() == row.as_value()))
    subject.claim("and the last of the session", ~session_written
                  | (limits.of_session.as_value() == session_value.as_value()))
    held, ready = describe_forwarded(subject, "rows", symbol, name="limits")
    subject.invariant("what was written is kept", ~written | (held == row.as_value()))
    subject.invariant("nothing is written before the sweep is over", ready | ~written & ~session_written)
    return subject


def alone(inductive: bool = True) -> Subject:
    """What an order is refused for by itself; products are cut, and are compared as they come."""
    subject = Subject(OrderChecks(), cut=("products", "lot"), inductive=inductive)
    checks, m, products = subject.component, subject.m, subject.part("products")
    intent, limit = checks.intent, checks.limit
    price, reference = intent.price, intent.reference
    collar = limit.collar_absolute
    wrong = {
        Refusal.FEED_GAP: intent.gap, Refusal.TRADING_STATE: ~intent.tradable, Refusal.RESTRICTED: limit.restricted,
        Refusal.ORDER_QUANTITY: (intent.quantity < limit.min_quantity) | (intent.quantity > limit.max_quantity)
        | (intent.quantity > 999_999),
        Refusal.ORDER_PRICE: price == 0,
        Refusal.ORDER_NOTIONAL: sum(products.notional) > limit.max_notional,
        Refusal.NO_REFERENCE: reference == 0,
        Refusal.ABSOLUTE_COLLAR: (reference != 0) & ((price - reference > collar) | (reference - price > collar)),
        Refusal.LULD_COLLAR: (intent.collar_upper != 0)
        & ~((intent.collar_lower <= price) & (price <= intent.collar_upper)),
    }
    fails = dict(zip(order_checks.CHECKS, checks.fails, strict=True))
    for refusal, value in wrong.items():
        subject.claim(f"{refusal.name} is what it says", ~begun(m) | (
            fails[refusal] == before(m, value, name=refusal.name.lower())))
    subject.claim("PRICE_COLLAR is what it says", fails[Refusal.PRICE_COLLAR] == (
        (products.scaled > sum(products.above)) | (products.scaled < sum(products.below))))
    return subject


def begun(m: Module) -> Value:
    """Not the first cycle."""
    return before(m, C(1, 1), name="begun")


SUBJECTS = {"gate": gate, "in_force": in_force, "alone": alone}
FAULTS = {
    "an order without a price": ("alone", OrderChecks, "price == 0", "price == 1"),
    "a million shares": ("alone", OrderChecks, ">= _MAX_QUANTITY", "> _MAX_QUANTITY"),
    "a collar of one side": ("alone", OrderChecks, "(reference > price + limit.collar_absolute)", "0"),
    "limits that are old": ("in_force", Limits, "memory.write_enable.eq(takes & known)",
                            "memory.write_enable.eq(takes & known & ~self.session_limits.valid)"),
    "a torn session limit": ("in_force", Limits, "session.eq(self.session_limits.payload)",
                             "session.max_gross.eq(self.session_limits.payload.max_gross)"),
    "a duplicate passes": ("gate", Risk, "Refusal.DUPLICATE_ORDER: duplicates.fails",
                           "Refusal.DUPLICATE_ORDER: C(0, 1)"),
    "an order that no sum knows of": ("gate", Risk, "sums.approved.eq(opens)", "sums.approved.eq(opens & enters)"),
    "a refusal that is left out": ("gate", Risk, "(always | of_orders).items():", "of_orders.items():"),
    "a row that was taken": ("gate", Risk, "of_orders[Refusal.OPEN_ORDERS] |= orders.taken", "pass"),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_checks(name, build_dir):
    verdict = prove(SUBJECTS[name](), build_dir / name, depth=3)
    assert verdict.status == "PASS", str(verdict)


@pytest.mark.parametrize("fault", faults(
    FAULTS, "an order without a price", "limits that are old", "an order that no sum knows of"))
def test_a_fault_is_refuted(fault, build_dir, monkeypatch):
    name, *where = FAULTS[fault]
    plant(monkeypatch, *where)
    assert prove(SUBJECTS[name](inductive=False), build_dir / fault.replace(" ", "_"), depth=8).status == "FAIL"
