"""The Prometheus text, read back by Prometheus' own client."""

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sim.export import prometheus
from spec.counters import COUNTERS

pytestmark = pytest.mark.slow


def _read(text):
    """Sample name and labels -> value."""
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def test_every_counter_and_its_meaning(run, done, tmp_path):
    prometheus.write(done.summary, tmp_path / "counters.prom")
    text = (tmp_path / "counters.prom").read_text()
    found = _read(text)
    documented = {family.name: family.documentation for family in text_string_to_metric_families(text)}
    for stage, names in COUNTERS.items():
        for name, what in names.items():
            assert found[f"tickwire_{stage}_{name}_total", ()] == run.counters[stage][name]
            assert documented[f"tickwire_{stage}_{name}"] == what
    assert found["tickwire_run_passed", ()] == 1 and found["tickwire_run_cycles", ()] == run.cycles
    assert sum(v for (name, _), v in found.items() if name == "tickwire_itch_messages_total") == run.messages.total()
    book = next(row for row in run.latency if row.name == "book")
    assert found["tickwire_latency_cycles", (("quantile", "1"), ("stage", "book"))] == book.maximum
    assert found["tickwire_latency_budget_nanoseconds", (("stage", "book"),)] == book.budget_ns


def test_a_failed_run_says_so(done):
    summary = json.loads(json.dumps(done.summary))
    summary["passed"] = False
    summary["differences"]["by_stream"] = {"updates": 3}
    summary["latency"][1]["exceeded"] = True
    found = _read("\n".join(prometheus.lines(summary)) + "\n")
    assert found["tickwire_run_passed", ()] == 0
    assert found["tickwire_differences", (("stream", "updates"),)] == 3
    assert found["tickwire_latency_exceeded", (("stage", summary["latency"][1]["stage"]),)] == 1


def test_the_reader_refuses_what_is_not_the_format():
    with pytest.raises(ValueError):
        _read('tickwire_x{stage="book} 1\n')


def test_labels_and_help_are_escaped():
    text = "\n".join(prometheus._family("x", "gauge", "a\\b\nc", [({"stage": 'q"\\\n'}, 1)])) + "\n"
    family = next(iter(text_string_to_metric_families(text)))
    assert family.documentation == "a\\b\nc" and family.samples[0].labels == {"stage": 'q"\\\n'}
