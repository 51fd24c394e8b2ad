"""ITCH messages of one stock, for a recording."""

from spec import itch, wire

STOCK = "AAPL"


def message(code: str, **values) -> bytes:
    layout = itch.MESSAGES[code]
    return wire.write(layout, locate=1, **({"stock": STOCK} if "stock" in layout else {}) | values)


def add(reference: int, side: str, shares: int, price: int, stock: str = STOCK) -> bytes:
    return message("A", reference=reference, side=side, shares=shares, price=price, stock=stock)
