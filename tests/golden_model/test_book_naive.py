"""book: against a naive model that searches a list of orders, over messages chosen to collide."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_model.book import Book
from golden_model.order_table import SPILL
from spec.ladder import ASK, BID
from spec.order_table import bucket_of
from spec.records import DEPTH, LOAD, WINDOW
from tests.golden_model.build import Recorder, itch_message, nonzero, tiny
from tests.golden_model.naive_book import NaiveBook

DESIGN = tiny()
INDEX_BITS = DESIGN.book.buckets.bit_length() - 1
#: References that share their bucket in both sub-tables: with one way each and two spill entries, four find room.
COLLIDING = [r for r in range(1, 1 << 14) if not any(bucket_of(r, table, INDEX_BITS) for table in range(2))][:6]

reference = st.sampled_from([*COLLIDING, 3, 2**64 - 1])
locate = st.sampled_from([1, 1, 1, 2, 2, 3])
shares = st.sampled_from([0, 1, 50, 100, 2**32 - 1])
price = st.sampled_from([0, 1, 19_199, 19_200, 19_300, 19_350, 19_900, 20_000, 20_100, 20_799, 20_800, 29_900, 30_000,
                         2**32 - 1])


def kind(code: str, **fields):
    return st.builds(itch_message, st.just(code), locate, timestamp=st.integers(0, 2**48 - 1), **fields)


side = st.sampled_from("BS")
add = st.one_of(kind(code, reference=reference, side=side, shares=shares, price=price) for code in "AF")
messages = st.one_of(
    add, add, add,
    kind("E", reference=reference, shares=shares, match=st.integers(0, 2**64 - 1)),
    kind("C", reference=reference, shares=shares, price=price, match=st.integers(0, 3),
         printable=st.sampled_from("YN")),
    kind("X", reference=reference, shares=shares),
    kind("D", reference=reference), kind("D", reference=reference),
    kind("U", reference=reference, new_reference=reference, shares=shares, price=price),
    kind("P", reference=reference, side=side, shares=shares, price=price, match=st.integers(0, 3)),
    kind("Q", shares=st.sampled_from([0, 1, 2**64 - 1]), price=price, match=st.integers(0, 3)),
    kind("B", match=st.integers(0, 3)),
    kind("S", event=st.sampled_from("OSQMEC")), kind("W", level=st.sampled_from("123")), kind("V"),
    kind("H", state=st.sampled_from("HPQT")),
    kind("h", market=st.sampled_from("QBX"), action=st.sampled_from("HT")),
    kind("J", lower=price, upper=price),
    st.builds(itch_message, st.just("R"), st.sampled_from([1, 2, 3, 63, 64, 65_535]),
              stock=st.sampled_from(["ONE", "TWO", "THREE"])),
    kind("Y"), kind("I"), kind("N"),
)


def nothing(record, message: int, symbol: int, side: int = 0, **values):
    return record.tuple(**{**dict.fromkeys(record.tuple._fields, 0), "message": message, "symbol": symbol,
                           "side": side, **values})


#: What happens between messages, as it is done to the naive book: a method and its arguments.
symbol, either = st.sampled_from([0, 0, 0, 1]), st.sampled_from([BID, ASK])
events = st.one_of(
    st.builds(lambda symbol, side, low, words: ("window", symbol, side, 400 * low, 400 * (low + words)),
              symbol, either, st.integers(44, 76), st.sampled_from([0, 1, 3, 4, 4, 4])),
    st.tuples(st.just("load"), symbol, either, reference, price, shares),
    st.tuples(st.just("vouch"), symbol),
    st.tuples(st.just("published_depth"), symbol, either), st.tuples(st.just("published_depth"), symbol, either))


def event_record(message: int, kind: str, symbol: int, *values):
    """What hardware would say of it; of a depth nothing that could help the model."""
    if kind == "window":
        return WINDOW.tuple(message, symbol, *values)
    if kind == "load":
        return LOAD.tuple(message, symbol, *values, 0)
    if kind == "vouch":
        return nothing(LOAD, message, symbol, vouch=1)
    return nothing(DEPTH, message, symbol, *values)


def compare(book, naive, script: list, gaps: list[int]) -> Counter:
    """Feed both and assert that they agree in every field; what was seen."""
    recorder, seen, happened = Recorder(), Counter(), {WINDOW.tuple: [], DEPTH.tuple: [], LOAD.tuple: []}
    number = 0
    for step in script:
        if isinstance(step, tuple):
            kind, *values = step
            record = event_record(number, kind, *values)
            book.events.append(record)
            said = getattr(naive, kind)(*values) or record
            happened[type(record)].append(said)
            seen[kind] += 1
            seen.update({f"depth_{name}": bool(value) for name, value in said._asdict().items()}
                        if kind == "published_depth" else ())
            continue
        record = recorder(step, gap=int(number in gaps))
        got, expected = book.message(record), naive.message(record)
        assert got == expected, f"message {number}"
        if expected:
            seen.update(name for name, value in expected._asdict().items() if value)
        number += 1
    book.settle()
    assert list(book.published()) == list(happened.values())
    naive.counters.update({"depths": len(happened[DEPTH.tuple])})
    assert nonzero(book.counters) == nonzero(naive.counters)
    for index in range(len(naive.design.symbols)):
        assert book.book(index).bids() == naive.depth(index, BID)
        assert book.book(index).asks() == naive.depth(index, ASK)
    places = {o.reference: tuple(SPILL if p == "spill" else p for p in o.place) for o in naive.orders}
    assert book._table.places == places
    return seen


@settings(max_examples=400)
@given(st.lists(messages, max_size=60), st.lists(st.integers(0, 60), max_size=2))
def test_agrees_with_the_naive_book(octets, gaps):
    compare(Book(DESIGN), NaiveBook(DESIGN), octets, gaps)


@settings(max_examples=400)
@given(st.lists(st.one_of(add, messages, messages, events, events), max_size=60),
       st.lists(st.integers(0, 200), max_size=1))
def test_agrees_while_windows_move_and_a_snapshot_comes_in(script, gaps):
    compare(Book(DESIGN), NaiveBook(DESIGN), script, gaps)


def flow(seed: int, length: int) -> list[bytes]:
    """Mostly legal messages on one symbol, so that the book stays known."""
    rng, live, result = random.Random(seed), {}, []
    for new in range(1, length):
        old, act = (rng.choice(list(live)) if live else None), rng.random()
        step = {"price": 100 * rng.randint(192, 207), "shares": rng.randint(1, 300)}
        if not live or act < 0.4 and len(live) < 12:
            live[new] = step["shares"]
            result.append(itch_message(rng.choice("AF"), reference=new, side=rng.choice("BS"), **step))
        elif act < 0.6:
            del live[old]
            result.append(itch_message("D", reference=old))
        elif act < 0.75:
            del live[old]
            live[new] = step["shares"]
            result.append(itch_message("U", reference=old, new_reference=new, **step))
        else:
            shares = rng.randint(1, live[old])
            live[old] -= shares
            live = {r: s for r, s in live.items() if s}
            code = rng.choice("EXC")
            more = {"E": {"match": new}, "C": {"match": new, "printable": "Y", "price": 20_000}, "X": {}}[code]
            result.append(itch_message(code, reference=old, shares=shares, **more))
    return result


@pytest.mark.parametrize("seed", range(4))
def test_agrees_on_legal_flow(seed):
    octets = flow(seed, 400)
    design = tiny(book={"ways": 4})
    seen = compare(Book(design), NaiveBook(design), octets, [])
    assert seen["bid_known"] == seen["ask_known"] == len(octets)
    assert seen["bid_orders"] > 100 and seen["ask_orders"] > 100 and seen["trade"] > 20


def with_windows(seed: int, octets: list[bytes]) -> list:
    """``octets`` with the windows of symbol 0 wandering within reach of its prices, and both depths after each."""
    rng, script = random.Random(seed), []
    for message in octets:
        script.append(message)
        if rng.random() < 0.1:
            low = 400 * rng.randint(46, 50)
            script.append(("window", 0, rng.choice([BID, ASK]), low, low + 400 * rng.choice([3, 4, 4])))
        script += [("published_depth", 0, side) for side in (BID, ASK)]
    return script


@pytest.mark.parametrize("seed", range(4))
def test_agrees_on_legal_flow_under_moving_windows(seed):
    design = tiny(book={"ways": 3})
    seen = compare(Book(design), NaiveBook(design), with_windows(seed, flow(seed, 400)), [])
    depths = seen["published_depth"]
    assert 50 < seen["depth_known"] < depths - 50 and 20 < seen["depth_cut"] < seen["depth_known"]
    assert 20 < seen["depth_orders_4"] < depths and 50 < seen["bid_known"] < len(flow(seed, 400)) - 50


@pytest.mark.parametrize("seed", range(2))
def test_agrees_on_a_start_in_the_middle_of_the_day(seed):
    """The first half of the day is missed; what still rests of it a little later is loaded, and vouched for."""
    design, recorder, rng = tiny(book={"ways": 4}), Recorder(), random.Random(seed)
    octets = flow(seed, 400)
    early, late = octets[200:240], octets[240:]
    all_day, since_noon, whole = NaiveBook(design), NaiveBook(design), Book(design)
    for message in octets[:240]:
        all_day.message(recorder(message))
    for message in early:
        since_noon.message(recorder(message))
    for message in octets:
        whole.message(recorder(message))
    assert (0, "unknown_reference") in since_noon.faults
    missed = [o for o in all_day.orders if not since_noon.find(o.reference)]
    rng.shuffle(missed)
    script = [*early, *(("load", o.symbol, o.side, o.reference, o.price, o.shares) for o in missed), itch_message("Y"),
              ("published_depth", 0, BID), ("vouch", 0), ("published_depth", 0, BID), *late]
    book = Book(design)
    seen = compare(book, NaiveBook(design), script, [])
    assert seen["load"] == len(missed) > 0 and seen["depth_known"] == 1
    assert seen["bid_known"] == seen["ask_known"] == len(late), "exact from the vouch to the end of the day"
    assert book.book(0).bids() == whole.book(0).bids() and book.book(0).asks() == whole.book(0).asks()


def test_random_messages_reach_every_fault():
    """The strategies above are worth something only if they get there."""
    recorder, naive, rng = Recorder(), NaiveBook(DESIGN), random.Random(0)
    for _ in range(600):
        code = rng.choice("AAAAFEXDUCRP")
        old, new = rng.choice(COLLIDING), rng.choice(COLLIDING)
        shares = rng.choice([1, 50, 100])
        price = rng.choice([1, 20_000, 20_050])
        values = {"A": {"reference": new, "side": rng.choice("BS"), "shares": shares, "price": price},
                  "E": {"reference": old, "shares": shares}, "D": {"reference": old},
                  "U": {"reference": old, "new_reference": new, "shares": shares, "price": 20_000},
                  "R": {"stock": "ONE", "locate": rng.choice([1, 64])}, "P": {"locate": 3}}
        values["F"], values["C"], values["X"] = values["A"], values["E"], values["E"]
        naive.message(recorder(itch_message(code, **values[code])))
    assert {*naive.counters, "loads", "load_foreign", "vouched", "windows", "depths", "symbols_set",
            "symbols_refused"} == set(Book(DESIGN).counters)


class _ForgetsDeletes(Book):
    def _delete(self, symbol, message):
        pass


class _IgnoresZones(Book):
    def message(self, m):
        u = super().message(m)
        return u and u._replace(ask_known=1)


class _IgnoresWindows(Book):
    def window(self, symbol, side, low, high):
        self.counters["windows"] += 1


class _DropsLoads(Book):
    def load(self, symbol, side, reference, price, shares):
        self.counters["loads"] += 1


class _VouchesForAll(Book):
    def vouch(self, symbol):
        super().vouch(symbol)
        self._symbols[symbol].duplicate_reference = 0


class _ForgetsWorseOrders(Book):
    def depth(self, symbol, side, low=None, high=None):
        return super().depth(symbol, side, low, high)._replace(cut=0)


class _ForgetsTheGap(Book):
    def message(self, m):
        u = super().message(m)
        self._gap = 0
        return u


ADD = itch_message("A", reference=1, side="S", shares=5, price=20_000)
BETTER = itch_message("A", reference=1, side="S", shares=5, price=1)
DEPTH_OF_ASKS = ("published_depth", 0, ASK)


@pytest.mark.parametrize(("broken", "script", "gaps"), [
    (_ForgetsDeletes, [BETTER, itch_message("D", reference=1)], []),
    (_IgnoresZones, [BETTER], []),
    (_IgnoresWindows, [("window", 0, ASK, 20_800, 22_400), ADD], []),
    (_IgnoresWindows, [ADD, ("window", 0, ASK, 20_800, 22_400), DEPTH_OF_ASKS], []),
    (_DropsLoads, [("load", 0, ASK, 1, 20_000, 5), itch_message("D", reference=1)], []),
    (_DropsLoads, [("load", 0, ASK, 1, 20_000, 5), DEPTH_OF_ASKS], []),
    (_VouchesForAll, [ADD, ADD, ("vouch", 0), itch_message("Y")], []),
    (_ForgetsWorseOrders, [ADD, ("load", 0, ASK, 2, 20_800, 5), DEPTH_OF_ASKS], []),
    (_ForgetsTheGap, [ADD, ("vouch", 0), DEPTH_OF_ASKS], [0]),
])
def test_a_broken_book_is_noticed(broken, script, gaps):
    compare(Book(DESIGN), NaiveBook(DESIGN), script, gaps)
    with pytest.raises(AssertionError):
        compare(broken(DESIGN), NaiveBook(DESIGN), script, gaps)
