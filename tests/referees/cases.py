"""What referees are asked about: messages of every ITCH type, and real files."""

import random
from pathlib import Path

from spec import itch, wire
from spec.config import Design, preset
from spec.wire import Layout

FILES = "nasdaq_itch50"
REAL = ["head_20190130_101.itch", "head_20191230_1000.itch", "open_20191230_1000.itch", "premarket_20190730_500.itch",
        "premarket_20191230_500.itch"]


def extremes(layout: Layout, seed: int) -> list[dict]:
    """Values for every field: all lowest, all highest, each octet of the message different, then random ones."""
    rng = random.Random(seed)

    def values(integer, text) -> dict:
        return {f.name: text(f) if f.kind.is_text else integer(f) for f in layout.fields if f.name != "type"}

    def counting(field) -> bytes:
        return bytes(0x30 + n for n in range(field.offset, field.end))

    cases = [
        values(lambda f: 0, lambda f: " " * f.length),
        values(lambda f: (1 << 8 * f.length) - 1, lambda f: "~" * f.length),
        values(lambda f: int.from_bytes(counting(f), "big"), lambda f: counting(f).decode()),
    ]
    cases += [values(lambda f: rng.getrandbits(8 * f.length),
                     lambda f: "".join(chr(rng.randint(0x20, 0x7E)) for _ in range(f.length))) for _ in range(50)]
    return cases


def encode(layout: Layout, values: dict) -> bytes:
    return wire.write(layout, **values)


def normal(values: dict) -> dict:
    """Text as octets, so that decoders which differ in that compare equal."""
    return {name: value.encode("latin-1") if isinstance(value, str) else value for name, value in values.items()}


def read_file(path: Path) -> list[bytes]:
    """The messages of a file: a 2-octet length before each, nothing else."""
    octets, messages, at = path.read_bytes(), [], 0
    while at < len(octets):
        length = int.from_bytes(octets[at : at + 2], "big")
        messages.append(octets[at + 2 : at + 2 + length])
        at += 2 + length
    assert messages and at == len(octets)
    return messages


def stocks_of(messages: list[bytes]) -> dict[int, str]:
    """Locate to stock. A locate whose stock no message tells gets a name of its own."""
    stocks = {}
    for octets in messages:
        values = wire.read(itch.MESSAGES[chr(octets[0])], octets)
        if values["locate"]:
            if "stock" in values:
                stocks[values["locate"]] = values["stock"].rstrip()
            stocks.setdefault(values["locate"], f"#{values['locate']}")
    return stocks


def design_for(messages: list[bytes]) -> Design:
    """A design with every symbol that the messages are about, its locate preset, its ladder around its first order."""
    prices = {}
    for octets in messages:
        if chr(octets[0]) in "AF":
            values = wire.read(itch.MESSAGES[chr(octets[0])], octets)
            prices.setdefault(values["locate"], values["price"])
    symbols = []
    for locate, stock in sorted(stocks_of(messages).items()):
        price = prices.get(locate, 0)
        tick = 100 if price >= 10_000 else 1
        reference = min(price, 1 << 30) // tick * tick
        symbols.append({"stock": stock, "locate": locate, "reference": reference, "tick": tick})
    data = preset("demo").model_dump()
    data["book"] |= {"assume_trading": True, "min_orders_per_symbol": 1}
    return Design.model_validate(data | {"symbols": symbols})
