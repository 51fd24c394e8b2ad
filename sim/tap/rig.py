"""The order session between a core and Linux's own TCP: two namespaces, a TAP in each, and the frames between them.

    host namespace                                          exchange namespace
    ordinary sockets - kernel - TAP --+                    +-- TAP - kernel - the exchange's sockets
                                      +-- Wire, each way --+
    core (send, step, take) ----------+

The host opens the connection and logs in with an ordinary socket. ``hand_over`` takes it out of the kernel; from then
on its frames are the core's. ``hand_back`` gives the host a socket again. Nothing moves but while a method of the rig
runs.

Simulated and wall time are coupled loosely: the exchange's kernel lives in wall time, the core is told how much of its
own goes by.
"""

import select
import socket
import time
from collections.abc import Callable
from typing import Protocol

from spec.config import Design

from . import repair
from .impairment import NONE, Impairment, Wire
from .namespace import Namespace
from .segments import destination_port, is_tcp, ts_value
from .tap import Tap
from .unread import Unread

_IDLE_S = 0.001  #: longest wait for a frame


class CoreEnd(Protocol):
    """What holds the core's end of the connection: a model of it, or the hardware in a simulator."""

    def send(self, frames: list[bytes]) -> None:
        """These arrive on the order session's RX, in this order, from now on."""

    def step(self, ns: int) -> None:
        """Let so much of the core's time go by."""

    def take(self) -> list[bytes]:
        """Frames that left on TX since."""


class Rig:
    """A context manager; raises ``Unavailable`` where the machine does not allow it.

    Parameters
    ----------
    to_exchange, from_exchange
        What happens to frames on the way, of the kernels and of the core alike.
    seed
        Of all that is random.
    pace
        ns of the core per ns of wall time.
    max_step_ns
        The core is never told more at a time; it falls behind rather.
    rto_min_ms
        The exchange's least retransmission timeout; Linux's own is 200.
    congestion
        The exchange's congestion control. Linux always has Reno, which needs no selective acknowledgments.
    sack
        Let the host agree upon selective acknowledgments. The core sends none, and Linux counts no duplicate
        acknowledgments without them where they were agreed upon: what it lost it sends again upon timeouts only.

    Members
    -------
    host, exchange : Namespace
    to_exchange, from_exchange : Wire
    ts_recent : int
        Timestamp in the exchange's last segment to the host's kernel.
    pace : float
    """

    def __init__(self, design: Design, *, to_exchange: Impairment = NONE,
                 from_exchange: Impairment = NONE, seed: int = 1, pace: float = 1.0,
                 max_step_ns: int = 10_000_000, rto_min_ms: int | None = None, congestion: str = "reno",
                 sack: bool = False):
        order, self._receive_buffer = design.order, design.session.receive_buffer
        self._order = order
        self.host, self.exchange, self._taps = Namespace(), None, []
        self.to_exchange, self.from_exchange = Wire(to_exchange, f"to {seed}"), Wire(from_exchange, f"from {seed}")
        self.ts_recent = 0
        self.pace, self._max_step_ns = pace, max_step_ns
        self._held_port: int | None = None
        self._for_core: list[bytes] = []
        self._unread: Unread | None = None
        self._last_ns = time.monotonic_ns()
        try:
            self.exchange = Namespace()
            here = {"mac": order.source_mac, "address": order.source_address}
            there = {"mac": order.destination_mac, "address": order.destination_address}
            self._tap(self.host, here, there)
            self._tap(self.exchange, there, here, rto_min_ms=rto_min_ms)
            self.exchange.set(tcp_congestion_control=congestion)
            self.host.set(tcp_sack=int(sack), tcp_timestamps=int(order.tcp_timestamps))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for tap in self._taps:
            tap.close()
        self._taps = []
        for namespace in (self.host, self.exchange):
            if namespace:
                namespace.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def run(self, core: CoreEnd | None = None, *, until: Callable[[], bool], timeout_s: float = 60) -> None:
        """Move frames until ``until()`` holds. Raises ``TimeoutError`` after so much wall time."""
        end = time.monotonic() + timeout_s
        self._last_ns = time.monotonic_ns()
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"after {timeout_s} s; frames {self.to_exchange.counts} to the exchange, "
                                   f"{self.from_exchange.counts} from it")
            self._move(core)

    def in_host(self, function: Callable, *args, core: CoreEnd | None = None, timeout_s: float = 60):
        """What ``function``, which may block, returns or raises in the host's namespace; frames move meanwhile."""
        result: list = []

        def target():
            try:
                result.extend((function(*args), None))
            except BaseException as error:  # raised again in the caller
                result.extend((None, error))

        thread = self.host.thread(target)
        self.run(core, until=lambda: len(result) == 2, timeout_s=timeout_s)
        thread.join()
        value, error = result
        if error:
            raise error
        return value

    def connect(self, core: CoreEnd | None = None) -> socket.socket:
        """A socket of the host, connected to the exchange, fit to be handed over."""
        return self.in_host(self._connect, core=core)

    def hand_over(self, connected: socket.socket, *, now_ns: int, pending: bytes = b"",
                  msg_seq_num: int = 0, expected_seq_num: int = 0, timeout_s: float = 60) -> repair.Taken:
        """Take the connection from the kernel, as soon as all that was sent is acknowledged.

        Its frames go to and come from the core from now on; whoever calls gives it the ``Handover``. What the host's
        kernel had received and the host not read reaches the core first, as segments of the exchange: the ``Handover``
        is set back to before it.

        Parameters
        ----------
        now_ns
            The core's clock.
        pending
            Octets that the host did read, right before those, and leaves to the core: the beginning of a packet.
        msg_seq_num, expected_seq_num
            FIX: of the next message each way.
        """
        taken: list[repair.Taken] = []

        def quiet() -> bool:
            try:
                taken.append(repair.take(connected, now_ns=now_ns, ts_recent=self.ts_recent, msg_seq_num=msg_seq_num,
                                         expected_seq_num=expected_seq_num))
            except repair.NotQuiet:
                return False
            return True

        self.run(until=quiet, timeout_s=timeout_s)
        [result] = taken
        handover, unread = result.handover, pending + result.unread
        self._held_port = handover.source_port
        before = handover.tcp_acknowledgment - len(unread) & 0xFFFF_FFFF
        self._unread = Unread(self._order, handover, unread, before, self.ts_recent)
        return result._replace(handover=handover._replace(tcp_acknowledgment=before))

    def hand_back(self, state, agreed: repair.Agreed, *, ts_value: int = 0) -> socket.socket:
        """A socket of the host that goes on where a ``SessionState`` ends; its frames are the kernel's again."""
        restored = self.host.run(lambda: repair.restore(state, agreed, ts_value=ts_value))
        self.forget()
        return restored

    def forget(self) -> None:
        """The core has lost its connection: frames go to the host's kernel, which resets it."""
        self._held_port, self._unread, self._for_core = None, None, []

    def _tap(self, namespace: Namespace, mine: dict, peer: dict, **more) -> None:
        peer = {f"peer_{name}": value for name, value in peer.items()}
        self._taps.append(Tap(namespace, **mine, **peer, **more))

    def _connect(self) -> socket.socket:
        connected = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.connect((self._order.destination_address, self._order.destination_port))
        except BaseException:
            connected.close()
            raise
        return connected

    def _move(self, core: CoreEnd | None) -> None:
        """One round: what waits anywhere goes one step further."""
        host, exchange = self._taps
        select.select([host.fd, exchange.fd], [], [], 0 if self._for_core else _IDLE_S)
        now = time.monotonic_ns()
        for tap, way in ((host, self.to_exchange), (exchange, self.from_exchange)):
            for frame in tap.read():
                if is_tcp(frame):
                    way.put(frame, now)
        for frame in self.from_exchange.take(now):
            if self._held_port is not None and destination_port(frame) == self._held_port:
                self._for_core.append(frame)
            else:
                self.ts_recent = ts_value(frame) or self.ts_recent
                host.write(frame)
        if core is not None:
            core.send(self._arriving())
            core.step(min(int((now - self._last_ns) * self.pace), self._max_step_ns))
            for frame in core.take():
                if self._unread:
                    self._unread.acknowledged(frame)
                self.to_exchange.put(frame, now)
        self._last_ns = now
        for frame in self.to_exchange.take(now):
            exchange.write(frame)

    def _arriving(self) -> list[bytes]:
        """Frames for the core; before any other those with what the host left unread."""
        if self._unread and self._unread.left:
            return self._unread.frames()
        frames, self._for_core = self._for_core, []
        return frames
