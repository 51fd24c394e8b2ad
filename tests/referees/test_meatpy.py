"""ITCH tables, decoder and book against PyPI ``meatpy``: all 23 types, real messages, and the book after each.

meatpy 0.5.0 agrees with the tables in 22 types, both ways. Where it differs:

- O: meatpy reads 52 octets, with one Price(4) more than there is. ITCH 5.0, 1.8 ends with the upper price range collar
  at offset 44, length 4: 48 octets, as here and as PyPI ``itchfeed`` reads it. Up to offset 31 both agree.
- h: meatpy calls the market code (offset 19) ``halt_status`` and the halt action (offset 20) ``halt_reason``. Names
  only: ITCH 5.0, 1.2.8 has market code, then operational halt action.

meatpy's market processor keeps the book of one instrument. It goes by stock and order reference, ours by locate; it
ignores messages about orders that it has not seen, where ours raises a fault and changes nothing either, so that the
books agree even in a file cut out of the day, whose first messages name orders from before.
"""

import struct
from datetime import datetime

import pytest
from meatpy.itch50 import ITCH50MarketProcessor, ITCH50MessageReader
from meatpy.itch50.itch50_market_message import ITCH50MarketMessage

from golden_model.book import Book
from golden_model.core import Core
from golden_model.decode import decode
from sim.generator import session
from spec.config import preset
from spec.itch import MESSAGES
from spec.ladder import window_around
from spec.records import DEPTH, DEPTH_LEVELS
from tests.golden_model.build import Recorder, datagram
from tests.referees.cases import FILES, REAL, design_for, encode, extremes, normal, read_file, stocks_of

_COMMON = {"locate": "stock_locate", "tracking": "tracking_number"}
_REFERENCE, _SIDE = {"reference": "order_ref"}, {"side": "bsindicator"}

#: Type -> our field -> meatpy's attribute, where the names differ.
NAMES = {
    "S": {"event": "code"},
    "R": {"financial_status": "status", "round_lot": "lotsize", "round_lots_only": "lotsonly",
          "classification": "issue_class", "subtype": "issue_sub", "short_sale_threshold": "shortsale_thresh",
          "ipo": "ipo_flag", "luld_tier": "luld_ref", "etp": "etp_flag", "inverse": "inverse_ind"},
    "L": {"primary": "primary_market_maker", "mode": "market_maker_mode"},
    "W": {"level": "breached_level"},
    "K": {"release_time": "ipo_quotation_release_time", "qualifier": "ipo_quotation_release_qualifier",
          "price": "ipo_price"},
    "J": {"reference": "auction_collar_ref_price", "upper": "upper_auction_collar_price",
          "lower": "lower_auction_collar_price", "extension": "auction_collar_extension"},
    "h": {"market": "halt_status", "action": "halt_reason"},
    "A": _REFERENCE | _SIDE,
    "F": _REFERENCE | _SIDE | {"mpid": "attribution"},
    "E": _REFERENCE,
    "C": _REFERENCE | {"price": "execution_price"},
    "X": _REFERENCE | {"shares": "canceled_shares"},
    "D": _REFERENCE,
    "U": {"reference": "original_ref", "new_reference": "new_ref"},
    "P": _REFERENCE | _SIDE,
    "Q": {"price": "cross_price"},
    "I": {"paired": "paired_shares", "imbalance": "imbalance_shares", "direction": "imbalance_direction",
          "far": "far_price", "near": "near_price", "reference": "current_ref_price",
          "variation": "price_variation_indicator"},
}
AGREED = [code for code in MESSAGES if code != "O"]


def attribute(code: str, field: str) -> str:
    return {**_COMMON, **NAMES.get(code, {})}.get(field, field)


# Tables.

@pytest.mark.parametrize("code", AGREED)
def test_both_read_what_either_writes(code, seed):
    for values in extremes(MESSAGES[code], seed):
        octets = encode(MESSAGES[code], values)
        message = ITCH50MarketMessage.from_bytes(octets)
        assert message.type == code.encode() and message.message_size == len(octets)
        assert {field: getattr(message, attribute(code, field)) for field in values} == normal(values)
        assert message.to_bytes() == octets


def test_direct_listing_is_four_octets_too_long_there(seed):
    layout = MESSAGES["O"]
    for values in extremes(layout, seed):
        octets = encode(layout, values)
        with pytest.raises(struct.error, match="requires a buffer of 51 bytes"):
            ITCH50MarketMessage.from_bytes(octets)
        message = ITCH50MarketMessage.from_bytes(octets + bytes(4))
        assert message.message_size == 52
        agreed = {"locate": "stock_locate", "tracking": "tracking_number", "timestamp": "timestamp", "stock": "stock",
                  "eligibility": "dlcr_event_type", "minimum": "ref_price", "maximum": "upper_price_limit",
                  "near": "lower_price_limit"}
        assert {field: getattr(message, name) for field, name in agreed.items()} == {
            field: normal(values)[field] for field in agreed}
        assert message.max_price_variation == values["near_time"] >> 32, "the first half of the time"


@pytest.mark.parametrize("name", REAL)
def test_decodes_real_messages_alike(shared_data, name):
    ours = read_file(shared_data / FILES / name)
    theirs = list(ITCH50MessageReader().read_file(shared_data / FILES / name))
    for octets, message in zip(ours, theirs, strict=True):
        decoded = decode(octets)._asdict()
        code = decoded["type"].decode()
        assert decoded == {field: getattr(message, attribute(code, field)) for field in decoded}


# Books.

def levels(side) -> list[tuple[int, int, int]]:
    return [(level.price, level.volume, level.n_orders) for level in side]


def their_book(processor) -> tuple[list, list]:
    lob = processor.current_lob
    return (levels(lob.bid_levels), levels(lob.ask_levels)) if lob else ([], [])


def depth_levels(depth) -> list[tuple[int, int, int]]:
    """The levels that a ``Depth`` holds."""
    values = depth[DEPTH.tuple._fields.index("price_0"):]
    assert not any(values[3 * depth.levels :])
    return [tuple(values[3 * n : 3 * n + 3]) for n in range(depth.levels)]


def compare_depth(depth, side: list[tuple[int, int, int]]) -> int:
    """A side's ``Depth`` against the referee's whole side; how many levels were compared."""
    if depth.known:
        assert depth_levels(depth) == side[: depth.levels]
        assert depth.levels == min(DEPTH_LEVELS, len(side)) or depth.cut
    return depth.levels


def follow(book, design, symbol: int, side: int, best: int) -> None:
    """Put the best price in the middle of the side's window, as hardware would."""
    tick = design.symbols[symbol].tick
    window = window_around(best, tick, design.book.levels)
    if window != book.book(symbol).sides[side].window:
        book.window(symbol, side, *window)


def compare_books(book, design, octets: list[bytes], *, following: bool = False) -> dict[str, int]:
    """Compare the whole book after each message, and what was published of it; what was compared.

    With ``following`` the windows of the message's symbol go where the referee has the best prices.

    Every one of meatpy's processors gets every message, as only its own stock and references tell it what is meant. The
    books compared after a message are those of the message's symbol; after the last one, all.
    """
    processors = [ITCH50MarketProcessor(s.stock, datetime(2019, 12, 30)) for s in design.symbols]
    recorder, compared = Recorder(), {"books": 0, "not empty": 0, "published": 0, "depth": 0, "faulty": 0}
    for number, message in enumerate(octets):
        if message[:1] != b"O":  # which it cannot read, and which changes no book
            theirs = ITCH50MarketMessage.from_bytes(message)
            for processor in processors:
                processor.process_message(theirs)
        u = book.message(recorder(message))
        if u is None:
            continue
        bids, asks = their_book(processors[u.symbol])
        ours = book.book(u.symbol)
        assert (ours.bids(), ours.asks()) == (bids, asks), f"message {number}"
        compared["books"] += 1
        compared["not empty"] += bool(bids or asks)
        compared["faulty"] += u.unknown_reference
        for n, (name, side) in enumerate((("bid", bids), ("ask", asks))):
            compared["depth"] += compare_depth(book.depth(u.symbol, n), side)
            if following and side:
                follow(book, design, u.symbol, n, side[0][0])
                compared["depth"] += compare_depth(book.depth(u.symbol, n), side)
            if getattr(u, f"{name}_known"):
                best = tuple(getattr(u, f"{name}_{field}") for field in ("price", "quantity", "orders"))
                assert best == (side[0] if side else (0, 0, 0)), f"message {number}"
                compared["published"] += bool(side)
    for index, processor in enumerate(processors):
        assert (book.book(index).bids(), book.book(index).asks()) == their_book(processor)
    return compared


#: Of each file: updates whose book was compared, of these with orders in it, non-empty sides published, levels of
#: depths, updates of symbols with a fault.
COMPARED = {
    "premarket_20190730_500.itch": {"books": 500, "not empty": 500, "published": 695, "depth": 1230, "faulty": 0},
    "premarket_20191230_500.itch": {"books": 500, "not empty": 500, "published": 682, "depth": 1195, "faulty": 0},
    "open_20191230_1000.itch": {"books": 999, "not empty": 692, "published": 408, "depth": 529, "faulty": 655},
}
#: With windows that follow the book, where every depth is compared before and after it.
FOLLOWED = {
    "premarket_20190730_500.itch": {"published": 705, "depth": 2502},
    "premarket_20191230_500.itch": {"published": 683, "depth": 2402},
    "open_20191230_1000.itch": {"published": 478, "depth": 1302},
}
UNKNOWN_REFERENCES = {"open_20191230_1000.itch": 399}  # as the data's own description says


@pytest.mark.parametrize("name", COMPARED)
def test_the_book_after_each_message(shared_data, name):
    octets = read_file(shared_data / FILES / name)
    design = design_for(octets)
    book = Book(design)
    assert compare_books(book, design, octets) == COMPARED[name]
    assert book.counters["unknown_reference"] == UNKNOWN_REFERENCES.get(name, 0)


@pytest.mark.parametrize("name", COMPARED)
def test_the_book_after_each_message_while_windows_follow_it(shared_data, name):
    """Orders far from where the symbol was expected come into reach, so that more is published."""
    octets = read_file(shared_data / FILES / name)
    design = design_for(octets)
    book = Book(design)
    assert compare_books(book, design, octets, following=True) == COMPARED[name] | FOLLOWED[name]
    assert FOLLOWED[name]["published"] > COMPARED[name]["published"] and book.counters["windows"] > 30


def test_the_book_after_each_message_of_a_generated_session(seed):
    """Deep books, which the real excerpts do not have: every symbol of the demo design through a whole small day."""
    design = preset("demo")
    book, octets = Book(design), list(session(design, messages=6000, seed=seed))
    compared = compare_books(book, design, octets, following=True)
    assert compared["depth"] > 4 * compared["not empty"] and book.counters["windows"] > 50
    assert compared["books"] == book.counters["updates"] > 3000
    assert compared["not empty"] > 2500 and compared["published"] > 4000 and compared["faulty"] == 0
    assert not any(book.book(n).bids() or book.book(n).asks() for n in range(len(design.symbols))), "the day is over"


class _ReducesAtTheWrongPrice(Book):
    """The mistake that PROTOCOLS warns of: C takes its shares off the level at the execution's price."""

    def _execute_with_price(self, symbol, message):
        order = self._orders.get(message.reference)
        if order:
            order.price = message.price
            symbol.sides[order.side].add(message.price, 0)
        return super()._execute_with_price(symbol, message)


def test_a_wrong_book_is_noticed():
    design = preset("demo")
    locate, stock = 1, design.symbols[0].stock
    octets = [encode(MESSAGES[code], {"locate": locate, **values}) for code, values in (
        ("R", {"stock": stock}),
        ("A", {"reference": 1, "side": "B", "shares": 100, "stock": stock.ljust(8), "price": 10_000}),
        ("C", {"reference": 1, "shares": 40, "match": 1, "printable": "Y", "price": 10_100}))]
    assert compare_books(Book(design), design, octets)["books"] == 3
    with pytest.raises(AssertionError, match="message 2"):
        compare_books(_ReducesAtTheWrongPrice(design), design, octets)


# Through the core.

@pytest.mark.parametrize("name", REAL)
def test_real_files_pass_the_whole_core(shared_data, name):
    octets = read_file(shared_data / FILES / name)
    core, sequence, updates = Core(design_for(octets)), 1, 0
    for message in octets:
        step = core.frame(datagram(message, sequence=sequence))
        sequence += 1
        (record,) = step.messages
        assert record.octets == int.from_bytes(message, "little")
        assert len(step.updates) == len(step.indicators) == len(step.vwaps)
        updates += len(step.updates)
    market_wide = sum(chr(message[0]) in "SVW" for message in octets)
    assert updates == len(octets) - market_wide > 0
    assert core.counters["feed"]["messages"] == len(octets)
    assert core.counters["book"]["updates"] == updates


def test_symbols_are_learned_from_a_real_directory(shared_data):
    octets = read_file(shared_data / FILES / "head_20191230_1000.itch")
    stocks = {stock: locate for locate, stock in stocks_of(octets).items()}
    design = preset("demo")
    book, recorder = Book(design), Recorder()
    updates = [u for message in octets if (u := book.message(recorder(message)))]
    learned = {design.symbols[u.symbol].stock for u in updates if u.type == ord("R")}
    assert learned == {s.stock for s in design.symbols} & set(stocks) and "AAPL" in learned
    assert book.counters["filtered"] == len(octets) - 1 - len(updates)
