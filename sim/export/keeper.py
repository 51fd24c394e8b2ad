"""Collects during a run what is kept on disk beside run.json: bounded in memory, and but for orders on disk too."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim.engine import Capture
from sim.latency import Latency
from sim.run import Order
from spec.config import Design

from .books import Books
from .columns import Columns
from .order_log import OrderLog
from .throughput import Throughput, timestamps

#: What is kept -> its file.
FILES = {"orders": "orders.parquet", "latency": "latency.parquet", "throughput": "throughput.parquet",
         "books": "books.parquet"}
PER_MESSAGE = "messages.parquet"


class MessageLog:
    """Every message's latency in every stage, one row each; grows with the input, so only on demand."""

    SCHEMA = pa.schema([("message", pa.uint32()), ("stage", pa.dictionary(pa.int8(), pa.string())),
                        ("cycle", pa.int64()), ("latency", pa.int32())])

    def __init__(self, path: Path, stages: list[str]):
        self._stages = stages
        self._writer = pq.ParquetWriter(path, self.SCHEMA, compression="zstd")

    def __call__(self, stage: str, messages: np.ndarray, cycles: np.ndarray, latency: np.ndarray) -> None:
        """Records of ``messages`` left ``stage`` at ``cycles``, after ``latency`` cycles in it."""
        which = pa.DictionaryArray.from_arrays(np.full(len(messages), self._stages.index(stage), np.int8), self._stages)
        self._writer.write_table(pa.table([pa.array(messages, pa.uint32()), which, pa.array(cycles, pa.int64()),
                                           pa.array(latency, pa.int32())], schema=self.SCHEMA))

    def close(self) -> None:
        self._writer.close()


class Keeper:
    """Takes what comes out of each batch; ``close`` writes the rest.

    Parameters
    ----------
    out
        The run's directory.
    latency
        Whose measurements of the same batches are kept, too.
    per_message
        Whether every message's latency is to be written, rather than their distribution alone.
    """

    def __init__(self, design: Design, out: Path, latency: Latency, *, per_message: bool = False):
        self._out, self._latency, self._per_message = Path(out), latency, per_message
        self._stocks = [symbol.stock for symbol in design.symbols]
        self.columns = Columns()
        self.throughput, self.books = Throughput(self.columns), Books(self.columns, len(design.symbols))
        self.orders = OrderLog(self._out / FILES["orders"], self._stocks)

    def batch(self, got: Capture, messages: np.ndarray, arrivals: np.ndarray) -> None:
        """A batch, before its latency is measured: frames of ``messages`` began to arrive at ``arrivals``."""
        if self._per_message and self._latency.each is None:
            self._latency.each = MessageLog(self._out / PER_MESSAGE, list(self._latency.histograms))
        self.orders.arrive(messages, arrivals)
        times = timestamps(got.streams["messages"])
        for _ in range(self.columns.extend(times)):
            self.throughput.halve()
            self.books.halve()
        self.throughput.add(got.streams, times)
        self.books.add(got.streams)

    def left(self, orders: list[tuple[Order, int]]) -> None:
        """Orders that left, each with the edge of its frame's last beat."""
        self.orders.add(orders, self._latency)

    def close(self) -> None:
        self.orders.close()
        if self._latency.each is not None:
            self._latency.each.close()
        pq.write_table(pa.table(self.throughput.table), self._out / FILES["throughput"], compression="zstd")
        self._write_latency()
        self._write_books()

    def _write_latency(self) -> None:
        """The exact distribution: how many records took so many cycles."""
        rows = [(stage, cycles, count) for stage, histogram in self._latency.histograms.items()
                for cycles, count in sorted(histogram.counts.items())]
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        pq.write_table(pa.table({
            "stage": pa.array(columns[0], pa.string()), "cycles": pa.array(columns[1], pa.int64()),
            "records": pa.array(columns[2], pa.int64())}), self._out / FILES["latency"], compression="zstd")

    def _write_books(self) -> None:
        tables = []
        for symbol in range(self.books.symbols):
            rows = self.books.rows(symbol)
            stock = pa.array([self._stocks[symbol]] * len(rows["time_ns"]), pa.string()).dictionary_encode()
            tables.append(pa.table({"symbol": stock} | rows))
        whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        pq.write_table(whole, self._out / FILES["books"], compression="zstd")
