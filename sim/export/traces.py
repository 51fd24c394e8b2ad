"""Orders as OpenTelemetry traces in OTLP JSON: one object, which Jaeger's UI loads and its port 4318 takes.

One trace per order, from the first beat of the frame that caused it to the last beat of its own frame, with a span per
stage. Its clock starts with the frame's arrival: start and end are market time on the first day of 1970 plus cycles
times the clock's period. They are whole nanoseconds, and Jaeger shows whole microseconds: ``stretch`` makes every
nanosecond after the arrival so many. The exact cycles are attributes.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spec.records import Action, Side

#: Span -> the boundaries between which it lies. An order waits for a busy wire in "wire out", before its SOF.
SPANS = (
    ("wire in", "arrival", "eot"), ("decode", "eot", "feed"), ("book", "feed", "book"),
    ("decision", "book", "strategy"), ("risk", "strategy", "risk"), ("encode", "risk", "encode"),
    ("wire out", "encode", "end"),
)
_INTERNAL = 1  #: SpanKind
_ROWS = 4096  #: orders in memory


def _attribute(key: str, value: Any) -> dict:
    kind, said = (("boolValue", value) if isinstance(value, bool) else ("intValue", str(value))
                  if isinstance(value, int) else ("doubleValue", value) if isinstance(value, float)
                  else ("stringValue", value))
    return {"key": f"tickwire.{key}", "value": {kind: said}}


class _Trace:
    """The spans of one order."""

    def __init__(self, order: dict, run: str, period_ns: float, stretch: int):
        self.order, self._scale = order, period_ns * stretch
        self.id = hashlib.sha256(f"{run} {order['user_ref_num']} {order['message']}".encode()).hexdigest()

    def _ns(self, cycle: int) -> str:
        return str(self.order["time_ns"] + round((cycle - self.order["arrival"]) * self._scale))

    def _span(self, number: int, name: str, begin: int, end: int, parent: str, **attributes) -> dict:
        span = {
            "traceId": self.id[:32], "spanId": f"{int(self.id[32:46], 16):014x}{number:02x}", "name": name,
            "kind": _INTERNAL, "startTimeUnixNano": self._ns(begin), "endTimeUnixNano": self._ns(end),
            "attributes": [_attribute(key, value) for key, value in
                           ({"cycle": begin, "cycles": end - begin} | attributes).items()],
        }
        return span | ({"parentSpanId": parent} if parent else {})

    def spans(self) -> Iterator[dict]:
        order = self.order | {"end": self.order["end"] + 1}  # a beat lasts a cycle
        side, action = Side(order["side"]).name.lower(), Action(order["action"]).name.lower()
        root = self._span(
            0, f"{action} {side} {order['symbol']}", order["arrival"], order["end"], "",
            symbol=order["symbol"], side=side, action=action, quantity=order["quantity"],
            price=order["price"] / 10_000, user_ref_num=order["user_ref_num"], message=order["message"],
            frame=order["frame"], offset=order["offset"], tick_to_trade_cycles=order["tick_to_trade"],
            queue=order["queue"], host=order["host"])
        yield root
        for number, (name, begin, end) in enumerate(SPANS, 1):
            if order[begin] is None or order[end] is None:  # the host's order passes no book
                continue
            span = self._span(number, name, order[begin], order[end], root["spanId"])
            if name == "wire out":
                span["events"] = [{"timeUnixNano": self._ns(order["sof"]), "name": "SOF"}]
            yield span


def orders(file: pq.ParquetFile, limit: int | None) -> Iterator[dict]:
    """The rows of orders.parquet, a few in memory at a time; ``limit`` spreads so many evenly over all."""
    total = file.metadata.num_rows
    step = max(1.0, total / limit) if limit else 1.0
    number, wanted = 0, 0.0
    for batch in file.iter_batches(_ROWS):
        for row in batch.to_pylist():
            if number >= wanted and row["arrival"] is not None:
                wanted += step
                yield row
            number += 1


def write(file: pq.ParquetFile, path: Path, *, name: str, period_ns: float, stretch: int = 1,
          limit: int | None = None) -> int:
    """Write traces of the orders in ``file`` to ``path``. Returns how many.

    Parameters
    ----------
    name
        Of the run: an attribute, and part of the traces' identity.
    stretch
        Nanoseconds shown for each.
    limit
        At most so many, spread over the run.
    """
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "tickwire"}},
                               _attribute("run", name), _attribute("period_ns", period_ns),
                               _attribute("stretch", stretch)]}
    count = 0
    with open(path, "w") as out:
        out.write(f'{{"resourceSpans":[{{"resource":{json.dumps(resource)},"scopeSpans":[{{"scope":'
                  f'{{"name":"tickwire"}},"spans":[')
        for count, row in enumerate(orders(file, limit), 1):
            spans = ",".join(json.dumps(span, separators=(",", ":")) for span in
                             _Trace(row, name, period_ns, stretch).spans())
            out.write(f"{',' if count > 1 else ''}{spans}")
        out.write("]}]}]}\n")
    return count
