"""Two recorded runs compared: the same, and different in one thing each."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim.cli import run as tickwire
from sim.report.saved import SavedRun
from sim.run_diff import compare
from tests.sim.export import saved


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    out = tmp_path_factory.mktemp("first")
    assert saved.run(out, messages=4000).passed
    return out


@pytest.fixture
def second(first, tmp_path):
    shutil.copytree(first, tmp_path / "second")
    return tmp_path / "second"


def changes(first, second):
    return [(change.stage, change.where, change.name, change.a, change.b)
            for change in compare(SavedRun(first), SavedRun(second))]


def test_the_same_run_twice(first, second, capsys):
    assert changes(first, second) == []
    assert tickwire(["diff", str(first), str(second)]) == 0
    assert "0 differences" in capsys.readouterr().out


def test_a_field_of_an_order_is_named_with_stage_and_message(first, second, capsys):
    path = second / "orders.parquet"
    table = pq.read_table(path)
    row, rows = 7, table.to_pylist()
    price = rows[row]["price"]
    at = table.schema.get_field_index("price")
    prices = [price + 100 if i == row else old["price"] for i, old in enumerate(rows)]
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(prices, pa.uint32())), path)
    message = rows[row]["message"]
    assert changes(first, second) == [("strategy", f"order {row}, message {message}", "price", price, price + 100)]
    assert tickwire(["diff", str(first), str(second)]) == 1
    assert f"message {message}" in capsys.readouterr().out


def test_an_order_that_is_missing_an_octet_a_counter_and_the_design(first, second):
    table = pq.read_table(second / "orders.parquet")
    pq.write_table(table.slice(0, len(table) - 1), second / "orders.parquet")
    octets = bytearray((second / "orders.pcap").read_bytes())
    octets[24 + 16 + 26] ^= 1  # behind the file's and the frame's header: the source address
    (second / "orders.pcap").write_bytes(octets)
    summary = json.loads((second / "run.json").read_text())
    summary["counters"]["book"]["updates"] += 1
    summary["design"]["sma"] += 1
    (second / "run.json").write_text(json.dumps(summary))
    found = changes(first, second)
    assert [change[:3] for change in found[:2]] == [("design", "design", "sma"),
                                                    ("book", "counters", "updates")]
    assert found[2][:1] + found[2][2:] == ("order", "order", "there", None)
    assert found[3][:2] == ("order", "frame 0") and "IPv4 source" in found[3][2] and len(found) == 4


def test_books_differ_though_orders_and_counters_do_not(first, second):
    path = second / "books.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    for name, stage in (("bid", "book"), ("ema", "indicators")):
        at = table.schema.get_field_index(name)
        values = [old[name] + (i == 1) for i, old in enumerate(rows)]
        pq.write_table(table.set_column(at, table.schema.field(at), pa.array(values, pa.int64())), path)
        [(said, where, field, a, b)] = changes(first, second)
        assert (said, field, b) == (stage, name, a + 1)
        assert where == f"book {rows[1]['symbol']}, from message {rows[1]['first_message']}"
    pq.write_table(table.slice(0, len(rows) - 1), path)
    assert [change[2:] for change in changes(first, second)] == [("updates", "there", None)]


def test_what_was_said_and_heard_differs_though_orders_do_not(first, second):
    summary = json.loads((second / "run.json").read_text())
    summary["messages"]["A"] += 1
    summary["compared"]["depths"] -= 1
    summary["symbols"][0]["update"]["bid_price"] += 1
    summary["symbols"][0]["vwap"]["vwap"] += 1
    (second / "run.json").write_text(json.dumps(summary))
    stock = summary["symbols"][0]["stock"]
    assert [change[:3] for change in changes(first, second)] == [
        ("feed", "messages", "A"), ("book", "records", "depths"),
        ("book", f"symbol {stock}", "update.bid_price"), ("indicators", f"symbol {stock}", "vwap.vwap")]


def test_what_is_no_run(first, tmp_path, capsys):
    assert tickwire(["diff", str(first), str(tmp_path)]) == 2
    assert "expected the directory of a run" in capsys.readouterr().err
