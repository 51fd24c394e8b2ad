"""What the day's symbols are, from a file: the same that tickwire_host reads (docs/host.md)."""

import csv
import re
from pathlib import Path

from spec.config import ConfigError, Design
from spec.records import GIVEN_SYMBOL

COLUMNS = ("symbol", "stock", "locate")
_STOCK = re.compile(r"[\x21-\x7e]{1,8}")


def given(symbol: int, stock: str, locate: int):
    """The ``GivenSymbol`` of a stock without spaces."""
    return GIVEN_SYMBOL.tuple(symbol, int.from_bytes(stock.encode().ljust(8), "little"), locate)


def read(path: Path, design: Design) -> list:
    """``GivenSymbol`` records of a CSV file. Raises ``ConfigError`` that names file and line."""
    indices = {symbol.stock: i for i, symbol in enumerate(design.symbols)}
    found: list = []
    try:
        rows = list(csv.reader(path.read_text().splitlines(), skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ConfigError(f"{path}:1: expected the header {','.join(COLUMNS)}")
    for line, row in enumerate(rows[1:], 2):
        if not row:
            continue
        where = f"{path}:{line}: {','.join(row)!r}"
        if len(row) != len(COLUMNS):
            raise ConfigError(f"{where}: expected {','.join(COLUMNS)}")
        symbol, stock, locate = (cell.strip() for cell in row)
        index = indices.get(symbol, int(symbol) if symbol.isdecimal() else len(design.symbols))
        if index >= len(design.symbols):
            raise ConfigError(f"{where}: symbol must be a configured stock or below {len(design.symbols)}")
        if not _STOCK.fullmatch(stock):
            raise ConfigError(f"{where}: stock must be one to eight visible ASCII characters")
        if not locate.isdecimal() or not 0 < int(locate) < design.book.locates:
            raise ConfigError(f"{where}: locate must be from 1 to {design.book.locates - 1}")
        record = given(index, stock, int(locate))
        if any(value in (one[i] for one in found) for i, value in enumerate(record)):
            raise ConfigError(f"{where}: each symbol, stock and locate once")
        found.append(record)
    if not found:
        raise ConfigError(f"{path}: no symbols; expected {','.join(COLUMNS)}")
    return found
