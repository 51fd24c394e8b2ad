"""The Python host program: brings a card up, shows what it does, and takes it down with the kill switch first."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rich.table import Table

from spec.config import Design
from spec.counters import COUNTERS
from spec.limits import parameters, session_limit, symbol_limit
from spec.records import GIVEN_SYMBOL, PARAMETERS, SESSION_LIMIT, SYMBOL_LIMIT, Cause
from spec.registers import Pulse, Status
from spec.rings import CLOCK, RINGS

from . import CardError
from .host import Host
from .products import prometheus_name

REFRESH = 1.0  #: s between two looks at counters
_NS = 1_000_000_000


def clock_setting(ns: int):
    """The record that sets the core's time of day to ``ns`` since 1970 UTC."""
    now = datetime.fromtimestamp(ns // _NS, UTC)
    digits = f"{now:%Y%m%d%H%M%S}{ns % _NS // 1_000_000:03d}"
    tomorrow = f"{now + timedelta(days=1):%Y%m%d}"
    return CLOCK.tuple(ns, *map(int, digits), ns % 1_000_000, *map(int, tomorrow))


class Program:
    """One run of a card.

    Parameters
    ----------
    design : Design
        What the card must hold; its limits and parameters are written.
    names
        ``GivenSymbol`` records: what the day's symbols are, if not the design's.
    say
        Called with a line for people.
    """

    def __init__(self, host: Host, design: Design, *, names: Sequence = (), say: Callable[[str], None] = print):
        self.host, self._design, self._names, self._say = host, design, names, say
        self.records: Counter[str] = Counter()
        self.counters: dict[str, dict[str, int]] = {}
        self._rates: dict[str, float] = {}
        self._looked = 0.0

    def start(self, ns: int | None = None) -> None:
        """Start the core with the kill switch engaged, set clocks, symbols, limits and parameters, and release it.

        Raises ``CardError`` if the card refuses a symbol.
        """
        host, registers = self.host, self.host.registers
        host.check(self._design)
        host.kill()
        host.start()
        now = time.time_ns() if ns is None else ns
        host.send(CLOCK, [clock_setting(now)])
        registers.ptp_set_seconds, registers.ptp_set_nanoseconds = divmod(now, _NS)
        registers.ptp_set_fraction = 0
        host.pulse(Pulse.PTP_SET)
        if self._names:
            self._name_symbols()
        host.send(SYMBOL_LIMIT, [symbol_limit(self._design, i) for i in range(len(self._design.symbols))])
        host.send(SESSION_LIMIT, [session_limit(self._design)])
        host.send(PARAMETERS, [parameters(self._design)])
        host.release()
        self._say(f"the core runs: {len(self._design.symbols)} symbols, kill switch released")

    def _name_symbols(self) -> None:
        host, registers = self.host, self.host.registers
        host.send(GIVEN_SYMBOL, self._names)
        host.until("named all symbols", lambda: registers.book_symbols_set + registers.book_symbols_refused
                   >= len(self._names))
        if refused := registers.book_symbols_refused:
            raise CardError(f"{refused} symbols were refused: named twice, or after a message")

    def poll(self) -> int:
        """Read the rings; look at the counters now and then. Returns how many records came."""
        found = self.host.read()
        for name, stream in found.items():
            self.records[name] += len(stream)
        for row in found["kills"].rows:
            causes = row[-1]
            self._say(f"kill switch {f'engaged: {Cause(causes).name}' if causes else 'released'}")
        now = time.monotonic()
        if now - self._looked > REFRESH:
            self._look(now)
        return sum(map(len, found.values()))

    def _look(self, now: float) -> None:
        before, self._last = getattr(self, "_last", Counter()), Counter(self.records)
        self._rates = {name: (count - before[name]) / (now - self._looked) for name, count in self._last.items()}
        self._looked = now
        self.counters = self.host.registers.counters()
        self._lost = {record.stream: self.host.registers.ring_lost[i] for i, record in enumerate(RINGS)}
        self._status = Status(self.host.registers.status)

    def stop(self) -> bool:
        """The kill switch first, then the rings to their ends, then the core in reset. Whether nothing was lost."""
        for name, stream in self.host.stop().items():
            self.records[name] += len(stream)
        lost = {name: ring.lost for name, ring in self.host.rings.items() if ring.lost}
        self._say(f"stopped; {self.records.total():,} records read" + "".join(
            f"; {name}: {count:,} lost" for name, count in lost.items()))
        return not lost

    def table(self) -> Table:
        """What a terminal shows."""
        table = Table("ring", "records", "a second", "lost", title=f"{self._status!r}" if self._looked else "")
        for record in RINGS:
            name = record.stream
            table.add_row(name, f"{self.records[name]:,}", f"{self._rates.get(name, 0):,.0f}",
                          f"{self._lost[name]:,}" if self._looked else "")
        return table

    def metrics(self) -> str:
        """Prometheus text: counters as of the last look."""
        lines = []
        for stage, names in self.counters.items():
            for name, value in names.items():
                full = prometheus_name(stage, name)
                lines += [f"# HELP {full} {COUNTERS[stage][name]}", f"# TYPE {full} counter", f"{full} {value}"]
        for name, what, values in (("tickwire_host_records_total", "records read", self.records),
                                   ("tickwire_ring_lost_total", "records without room",
                                    self._lost if self._looked else {})):
            lines += [f"# HELP {name} {what}", f"# TYPE {name} counter"]
            lines += [f'{name}{{ring="{ring}"}} {count}' for ring, count in values.items()]
        return "\n".join(lines) + "\n"


class MetricsServer:
    """``program.metrics()`` over HTTP on 127.0.0.1. A context manager. Raises ``OSError`` for a port that is taken."""

    def __init__(self, program: Program, port: int):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                there = self.path == "/metrics"
                text = program.metrics().encode() if there else b"see /metrics\n"
                self.send_response(200 if there else 404)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()


def until(seconds: float | None, interrupted: Callable[[], bool]) -> Iterator[None]:
    """One step after another, until the time is up or somebody wants the end."""
    end = None if seconds is None else time.monotonic() + seconds
    while not interrupted() and (end is None or time.monotonic() < end):
        yield
