"""Traces read back as OpenTelemetry's own protobuf messages."""

import base64
import json
from collections import defaultdict

import pytest
from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from sim.export import traces
from sim.saved_runs import export

pytestmark = pytest.mark.slow
_IDS = ("traceId", "spanId", "parentSpanId")


def _read(path) -> TracesData:
    """OTLP JSON is protobuf's JSON mapping, except that identifiers are hexadecimal."""
    def mapped(value):
        if isinstance(value, dict):
            return {key: base64.b64encode(bytes.fromhex(each)).decode() if key in _IDS else mapped(each)
                    for key, each in value.items()}
        return [mapped(each) for each in value] if isinstance(value, list) else value

    return json_format.ParseDict(mapped(json.loads(path.read_text())), TracesData())


def _spans(data):
    (resource,) = data.resource_spans
    (scope,) = resource.scope_spans
    return scope.spans


def _said(attributes):
    return {each.key.removeprefix("tickwire."): getattr(each.value, each.value.WhichOneof("value"))
            for each in attributes}


def _write(done, path, **options):
    with done.opened("orders") as file:
        return traces.write(file, path, name="run", period_ns=done.period_ns, **options)


def test_one_trace_per_order_with_a_span_per_stage(run, done, tmp_path):
    assert _write(done, tmp_path / "traces.json") == run.orders
    data = _read(tmp_path / "traces.json")
    assert _said(data.resource_spans[0].resource.attributes)["service.name"] == "tickwire"
    by_trace = defaultdict(list)
    for span in _spans(data):
        assert len(span.trace_id) == 16 and len(span.span_id) == 8
        by_trace[span.trace_id].append(span)
    orders = done.table("orders").to_pylist()
    assert len(by_trace) == len(orders) == run.orders
    assert len({span.span_id for span in _spans(data)}) == len(_spans(data))
    stages = ["wire in", "decode", "book", "decision", "risk", "encode", "wire out"]
    for (root, *rest), order in zip(by_trace.values(), orders, strict=True):
        assert not root.parent_span_id and {span.parent_span_id for span in rest} == {root.span_id}
        assert [span.name for span in rest] == stages
        assert root.name == f"enter {'buy' if order['side'] == 0 else 'sell'} {order['symbol']}"
        said = _said(root.attributes)
        assert (said["message"], said["user_ref_num"], said["tick_to_trade_cycles"], said["offset"]) == (
            order["message"], order["user_ref_num"], order["tick_to_trade"], order["offset"])
        # The clock starts with the frame's arrival; stages follow one another without a hole, to the nanosecond.
        assert root.start_time_unix_nano == rest[0].start_time_unix_nano == order["time_ns"]
        assert root.end_time_unix_nano == rest[-1].end_time_unix_nano
        for before, after in zip(rest, rest[1:], strict=False):
            assert before.end_time_unix_nano == after.start_time_unix_nano
        for span in (root, *rest):
            taken = span.end_time_unix_nano - span.start_time_unix_nano
            assert abs(taken - _said(span.attributes)["cycles"] * done.period_ns) <= 1
        (sof,) = rest[-1].events
        assert sof.time_unix_nano - order["time_ns"] == round((order["sof"] - order["arrival"]) * done.period_ns)


def test_stretched_for_jaeger_which_shows_microseconds(done, tmp_path):
    _write(done, tmp_path / "traces.json", stretch=1000, limit=5)
    data = _read(tmp_path / "traces.json")
    assert _said(data.resource_spans[0].resource.attributes)["stretch"] == 1000
    for span in _spans(data):
        taken = span.end_time_unix_nano - span.start_time_unix_nano
        assert taken == pytest.approx(_said(span.attributes)["cycles"] * done.period_ns * 1000, abs=1)


@pytest.mark.parametrize("limit", [1, 7, 10**6])
def test_a_limit_is_spread_over_the_run(run, done, tmp_path, limit):
    count = _write(done, tmp_path / "traces.json", limit=limit)
    assert count == min(limit, run.orders)
    roots = [_said(span.attributes)["message"] for span in _spans(_read(tmp_path / "traces.json"))
             if not span.parent_span_id]
    assert roots == sorted(roots) and len(roots) == count
    if limit == 7:
        assert roots[-1] > done.table("orders").to_pylist()[run.orders * 3 // 4]["message"]


def test_an_order_without_a_book_has_fewer_spans(done):
    order = done.table("orders").to_pylist()[0] | {"book": None, "host": True}
    names = [span["name"] for span in traces._Trace(order, "run", 1.0, 1).spans()]
    assert names[1:] == ["wire in", "decode", "risk", "encode", "wire out"]


def test_the_reader_refuses_what_is_no_trace(tmp_path):
    (tmp_path / "traces.json").write_text('{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTime":1}]}]}]}')
    with pytest.raises(json_format.ParseError):
        _read(tmp_path / "traces.json")


def test_the_command_writes_all_of_them(done, tmp_path):
    export(done.directory, prometheus=tmp_path / "c.prom", traces=tmp_path / "t.json", orders=3, stretch=1,
           arrow=tmp_path / "arrow")
    assert len({span.trace_id for span in _spans(_read(tmp_path / "t.json"))}) == 3
    assert (tmp_path / "c.prom").stat().st_size > 1000 and (tmp_path / "arrow" / "books.arrow").exists()
