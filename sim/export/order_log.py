"""One row per order that left: what it was, and the cycle at which its message passed each stage boundary."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim.latency import Latency, Trail
from sim.run import Order

#: Boundary -> stream whose record crosses it; ``wire`` ends before these, ``sof`` and ``end`` come after.
BOUNDARIES = {"som": "som", "eot": "eot", "feed": "messages", "book": "updates", "strategy": "intents",
              "risk": "decisions", "encode": "orders"}
ROWS = 1 << 15  #: in a row group, and in memory
_CYCLE = pa.int64()
SCHEMA = pa.schema([
    ("message", pa.uint32()), ("frame", pa.int64()), ("offset", pa.int64()), ("time_ns", pa.int64()),
    ("symbol", pa.dictionary(pa.int32(), pa.string())), ("action", pa.uint8()), ("side", pa.uint8()),
    ("quantity", pa.uint32()), ("price", pa.uint32()), ("user_ref_num", pa.uint32()), ("host", pa.bool_()),
    ("arrival", _CYCLE), *((name, _CYCLE) for name in BOUNDARIES), ("sof", _CYCLE), ("end", _CYCLE),
    ("tick_to_trade", pa.int32()), ("queue", pa.int32()),
])


class OrderLog:
    """Writes as it goes. Close it.

    Members
    -------
    queue : dict[int, int]
        Orders still before the wire when risk approved another -> how often.
    """

    def __init__(self, path: Path, stocks: Sequence[str]):
        self.path, self._stocks = path, stocks
        self._writer: pq.ParquetWriter | None = None
        self._arrivals = Trail()
        self._rows: list[tuple] = []
        self._begun = np.empty(0, np.int64)  # SOF of the last orders
        self.queue: dict[int, int] = {}

    def arrive(self, messages: np.ndarray, cycles: np.ndarray) -> None:
        """The edges at which the first beat of each message's frame was accepted."""
        self._arrivals.extend(messages, cycles)

    def add(self, orders: Sequence[tuple[Order, int]], latency: Latency) -> None:
        """Orders with the edge at which the last beat of their frame was accepted, in the order in which they left."""
        if not orders:
            return
        messages = np.array([order.message for order, _ in orders], np.int64)
        passed = [latency.cycles(stream, messages) for stream in BOUNDARIES.values()]
        passed.insert(0, self._arrivals.find(messages))
        cycles = [np.where(found, cycle, -1).tolist() for cycle, found in passed]
        queues = self._queues(np.array(cycles[1 + list(BOUNDARIES).index("risk")]),
                              np.array([order.cycle for order, _ in orders]))
        for (order, end), queue, *at in zip(orders, queues, *cycles, strict=True):
            said, place = order.decision, order.place
            self._rows.append((
                order.message, place.frame if place else -1, place.offset if place else -1,
                place.time_ns if place else 0, self._stocks[said.symbol], said.action, said.side, said.quantity,
                said.price, said.user_ref_num, bool(said.host), *(None if c < 0 else c for c in at), order.cycle, end,
                order.tick_to_trade, queue))
        if len(self._rows) >= ROWS:
            self._flush()

    def _queues(self, approved: np.ndarray, sof: np.ndarray) -> list[int]:
        """Orders that had not begun to leave when each was approved; they leave in order."""
        begun = np.concatenate([self._begun, sof])
        ahead = len(self._begun) + np.arange(len(sof)) - np.searchsorted(begun, approved)
        self._begun = begun[-4096:]  # more than can wait
        queues = np.maximum(ahead, 0).tolist()
        for queue in queues:
            self.queue[queue] = self.queue.get(queue, 0) + 1
        return queues

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, SCHEMA, compression="zstd")
        columns = list(zip(*self._rows, strict=True)) or [()] * len(SCHEMA)
        arrays = [pa.array(list(column), kind) for column, kind in zip(columns, SCHEMA.types, strict=True)]
        self._writer.write_table(pa.table(arrays, schema=SCHEMA))
        self._rows.clear()

    def close(self) -> None:
        self._flush()  # a file without orders is one all the same
        self._writer.close()
