"""Functional coverage: what a run must have met at least once. A bin that stays empty fails the run."""

from collections import Counter

from pyuvm import ConfigDB, uvm_component

from golden_model.core import Core, Step
from spec import ethernet, itch
from spec.counters import COUNTERS
from spec.records import Action, Cause, Refusal, Reply, Side, Trade

from .agent import Stimulus

# What the core can never do in a run of this bench, and why.
UNREACHABLE = {
    "book symbols_set": "then nothing is learned of the stock directory; tests/sim/card/test_names.py names symbols",
    "risk NO_SESSION": "the session stays with the core here; the session bench and the rig hand it over",
    "risk ORDER_QUEUE_FULL": "TX is never held back here; the order bench holds it back",
    "feed frame_not_ready": "the driver waits for ready; the feed bench does not",
}

#: What the venue of this bench says; the session bench has the others.
_REPLIES = (Reply.ACCEPTED, Reply.REPLACED, Reply.EXECUTED, Reply.CANCELED, Reply.REJECTED, Reply.CANCEL_REJECTED)


class Coverage(uvm_component):
    """Bins by name; ``hit`` counts."""

    def build_phase(self):
        self.hit = Counter()
        self.bins = {
            *(f"type {code}" for code in itch.MESSAGES),
            *(f"lane {lane} {tag}" for lane in range(8) for tag in ("tagged", "untagged")),
            *(f"feed {name}" for name in COUNTERS["feed"]),
            *(f"book {name}" for name in COUNTERS["book"]),
            *(f"indicators {name}" for name in COUNTERS["indicators"]),
            *(f"strategy {name}" for name in COUNTERS["strategy"]),
            *(f"{side} {state}" for side in ("bid", "ask") for state in ("unknown", "empty", "resting")),
            *(f"trade {trade.name}" for trade in Trade),
            "tradable", "not tradable",
            *(f"risk {refusal.name}" for refusal in Refusal if refusal), "risk approved",
            *(f"order {side.name}" for side in Side), *(f"order {action.name}" for action in Action), "order short",
            *(f"kill {cause.name}" for cause in (Cause.HOST, Cause.LOSS, Cause.REJECTS)), "kill released",
            *(f"reply {kind.name}" for kind in _REPLIES), "limits of a symbol", "limits of the session",
            "parameters of the strategy",
        } - UNREACHABLE.keys()

    def sample(self, core: Core, stimuli: list[Stimulus], steps: list[Step]) -> None:
        """Fill the bins from what the model saw; the scoreboard has proved that the core saw the same. The last step is
        what came after all frames."""
        for stimulus, step in zip(stimuli, steps[:-1], strict=True):
            tagged = stimulus.octets[12:14] == ethernet.ETHERTYPE_VLAN.to_bytes(2, "big")
            for message, last in zip(step.messages, step.last_octets, strict=True):
                code = chr(message.octets & 0xFF)
                first = last - itch.MESSAGES[code].length + 1
                self.hit[f"type {code}"] += 1
                self.hit[f"lane {first % 8} {'tagged' if tagged else 'untagged'}"] += 1
        for step in steps:
            for update in step.updates:
                self._update(update)
            for decision in step.decisions:
                names = [r.name for r in Refusal if r & decision.refusals] or ["approved"]
                self.hit.update(f"risk {name}" for name in names)
                if not decision.refusals:
                    self.hit[f"order {Side(decision.side).name}"] += 1
                    self.hit[f"order {Action(decision.action).name}"] += 1
                    self.hit["order short"] += decision.short
            for kill in step.kills:
                names = [f"kill {cause.name}" for cause in Cause if cause & kill.causes] or ["kill released"]
                self.hit.update(names)
            self.hit.update(f"reply {Reply(position.kind).name}" for position in step.positions)
            self.hit["parameters of the strategy"] += len(step.parameters_set)
            self.hit["limits of a symbol"] += len(step.symbol_limits_set)
            self.hit["limits of the session"] += len(step.session_limits_set)
        for stage in ("feed", "book", "indicators", "strategy"):
            self.hit.update({f"{stage} {name}": count for name, count in core.counters[stage].items()})

    def _update(self, update) -> None:
        for side in ("bid", "ask"):
            known, orders = getattr(update, f"{side}_known"), getattr(update, f"{side}_orders")
            self.hit[f"{side} {'resting' if orders else 'empty' if known else 'unknown'}"] += 1
        self.hit[f"trade {Trade(update.trade).name}"] += 1
        self.hit["tradable" if update.tradable else "not tradable"] += 1

    def missing(self) -> list[str]:
        return sorted(name for name in self.bins if not self.hit[name])

    def report_phase(self):
        bench = ConfigDB().get(self, "", "BENCH")
        bench.dut._log.info("coverage: %d of %d bins hit", len(self.bins) - len(self.missing()), len(self.bins))
