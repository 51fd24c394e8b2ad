"""The kill switch stops everything from the next order on."""

import pytest
from amaranth import *

from hdl.risk import Risk
from hdl.risk.kill_switch import KillSwitch
from hdl.risk.loss import Loss
from hdl.top import TickToTrade
from spec.records import Action, Cause, Refusal
from tests.proofs.cases import faults, smallest
from tests.proofs.proving import Subject, before, plant, prove

DEPTH = 4
#: All that judges orders by anything else, and all that has a memory.
CUT = ("clock", "feed", "book", "indicators", "strategy", "order", "session", *(
    f"risk.{part}" for part in ("limits", "order_checks", "exposure", "open_orders", "duplicates", "symbol_rate",
                                "message_rate", "replies", "loss", "stale", "buckets")))
_WAITS = 3  #: cycles at most until a release takes effect: one for each cause that waits for its record
_LONG = Loss.LATENCY + _WAITS + 2  #: cycles after which a loss cannot be one of before the release


def killed(inductive: bool = True) -> Subject:
    """The core's gate without what judges orders: its outputs may be anything, so that all may find an order good."""
    subject = Subject(TickToTrade(design=smallest()), cut=CUT, inductive=inductive)
    core, m, risk, session = subject.component, subject.m, subject.part("risk"), subject.part("session")
    replies, loss = subject.part("risk.replies"), subject.part("risk.loss")
    released = core.kill_release & ~core.kill
    ago = Signal(range(_LONG + 1))  # cycles since the last word to release
    with m.If(released):
        m.d.sync += ago.eq(0)
    with m.Elif(ago < _LONG):
        m.d.sync += ago.eq(ago + 1)

    engaged = Signal()
    loses = loss.exceeded & (ago == _LONG) & ~released
    with m.If(core.kill | session.session_lost | replies.cause.any() | loses):
        m.d.sync += engaged.eq(1)
    with m.Elif(released):
        m.d.sync += engaged.eq(0)

    intent, decision = risk.intents.payload, risk.decisions.payload
    may_cancel = (intent.action == Action.CANCEL.value) & subject.part("risk.limits").of_session.cancel_after_kill
    forbidden = before(m, risk.intents.valid & engaged & ~may_cancel, Risk.LATENCY, name="forbidden")
    subject.claim("every intent and nothing else makes a decision",
                  risk.decisions.valid == before(m, risk.intents.valid, Risk.LATENCY, name="intended"))
    subject.claim("no decision after the kill is an approval",
                  ~forbidden | risk.decisions.valid & (decision.refusals & Refusal.KILL_SWITCH.value).any())

    # What induction needs to know of the cycle that it begins with.
    switch, releasing = subject.part("risk.kill_switch"), subject.signal("risk.kill_switch", "releasing")
    waiting, age = subject.signal("risk.kill_switch", "waiting"), subject.signal("risk", "release_age")
    subject.invariant("engaged means a cause is up, and none is to end", ~engaged | switch.causes.any() & ~releasing)
    subject.invariant("waiting causes are wires",
                      (waiting & ~(Cause.HOST | Cause.LOSS | Cause.SESSION_LOST).value) == 0)
    subject.invariant("a release waits for no more than its causes", ~releasing | (sum(waiting) + ago <= _WAITS))
    subject.invariant("a mask ends", (age == 0) | (age + ago <= Loss.LATENCY + _WAITS + 1))
    return subject


def test_no_order_is_approved_while_the_switch_is_engaged(build_dir):
    verdict = prove(killed(), build_dir / "right", depth=DEPTH)
    assert verdict.status == "PASS", str(verdict)


FAULTS = {
    "a wire that goes elsewhere": (TickToTrade, "risk.kill.eq(self.kill)", "risk.kill.eq(self.kill_release)"),
    "a loss that counts only after a release": (Risk, "loss.exceeded & ~releasing", "loss.exceeded & releasing"),
    "a cause that counts for nothing": (Risk, "killed.eq(switch.causes.any()", "killed.eq(switch.causes[2:].any()"),
    "cancels always pass": (Risk, "& session.cancel_after_kill", ""),
    "a release ends what comes with it or after it": (KillSwitch, "(releasing | self.release) & ~news.any()",
                                                      "(releasing | self.release)"),
    "causes that do not stay": (KillSwitch, "self.causes.eq(Mux(self.released, 0, self.causes | chosen))",
                                "self.causes.eq(Mux(self.released, 0, chosen))"),
}


@pytest.mark.parametrize("fault", faults(FAULTS, "a wire that goes elsewhere"))
def test_a_faulty_switch_is_refuted(fault, build_dir, monkeypatch):
    plant(monkeypatch, *FAULTS[fault])
    assert prove(killed(inductive=False), build_dir / fault.replace(" ", "_"), depth=20).status == "FAIL"
