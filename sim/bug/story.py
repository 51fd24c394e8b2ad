"""What led to a difference: the symbol's last messages, and the model's book before and after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sim.framing import Framer
from spec import itch, wire
from spec.config import Design

_STOCK = itch.MESSAGES["R"]["stock"]
MESSAGES = 20  #: of the symbol, at most
LEVELS = 5  #: of each side of the book


@dataclass(frozen=True)
class Told:
    """One message in words."""

    number: int  #: in the input that is told of, from 0
    time_ns: int
    text: str


@dataclass
class Story:
    """``before``, ``after``: (price, shares, orders) by side, best first; empty where there is no such symbol."""

    stock: str = ""
    messages: list[Told] = field(default_factory=list)
    before: tuple[list, list] = ((), ())
    after: tuple[list, list] = ((), ())


def tell(design: Design, messages: Sequence[bytes], number: int, *, model: Callable) -> Story:
    """Of message ``number``. The model sees all messages up to it, one to a datagram."""
    locate = _locate(messages[number])
    story = Story()
    story.messages = [Told(at, *_words(octets)) for at, octets in enumerate(messages[: number + 1])
                      if _locate(octets) in (locate, 0)][-MESSAGES:]
    symbol = _symbol(design, messages, locate)
    if symbol is None:
        return story
    core, framer = model(), Framer(design=design)
    story.stock = design.symbols[symbol].stock
    for at, octets in enumerate(messages[: number + 1]):
        if at == number:
            story.before = _levels(core, symbol)
        core.frame(framer.datagram(design.feed.first_sequence + at, [octets]))
    story.after = _levels(core, symbol)
    return story


def _symbol(design: Design, messages: Sequence[bytes], locate: int) -> int | None:
    """Index of the symbol with this locate."""
    told = next((octets[_STOCK.offset : _STOCK.end] for octets in messages
                 if octets[:1] == b"R" and _locate(octets) == locate), None)
    return next((i for i, symbol in enumerate(design.symbols)
                 if symbol.stock_octets == told or locate and symbol.locate == locate), None)


def _levels(core, symbol: int) -> tuple[list, list]:
    book = core.book.book(symbol)
    return book.bids()[:LEVELS], book.asks()[:LEVELS]


def _locate(octets: bytes) -> int:
    return int.from_bytes(octets[itch.HEADER["locate"].offset : itch.HEADER["locate"].end], "big")


def _words(octets: bytes) -> tuple[int, str]:
    layout = itch.MESSAGES.get(chr(octets[0]))
    if layout is None or len(octets) != layout.length:
        return 0, f"no ITCH message: {octets.hex()}"
    said = wire.read(layout, octets)
    values = ", ".join(f"{name} {value}" for name, value in said.items()
                       if name not in ("type", "locate", "tracking", "timestamp", "stock"))
    return said["timestamp"], f"{chr(octets[0])} {layout.name}: {values}"
