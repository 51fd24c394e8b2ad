"""What the hardware said of each symbol over the session: best prices, the levels behind them, trades and averages.

A column holds the last word of each kind that was said during it, and what was traded. Where nothing was said, the
state of the column before goes on; that is left to whoever reads it.
"""

import numpy as np

from sim.engine import Stream
from sim.engine.unpack import part
from spec.records import DEPTH, DEPTH_LEVELS, INDICATOR, UPDATE, VWAP, Record, Trade

from .columns import COLUMNS, Columns, merged

SYMBOLS = 64  #: the design's first; memory is bounded by it
_NO_PRICE = 1 << 32  #: above any

#: Kind -> the record it comes from, and the fields that are kept. ``seen`` says that there is one.
_KINDS: dict[str, tuple[Record, tuple[str, ...]]] = {
    "quote": (UPDATE, ("bid_known", "bid_price", "ask_known", "ask_price")),
    "indicator": (INDICATOR, ("sma_known", "sma", "ema_known", "ema")),
    "vwap": (VWAP, ("known", "vwap")),
    "depth": (DEPTH, ("known", "levels", *(f"{name}_{level}" for name in ("price", "quantity")
                                           for level in range(DEPTH_LEVELS)))),
}


def _last(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each key once, and where it stands last."""
    found, at = np.unique(keys[::-1], return_index=True)
    return found, len(keys) - 1 - at


def _later(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.where(second["seen"], second, first)


class Books:
    """Collects batch by batch, in bounded memory. ``symbols`` is how many the design has."""

    def __init__(self, columns: Columns, symbols: int):
        self.columns, self.symbols = columns, min(symbols, SYMBOLS)
        shape = (COLUMNS, self.symbols)
        self.last = {kind: np.zeros((*shape, 2) if kind == "depth" else shape,
                                    [("seen", bool), *((name, np.int64) for name in names)])
                     for kind, (_, names) in _KINDS.items()}
        self.updates = np.zeros(shape, np.int64)
        self.trades, self.volume = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.low, self.high = np.full(shape, _NO_PRICE, np.int64), np.zeros(shape, np.int64)  # none: low above high

    def add(self, streams: dict[str, Stream]) -> None:
        """Of a batch whose messages ``columns`` knows already."""
        self._trade(streams["updates"])
        for kind, (record, names) in _KINDS.items():
            self._keep(kind, names, streams[record.stream])

    def _place(self, stream: Stream) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which records are of a symbol that is kept; those symbols, and their columns."""
        symbols = part(stream.record, stream.words, "symbol").astype(np.int64)
        ours = np.flatnonzero(symbols < self.symbols)
        return ours, symbols[ours], self.columns.of(stream.messages[ours])

    def _keep(self, kind: str, names: tuple[str, ...], stream: Stream) -> None:
        ours, symbols, columns = self._place(stream)
        table = self.last[kind]
        keys = columns * self.symbols + symbols
        if kind == "depth":
            keys = 2 * keys + part(DEPTH, stream.words[ours], "side").astype(np.int64)
        keys, at = _last(keys)
        said = stream.words[ours[at]]
        rows = np.zeros(len(keys), table.dtype)
        rows["seen"] = True
        for name in names:
            rows[name] = part(stream.record, said, name)
        table.reshape(-1)[keys] = rows

    def _trade(self, updates: Stream) -> None:
        ours, symbols, columns = self._place(updates)
        np.add.at(self.updates, (columns, symbols), 1)
        printed = part(UPDATE, updates.words[ours], "trade") == Trade.PRINT
        cells, said = (columns[printed], symbols[printed]), updates.words[ours[printed]]
        prices = part(UPDATE, said, "trade_price").astype(np.int64)
        np.add.at(self.trades, cells, 1)
        np.add.at(self.volume, cells, part(UPDATE, said, "trade_shares").astype(np.int64))
        np.minimum.at(self.low, cells, prices)
        np.maximum.at(self.high, cells, prices)

    def halve(self) -> None:
        """The width of columns has doubled."""
        self.updates, self.trades, self.volume, self.high = (
            merged(values, np.add if values is not self.high else np.maximum)
            for values in (self.updates, self.trades, self.volume, self.high))
        self.low = merged(self.low, np.minimum)
        self.low[COLUMNS // 2 :] = _NO_PRICE
        self.last = {kind: merged(rows, _later) for kind, rows in self.last.items()}

    def rows(self, symbol: int) -> dict[str, np.ndarray]:
        """Of one symbol, a row per column in which it had an update.

        Prices and averages that are unknown or were none are -1; so are the levels of a side, and -2 where nothing was
        said of them, so that those of the column before still stand.
        """
        some = np.flatnonzero(self.updates[:, symbol])
        quote, indicator, vwap = (self.last[kind][some, symbol] for kind in ("quote", "indicator", "vwap"))
        trades = self.trades[some, symbol]

        def known(rows, flag, name):
            return np.where(rows["seen"] & (rows[flag] != 0), rows[name], -1)

        found = {
            "first_message": self.columns.width * some, "time_ns": self.columns.times[some],
            "updates": self.updates[some, symbol],
            "bid": known(quote, "bid_known", "bid_price"), "ask": known(quote, "ask_known", "ask_price"),
            "trades": trades, "volume": self.volume[some, symbol],
            "low": np.where(trades > 0, self.low[some, symbol], -1),
            "high": np.where(trades > 0, self.high[some, symbol], -1),
            "sma": known(indicator, "sma_known", "sma"), "ema": known(indicator, "ema_known", "ema"),
            "vwap": known(vwap, "known", "vwap"),
        }
        for side, name in enumerate(("bid", "ask")):
            depth = self.last["depth"][some, symbol, side]
            found[f"{name}_levels"] = np.where(depth["seen"], known(depth, "known", "levels"), -2)
            for level in range(DEPTH_LEVELS):
                for what in ("price", "quantity"):
                    found[f"{name}_{what}_{level}"] = depth[f"{what}_{level}"]
        return found
