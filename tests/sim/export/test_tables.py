"""The Parquet tables of a run on the real core, read back with pyarrow."""

import struct
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from sim.export import arrow
from sim.export.keeper import FILES, PER_MESSAGE
from sim.export.order_log import OrderLog
from sim.inputs import InputError
from sim.latency import STAGES, TRANSMIT
from sim.report.saved import SavedRun
from tests.sim.export import saved
from tests.sim.export.saved import DESIGN

pytestmark = pytest.mark.slow


def test_orders_pass_the_stages_in_as_many_cycles_as_was_measured(run, done):
    orders = done.table("orders").to_pylist()
    assert run.passed and len(orders) == run.orders > 50
    rows = {row.name: row for row in run.latency}
    taken = {"feed": ("eot", "feed"), "book": ("feed", "book"), "strategy": ("book", "strategy"),
             "risk": ("strategy", "risk"), "encode": ("risk", "encode"), TRANSMIT: ("encode", "sof")}
    for order in orders:
        assert order["arrival"] <= order["som"] < order["eot"] < order["sof"] < order["end"]
        assert order["tick_to_trade"] == order["sof"] - order["eot"]
        if order["tick_to_trade"] == run.tick_to_trade:
            for stage, (begin, end) in taken.items():
                assert order[end] - order[begin] == rows[stage].maximum, stage
    assert {row["symbol"] for row in orders} <= {symbol.stock for symbol in DESIGN.symbols}


def test_orders_are_those_of_the_capture(run, done):
    """Market time when the frame arrived, plus tick to trade, is the stamp in orders.pcap."""
    octets, at, stamps = run.paths["orders"].read_bytes(), 24, []
    while at < len(octets):
        seconds, ns, length, _ = struct.unpack_from("<IIII", octets, at)
        stamps.append(seconds * 10**9 + ns)
        at += 16 + length
    orders = done.table("orders").to_pylist()
    assert [o["time_ns"] + round(o["tick_to_trade"] * done.period_ns) for o in orders] == stamps
    for kept, row in zip(run.first_orders, orders, strict=False):
        said = kept.decision
        assert (row["message"], row["sof"], row["quantity"], row["price"], row["user_ref_num"], row["side"]) == (
            kept.message, kept.cycle, said.quantity, said.price, said.user_ref_num, said.side)


def test_the_queue_is_counted_from_the_orders(run, done):
    orders = done.table("orders").to_pylist()
    for i, order in enumerate(orders):
        assert order["queue"] == sum(before["sof"] >= order["risk"] for before in orders[max(0, i - 100) : i])
    assert run.queue == Counter(order["queue"] for order in orders)


def test_a_queue_that_spans_batches(tmp_path):
    log = OrderLog(tmp_path / "orders.parquet", [])
    assert log._queues(np.array([10, 11, 12]), np.array([13, 20, 30])) == [0, 1, 2]
    assert log._queues(np.array([14, 31]), np.array([40, 50])) == [2, 1]
    assert log.queue == {0: 1, 1: 2, 2: 2}


def test_the_distribution_has_every_record(run, done):
    table = done.table("latency").to_pylist()
    for row in run.latency:
        cycles = [r for r in table if r["stage"] == row.name]
        assert sum(r["records"] for r in cycles) == row.count
        assert (cycles[0]["cycles"], cycles[-1]["cycles"]) == (row.minimum, row.maximum)


def test_every_message_is_kept_when_asked_for(run, done):
    kept = pq.read_table(done.directory / PER_MESSAGE).to_pylist()
    rows = {row.name: row for row in run.latency}
    assert Counter(row["stage"] for row in kept) == {name: rows[name].count for name, *_ in STAGES}
    assert [row["message"] for row in kept if row["stage"] == "feed"] == list(range(run.messages.total()))
    for name, *_ in STAGES:
        assert Counter(row["latency"] for row in kept if row["stage"] == name) == {
            row["cycles"]: row["records"] for row in done.table("latency").to_pylist() if row["stage"] == name}


def test_columns_add_up_to_the_run(run, done):
    table = done.table("throughput").to_pydict()
    assert sum(table["messages"]) == run.messages.total()
    assert sum(table["updates"]) == run.updates
    assert (sum(table["orders"]), sum(table["refusals"])) == (run.orders, run.refusals)
    assert max(table["peak_us"]) == run.peaks["peak_us"] > 1
    books = done.table("books").to_pylist()
    for state in run.symbols:
        rows = [row for row in books if row["symbol"] == state.stock]
        assert sum(row["updates"] for row in rows) == state.updates
        assert rows[-1]["vwap"] == state.vwap.vwap and rows[-1]["sma"] == state.indicator.sma
        assert rows[-1]["bid"] == (state.update.bid_price if state.update.bid_known else -1)
    best = [row for row in books if row["bid_levels"] > 1]
    assert best and all(row["bid_price_0"] > row["bid_price_1"] > 0 for row in best)


def test_arrow_files_hold_the_same(done, tmp_path):
    paths = list(arrow.write(done, tmp_path))
    assert [path.stem for path in paths] == [name.removesuffix(".parquet") for name in FILES.values()]
    for what, path in zip(FILES, paths, strict=True):
        with pa.memory_map(str(path)) as source:
            assert pa.ipc.open_file(source).read_all().to_pylist() == done.table(what).to_pylist()


def test_without_per_message_there_is_no_such_file(tmp_path):
    run = saved.run(tmp_path, messages=1500)
    assert run.passed and not (tmp_path / PER_MESSAGE).exists()
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "orders.pcap", *FILES.values()}


@pytest.mark.parametrize(("name", "content", "complaint"), [
    ("run.json", None, "cannot be read: No such file or directory; expected the directory of a run"),
    ("run.json", "{", "not JSON"),
    ("run.json", "{}", "not the summary of a run of this version"),
    ("orders.parquet", "PAR1", "cannot be read"),
])
def test_what_is_no_run_is_said_to_be_none(tmp_path, name, content, complaint):
    if content is not None:
        (tmp_path / name).write_text(content)
    run = SavedRun(tmp_path)
    with pytest.raises(InputError, match=complaint):
        run.summary if name == "run.json" else run.table("orders")  # noqa: B018
