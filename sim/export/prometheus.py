"""Counters and verdict in Prometheus' text format, version 0.0.4, for a textfile collector or a push gateway.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spec import itch
from spec.counters import COUNTERS

_QUANTILES = {"p50": "0.5", "p90": "0.9", "p99": "0.99", "p99.9": "0.999", "max": "1"}


def _family(name: str, kind: str, what: str, samples: Iterable[tuple[dict[str, str], int]]) -> Iterator[str]:
    text = what.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP tickwire_{name} {text}"
    yield f"# TYPE tickwire_{name} {kind}"
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"tickwire_{name}{{{inside}}} {value}" if labels else f"tickwire_{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def lines(summary: dict) -> Iterator[str]:
    """The lines of the file. ``summary`` is run.json."""
    yield from _family("run_passed", "gauge", "1 if hardware and model agree and every budget holds",
                       [({}, int(summary["passed"]))])
    yield from _family("run_cycles", "gauge", "clock cycles of the run", [({}, summary["cycles"])])
    yield from _family("differences", "gauge", "differences between hardware and golden model, by stream",
                       [({"stream": stream}, summary["differences"]["by_stream"].get(stream, 0))
                        for stream in sorted({*summary["compared"], *summary["differences"]["by_stream"]})])
    yield from _family("itch_messages_total", "counter", "messages by ITCH type", [
        ({"type": code, "name": itch.MESSAGES[code].name if code in itch.MESSAGES else "unknown"}, count)
        for code, count in summary["messages"].items()])
    for stage, names in COUNTERS.items():
        for name, what in names.items():
            yield from _family(f"{stage}_{name}_total", "counter", what, [({}, summary["counters"][stage][name])])
    yield from _family("latency_cycles", "gauge", "latency in cycles of the core's clock, by stage and quantile", [
        ({"stage": row["stage"], "quantile": quantile}, row[name])
        for row in summary["latency"] for name, quantile in _QUANTILES.items()])
    yield from _family("latency_budget_nanoseconds", "gauge", "latency budget of a stage", [
        ({"stage": row["stage"]}, row["budget_ns"]) for row in summary["latency"] if row["budget_ns"] is not None])
    yield from _family("latency_exceeded", "gauge", "1 if the slowest record of the stage exceeded its budget", [
        ({"stage": row["stage"]}, int(row["exceeded"])) for row in summary["latency"] if row["budget_ns"] is not None])


def write(summary: dict, path: Path) -> None:
    path.write_text("\n".join(lines(summary)) + "\n")
