"""Position and open orders never exceed the limit: what approvals and lawful replies do to a symbol's worst case."""

import pytest
from amaranth import *

from hdl.candidates import Candidates
from hdl.memory import ForwardedMemory
from hdl.records import layout
from hdl.risk import Risk
from hdl.risk.exposure import Exposure, _Bounds
from hdl.risk.replies import Replies, _Found
from hdl.risk.shapes import Approved
from spec.records import INTENT, Action, Reply, Side
from tests.proofs.cases import faults, smallest
from tests.proofs.memories import describe_forwarded, describe_sweep
from tests.proofs.proving import Subject, anything, before, plant, prove

ENGINE = "smtbmc --nomem bitwuzla"  #: memories of two rows are easier as registers
#: All that judges by anything but sums, and what they are changed by. A limit may be another one in every cycle.
CUT = ("limits", "order_checks", "open_orders", "duplicates", "symbol_rate", "message_rate", "replies", "loss", "stale",
       "buckets", "kill_switch")
DAY = 1 << 46  #: shares that are ordered, or executed, on a symbol while the core runs; sums are 48 bits wide
REPLY = 1 << 33  #: shares that a reply changes a sum by


def limited(inductive: bool = True, proven: bool = False) -> Subject:
    """The gate and its sums, of an arbitrary symbol. Solvers are slow at long sums: what the limit says of them is
    claimed once it is ``proven`` what they are."""
    design = smallest()
    subject = Subject(Risk(design=design), cut=CUT, inductive=inductive, proven=proven)
    risk, m = subject.component, subject.m
    sums, replies, limit = subject.part("exposure"), subject.part("replies"), subject.part("limits").of_symbol
    symbol = anything(m, 1, name="symbol")
    ready = before(m, sums.ready, name="ready")
    subject.given(~risk.intents.valid | ready)
    subject.given(risk.candidates.symbol < len(design.symbols))
    subject.given(replies.adjust_symbol < len(design.symbols))

    # What replies do, if they are lawful: ``lawful`` proves it of them.
    adjustment, adjusts = replies.adjustment, Signal()
    m.d.comb += adjusts.eq(replies.commit & (before(m, replies.adjust_symbol, name="whose") == symbol))
    subject.given(~replies.commit | ready & (adjustment.long <= 0) & (adjustment.short >= 0)
                  & (adjustment.long > -REPLY) & (adjustment.short < REPLY))

    # The worst case, added up from what the gate lets pass.
    judged = layout(INTENT)(subject.signal("", "judged"))
    opens = sums.approved & (judged.symbol == symbol)
    bought, sold = Signal(48), Signal(48)  # in all that was approved
    long, short = Signal(signed(48)), Signal(signed(48))  # what replies changed
    buys, sells = opens & (judged.side == Side.BUY.value), opens & (judged.side == Side.SELL.value)
    m.d.sync += [bought.eq(bought + Mux(buys, judged.quantity, 0)), sold.eq(sold + Mux(sells, judged.quantity, 0))]
    with m.If(adjusts):
        m.d.sync += [long.eq(long + adjustment.long), short.eq(short + adjustment.short)]
    subject.given((bought < DAY) & (sold < DAY) & (long > -DAY) & (short < DAY))
    max_long, max_short = (before(m, value, name=name) for name, value in (
        ("max_long", limit.max_long), ("max_short", limit.max_short)))
    if proven or not inductive:
        subject.claim("a purchase keeps exposure_long within the limit",
                      ~buys | (bought + judged.quantity + long <= max_long))
        subject.claim("a sale keeps exposure_short within the limit",
                      ~sells | (sold + judged.quantity - short <= max_short))
        if proven:
            _describe(subject, symbol, judged, (bought, sold, long, short), (max_long, max_short))
        return subject

    # Approved is what the decision says.
    decision, action = risk.decisions, risk.decisions.payload.action
    approved = decision.valid & (decision.payload.refusals == 0) & (action != Action.CANCEL.value)
    subject.claim("the sums grow with each approval, and with nothing else",
                  before(m, sums.approved, name="approved") == approved)
    subject.claim("by what the decision says", ~approved | (before(
        m, Cat(judged.symbol, judged.side, judged.quantity), name="ordered") == Cat(
            decision.payload.symbol, decision.payload.side, decision.payload.quantity)))
    _describe(subject, symbol, judged, (bought, sold, long, short), (max_long, max_short))
    return subject


def _describe(subject, symbol, judged, totals, limits):
    """What induction needs to know of the cycle that it begins with."""
    m, sums, bought, sold, long, short = subject.m, subject.part("exposure"), *totals
    ready = before(m, sums.ready, name="swept")
    for name, expected in {
        "approved": {"buy": bought, "sell": sold}, "look": {"buy": bought, "sell": sold},
        "adjusted": {"long": long, "short": short}, "adjusting": {"long": long, "short": short},
    }.items():
        path = f"exposure.{name}"
        row, swept = describe_forwarded(subject, path, symbol, name=name)
        fields = subject.part(path)._shape(row)
        describe_sweep(subject, path, symbol, row, name=name)
        for field, value in expected.items():
            subject.invariant(f"{name}: {field} is the sum", ~swept | (fields[field] == value))
    for name in ("look", "adjusted", "adjusting"):
        subject.invariant(f"{name} is swept with the others", Cat(
            subject.part(f"exposure.{each}").ready ^ sums.ready | (
                subject.signal(f"exposure.{each}.memory", "row") ^ subject.signal("exposure.approved.memory", "row"))
            for each in ("approved", name)) == 0)
    subject.invariant("what is swept stays so", ~ready | sums.ready)
    subject.invariant("nothing is judged before", ~subject.signal("", "valid") | ready)
    subject.invariant("all sums begin at zero", sums.ready | ((bought == 0) & (sold == 0) & (long == 0) & (short == 0)))
    subject.invariant("replies only lessen it", (long <= 0) & (short >= 0))
    ahead = Candidates(subject.signal("", "ahead"))
    for name in ("side", "quantity", "symbol"):
        subject.invariant(f"sums and gate judge the same {name}", subject.signal("exposure", name) == judged[name])
    subject.invariant("and the same next", subject.signal("exposure", "symbol_1") == ahead.symbol)
    subject.invariant("of a configured symbol", ahead.symbol < 2)
    subject.invariant("an order of a configured symbol", judged.symbol < 2)

    # Judging: what the sums are compared with, and that a failure refuses.
    then_long, then_short = (before(m, value, name=name) for name, value in (("then_long", long),
                                                                            ("then_short", short)))
    bounds = _Bounds(subject.signal("exposure", "bounds_symbol"))
    approved = Approved(subject.row("exposure.approved.memory.rows", symbol))
    ours = subject.signal("", "valid") & (judged.symbol == symbol)
    subject.invariant("the bound is what the limit leaves", ~ours | (bounds.shares == Mux(
        judged.side, limits[1] + then_short, limits[0] - then_long) - judged.quantity))
    subject.invariant("replies have not added since", ~ours | (long <= then_long) & (short >= then_short))
    subject.invariant("no more than the bound is approved", ~(sums.approved & ours) | (
        Mux(judged.side, approved.sell, approved.buy) <= bounds.shares))
    subject.invariant("only what is judged is approved", ~sums.approved | subject.signal("", "valid"))


def test_an_approval_keeps_the_worst_case_within_the_limit(build_dir):
    """What is always true of sums and bounds; and what follows from it, in the cycle of an approval."""
    verdict = prove(limited(), build_dir / "sums", depth=2, engine=ENGINE)
    assert verdict.status == "PASS", str(verdict)
    verdict = prove(limited(proven=True), build_dir / "limited", depth=1, engine=ENGINE)
    assert verdict.status == "PASS", str(verdict)


def lawful(inductive: bool = True) -> Subject:
    """What a reply does to sums, whatever order it finds and however much of that is left."""
    subject = Subject(Replies(design=smallest()), cut=("left", "multiplier"), inductive=inductive)
    replies = subject.component
    adjustment = replies.adjustment
    reply = replies.replies.payload
    subject.given(~reply.all | (reply.kind == Reply.CANCELED))  # spec.records: no other kind has the flag
    legal = replies.commit & replies.lawful
    subject.claim("no lawful reply adds to exposure_long", ~legal | (adjustment.long <= 0))
    subject.claim("no lawful reply takes from exposure_short", ~legal | (adjustment.short >= 0))
    subject.claim("by no more than a reply can say", (adjustment.long > -REPLY) & (adjustment.short < REPLY))
    # What is open is exposure less position, on the order's own side: it becomes less by what the order has less.
    order, original = (_Found(subject.signal("", name)) for name in ("order", "original"))
    stays, ends_original = subject.signal("", "stays"), subject.signal("", "ends_original")
    less = Mux(order.open, order.remaining - stays, 0) + Mux(ends_original, original.remaining, 0)
    position = adjustment.position
    subject.claim("an order never has more left than before", ~(replies.commit & order.open)
                  | (stays <= order.remaining))
    subject.claim("exposure_long moves with the position and with what is open to buy", ~replies.commit
                  | (adjustment.long == position - Mux(order.row.side, 0, less)))
    subject.claim("exposure_short moves with the position and with what is open to sell", ~replies.commit
                  | (adjustment.short == position + Mux(order.row.side, less, 0)))
    subject.claim("an order that is not open changes nothing", ~replies.commit | order.open
                  | (Cat(adjustment[name] for name in ("position", "long", "short", "orders")) == 0))
    subject.claim("an unlawful reply kills", ~replies.commit | replies.lawful | replies.cause.any())
    return subject


def test_no_lawful_reply_adds_to_the_worst_case(build_dir):
    verdict = prove(lawful(), build_dir / "lawful", depth=14)
    assert verdict.status == "PASS", str(verdict)


FAULTS = {
    "purchases that are not added up": (limited, Exposure, "grown.buy.eq(sums.buy + Mux(side, 0, quantity))",
                                        "grown.buy.eq(sums.buy)"),
    "an order that does not count itself": (limited, Exposure, "inverted(replies.long)), inverted(self.quantity)]",
                                            "inverted(replies.long)), C(-1, 1)]"),
    "orders that do not see the one before": (limited, ForwardedMemory,
                                              "self.write_enable & (self.write_address == address)", "C(0, 1)"),
    "a limit that is the other side's": (limited, Exposure, "Mux(self.side, self.limit.max_short, self.limit.max_long)",
                                         "self.limit.max_long"),
    "executions that free nothing": (lawful, Replies, "executed, executed - free)", "executed, executed)"),
    "shares that are freed twice": (lawful, Replies, "stays.eq(remaining - released)", "stays.eq(remaining)"),
    "more than was left": (lawful, Replies, "order.open & (fits | is_kind(Reply.REJECTED))", "order.open"),
}


@pytest.mark.parametrize("fault", faults(
    FAULTS, "orders that do not see the one before", "executions that free nothing", "shares that are freed twice"))
def test_a_fault_is_refuted(fault, build_dir, monkeypatch):
    of, *where = FAULTS[fault]
    plant(monkeypatch, *where)
    verdict = prove(of(inductive=False), build_dir / fault.replace(" ", "_").replace("'", ""), depth=16, engine=ENGINE)
    assert verdict.status == "FAIL"
