"""Columns, throughput and books against counting in plain Python, in batches of every size."""

import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from sim.export import columns
from sim.export.books import Books
from sim.export.columns import COLUMNS, Columns
from sim.export.throughput import WINDOWS, Throughput, timestamps
from spec.records import MESSAGE, Trade
from tests.sim.export.streams import message, stream, streams

COUNT = 5 * COLUMNS + 7


def _times(rng, count=COUNT):
    """Mostly dense, with pauses."""
    now, times = 34_200_000_000_000, []
    for _ in range(count):
        now += rng.choice((0, 0, 1, 3, 40, 900)) if rng.random() < 0.99 else rng.randrange(10**7)
        times.append(now)
    return times


def _batches(rng, count):
    at = 0
    while at < count:
        yield slice(at, at := min(count, at + rng.choice((1, 2, 100, 1777))))


def test_a_long_session_has_as_few_columns_as_a_short_one(seed):
    rng = random.Random(seed)
    times, found = _times(rng), Columns()
    for some in _batches(rng, COUNT):
        found.extend(np.array(times[some]))
    assert found.width == 8 and found.used == -(-COUNT // 8) <= COLUMNS
    assert found.times[: found.used].tolist() == times[::8]
    assert found.of(np.arange(COUNT)).tolist() == [i // 8 for i in range(COUNT)]
    assert found.last == times[-1]


def test_message_numbers_wrap():
    found = Columns()
    found.count = (1 << 32) + 100
    found.width = 1 << 23
    assert found.of(np.array([99, 0, (1 << 32) - 1, 100])).tolist() == [512, 512, 511, 512]


def test_timestamps_are_read_from_the_octets(seed):
    rng = random.Random(seed)
    times = [0, (1 << 48) - 1, *(rng.randrange(1 << 48) for _ in range(50))]
    rows = [message(i, time) | {"sequence": rng.randrange(1 << 64), "gap": i % 2} for i, time in enumerate(times)]
    assert timestamps(stream(MESSAGE, rows)).tolist() == times


def test_throughput_counts_every_message_and_finds_the_densest_moments(seed):
    rng = random.Random(seed)
    times = _times(rng)
    refusals = [rng.choice((None, None, 0, 4)) for _ in times]
    found_columns = Columns()
    found = Throughput(found_columns)
    for some in _batches(rng, COUNT):
        numbers = range(COUNT)[some]
        batch = streams(messages=[message(i, times[i]) for i in numbers],
                        updates=[{"message": i} for i in numbers if i % 3],
                        decisions=[{"message": i, "refusals": refusals[i]} for i in numbers if refusals[i] is not None])
        for _ in range(found_columns.extend(timestamps(batch["messages"]))):
            found.halve()
        found.add(batch, timestamps(batch["messages"]))
    table = {name: values.tolist() for name, values in found.table.items()}
    of = [i // 8 for i in range(COUNT)]
    assert table["first_message"] == list(range(0, COUNT, 8)) and table["time_ns"] == times[::8]
    for name, those in (("messages", of), ("updates", [c for i, c in enumerate(of) if i % 3]),
                        ("orders", [c for c, r in zip(of, refusals, strict=True) if r == 0]),
                        ("refusals", [c for c, r in zip(of, refusals, strict=True) if r])):
        counted = Counter(those)
        assert table[name] == [counted[i] for i in range(len(table[name]))], name
    for name, length in WINDOWS.items():
        windows = Counter(time // length for time in times)
        most = [max(windows[time // length] for time in times[i : i + 8]) for i in range(0, COUNT, 8)]
        # A window that goes on in the next batch is counted in full there, and in the columns before as far as it was.
        assert all(a <= b for a, b in zip(table[name], most, strict=True))
        equal = sum(a == b for a, b in zip(table[name], most, strict=True))
        assert equal > (0.9 if name == "peak_us" else 0.2) * len(most)
        assert found.peaks[name].highest == max(windows.values()) == max(table[name]), name


def test_a_window_that_spans_batches_is_one_window():
    found_columns = Columns()
    found = Throughput(found_columns)
    for number in range(10):
        batch = streams(messages=[message(number, 5_000 + number)])
        for _ in range(found_columns.extend(timestamps(batch["messages"]))):
            found.halve()
        found.add(batch, timestamps(batch["messages"]))
    assert found.peaks["peak_us"].highest == 10


def _updates(rng, symbols):
    for number in range(COUNT):
        price = rng.randrange(900_000, 1_100_000)
        yield {"message": number, "symbol": rng.randrange(symbols), "bid_known": rng.random() < 0.9,
               "bid_price": price, "ask_known": 1, "ask_price": price + 100,
               "trade": rng.choice((Trade.NONE, Trade.NONE, Trade.PRINT, Trade.UNPRICED)),
               "trade_price": price + 50, "trade_shares": rng.randrange(1, 1 << 40)}


def test_books_hold_the_last_word_of_each_column(seed):
    rng = random.Random(seed)
    updates = list(_updates(rng, symbols=5))  # of which the last two are not kept
    depths = [{"message": number, "symbol": number % 4, "side": number // 4 % 2, "known": rng.random() < 0.8,
               "levels": 2, "price_0": number, "quantity_0": 10 + number, "price_1": number + 1, "quantity_1": 7}
              for number in range(COUNT)]
    vwaps = [{"message": u["message"], "symbol": u["symbol"], "known": 1, "vwap": u["message"] << 16} for u in updates]
    found_columns = Columns()
    found = Books(found_columns, symbols=3)
    for some in _batches(rng, COUNT):
        for _ in range(found_columns.extend(np.arange(COUNT)[some])):
            found.halve()
        found.add(streams(updates=updates[some], depths=depths[some], vwaps=vwaps[some]))
    for symbol in range(3):
        rows = {name: values.tolist() for name, values in found.rows(symbol).items()}
        by_column = defaultdict(list)
        for update in updates:
            if update["symbol"] == symbol:
                by_column[update["message"] // 8].append(update)
        assert rows["first_message"] == [8 * column for column in sorted(by_column)]
        for i, column in enumerate(sorted(by_column)):
            said, last = by_column[column], by_column[column][-1]
            printed = [u for u in said if u["trade"] == Trade.PRINT]
            assert rows["updates"][i] == len(said)
            assert rows["bid"][i] == (last["bid_price"] if last["bid_known"] else -1)
            assert rows["ask"][i] == last["ask_price"] and rows["sma"][i] == -1
            assert rows["vwap"][i] == last["message"] << 16
            assert rows["trades"][i] == len(printed)
            assert rows["volume"][i] == sum(u["trade_shares"] for u in printed)
            assert rows["low"][i] == min((u["trade_price"] for u in printed), default=-1)
            assert rows["high"][i] == max((u["trade_price"] for u in printed), default=-1)
            for side, name in enumerate(("bid", "ask")):
                said = [d for d in depths[8 * column : 8 * column + 8] if (d["symbol"], d["side"]) == (symbol, side)]
                assert rows[f"{name}_levels"][i] == (-2 if not said else 2 if said[-1]["known"] else -1)
                if said:
                    assert rows[f"{name}_price_0"][i] == said[-1]["message"]
                    assert rows[f"{name}_quantity_1"][i] == 7


@pytest.mark.parametrize("combine", [np.add, np.maximum])
def test_merging_the_wrong_way_is_noticed(combine, monkeypatch, seed):
    """The comparison with plain Python can fail: columns that are not combined in pairs but in halves."""
    monkeypatch.setattr("sim.export.throughput.merged", lambda values, how: np.concatenate(
        [combine(values[: len(values) // 2], values[len(values) // 2 :]), np.zeros_like(values)[len(values) // 2 :]]))
    with pytest.raises(AssertionError):
        test_throughput_counts_every_message_and_finds_the_densest_moments(seed)
    assert columns.merged(np.arange(4), combine).tolist()[2:] == [0, 0]
