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
from tests.golden_model.build import Recorder, itch_message, nonzero, tiny
from tests.golden_model.naive_book import NaiveBook

DESIGN = tiny()
INDEX_BITS = DESIGN.book.buckets.bit_length() - 1
#: References that share their bucket in both sub-tables: with one way each and two spill entries, four find room.
COLLIDING = [r for r in range(1, 1 << 14) if not any(bucket_of(r, table, INDEX_BITS) for table in range(2))][:6]

reference = st.sampled_from([*COLLIDING, 3, 2**64 - 1])
locate = st.sampled_from([1, 1, 1, 2, 2, 3])
shares = st.sampled_from([0, 1, 50, 100, 2**32 - 1])
price = st.sampled_from([0, 1, 9_199, 9_200, 9_300, 9_350, 9_900, 10_000, 10_100, 10_799, 10_800, 19_900, 20_000,
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


def compare(book, naive, octets: list[bytes], gaps: list[int]) -> Counter:
    """Feed both and assert that they agree in every field; what was seen."""
    recorder, seen = Recorder(), Counter()
    for number, message in enumerate(octets):
        record = recorder(message, gap=int(number in gaps))
        got, expected = book.message(record), naive.message(record)
        assert got == expected, f"message {number}"
        if expected:
            seen.update(name for name, value in expected._asdict().items() if value)
    assert nonzero(book.counters) == naive.counters
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


def flow(seed: int, length: int) -> list[bytes]:
    """Mostly legal messages on one symbol, so that the book stays known."""
    rng, live, result = random.Random(seed), {}, []
    for new in range(1, length):
        old, act = (rng.choice(list(live)) if live else None), rng.random()
        step = {"price": 100 * rng.randint(92, 107), "shares": rng.randint(1, 300)}
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
            more = {"E": {"match": new}, "C": {"match": new, "printable": "Y", "price": 10_000}, "X": {}}[code]
            result.append(itch_message(code, reference=old, shares=shares, **more))
    return result


@pytest.mark.parametrize("seed", range(4))
def test_agrees_on_legal_flow(seed):
    octets = flow(seed, 400)
    design = tiny(book={"ways": 4})
    seen = compare(Book(design), NaiveBook(design), octets, [])
    assert seen["bid_known"] == seen["ask_known"] == len(octets)
    assert seen["bid_orders"] > 100 and seen["ask_orders"] > 100 and seen["trade"] > 20


def test_random_messages_reach_every_fault():
    """The strategies above are worth something only if they get there."""
    recorder, naive, rng = Recorder(), NaiveBook(DESIGN), random.Random(0)
    for _ in range(600):
        code = rng.choice("AAAAFEXDUCRP")
        old, new = rng.choice(COLLIDING), rng.choice(COLLIDING)
        shares = rng.choice([1, 50, 100])
        price = rng.choice([1, 10_000, 10_050])
        values = {"A": {"reference": new, "side": rng.choice("BS"), "shares": shares, "price": price},
                  "E": {"reference": old, "shares": shares}, "D": {"reference": old},
                  "U": {"reference": old, "new_reference": new, "shares": shares, "price": 10_000},
                  "R": {"stock": "ONE", "locate": rng.choice([1, 64])}, "P": {"locate": 3}}
        values["F"], values["C"], values["X"] = values["A"], values["E"], values["E"]
        naive.message(recorder(itch_message(code, **values[code])))
    assert set(naive.counters) == set(Book(DESIGN).counters)


class _ForgetsDeletes(Book):
    def _delete(self, symbol, message):
        pass


class _IgnoresZones(Book):
    def message(self, m):
        u = super().message(m)
        return u and u._replace(ask_known=1)


@pytest.mark.parametrize("broken", [_ForgetsDeletes, _IgnoresZones])
def test_a_broken_book_is_noticed(broken):
    octets = [itch_message("A", reference=1, side="S", shares=5, price=1), itch_message("D", reference=1)]
    compare(Book(DESIGN), NaiveBook(DESIGN), octets, [])
    with pytest.raises(AssertionError):
        compare(broken(DESIGN), NaiveBook(DESIGN), octets, [])
