"""A kernel socket's connection taken out of the kernel, and put into it again (Linux, TCP_REPAIR, CAP_NET_ADMIN).

The peer notices nothing: no segment is sent by either, but for the probe with which a restored socket learns the
peer's window.
"""

import fcntl
import socket
import struct
import termios
from typing import NamedTuple

from spec.records import HANDOVER

# <linux/tcp.h>
_TCP_REPAIR, _TCP_REPAIR_QUEUE, _TCP_QUEUE_SEQ, _TCP_REPAIR_OPTIONS = 19, 20, 21, 22
_TCP_TIMESTAMP, _TCP_REPAIR_WINDOW = 24, 29
_RECEIVE_QUEUE, _SEND_QUEUE = 1, 2
_REPAIR_ON, _REPAIR_OFF = 1, 0
_WINDOW = struct.Struct("IIIII")  # snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup
_OPTION_MSS, _OPTION_WINDOW_SCALE, _OPTION_SACK, _OPTION_TIMESTAMPS = 2, 3, 4, 8  # TCP's own numbers
_INFO_OPTIONS, _INFO_SCALES = 5, 6  # octets of struct tcp_info
_HAS_TIMESTAMPS, _HAS_SACK, _HAS_SCALES = 1, 2, 4  # TCPI_OPT_*
_MASK32 = (1 << 32) - 1
_MS = 1_000_000  #: ns

#: The largest receive buffer (SO_RCVBUF, before connecting) whose window needs no scale: the core's own has none. It
#: should be the core's, for the peer may already have sent as much as the host's window let it.
MAX_RECEIVE_BUFFER = 32768


class Agreed(NamedTuple):
    """What both ends agreed upon when they connected, and a restored socket must know."""

    source: tuple[str, int]
    destination: tuple[str, int]
    mss: int
    scale: int  #: of the peer's window
    timestamps: bool
    sack: bool
    receive_buffer: int


class Taken(NamedTuple):
    """A connection out of the kernel."""

    handover: tuple  #: a ``Handover`` record
    agreed: Agreed
    unread: bytes  #: received, acknowledged, and not read by the host: ends before ``handover.tcp_acknowledgment``


class NotQuiet(Exception):
    """Not everything that was sent is acknowledged."""


def take(connected: socket.socket, *, now_ns: int, ts_recent: int = 0, msg_seq_num: int = 0,
         expected_seq_num: int = 0) -> Taken:
    """The connection of a socket, which is closed without a word.

    No frame of the connection may reach the kernel while this runs, or after. Raises ``NotQuiet``, and leaves the
    socket as it was, while something is under way.

    Parameters
    ----------
    now_ns
        The core's clock.
    ts_recent
        Timestamp in the last segment of the peer. The kernel does not tell; whoever sees the frames knows.
    msg_seq_num, expected_seq_num
        FIX: of the next message each way.
    """
    if _waiting(connected, termios.TIOCOUTQ):
        raise NotQuiet
    connected.setblocking(False)
    info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    options, scales = info[_INFO_OPTIONS], info[_INFO_SCALES] if info[_INFO_OPTIONS] & _HAS_SCALES else 0
    if scales >> 4:
        raise ValueError(f"a receive window of scale 0, by SO_RCVBUF up to {MAX_RECEIVE_BUFFER}, not {scales >> 4}")
    unread = connected.recv(1 << 20) if _waiting(connected, termios.FIONREAD) else b""
    connected.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, _REPAIR_ON)
    agreed = Agreed(
        connected.getsockname(), connected.getpeername(), connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG),
        scales & 15, bool(options & _HAS_TIMESTAMPS), bool(options & _HAS_SACK),
        connected.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2)  # Linux doubles what it is given
    # Its lowest bit says something else (Linux 6.7 and later), and the core may still count the ms before: two more
    # are no less than any sent.
    stamp = connected.getsockopt(socket.IPPROTO_TCP, _TCP_TIMESTAMP) + 2
    window = _WINDOW.unpack(connected.getsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_WINDOW, _WINDOW.size))[1]
    handover = HANDOVER.tuple(
        source_port=agreed.source[1], tcp_sequence=_sequence(connected, _SEND_QUEUE),
        tcp_acknowledgment=_sequence(connected, _RECEIVE_QUEUE), msg_seq_num=msg_seq_num,
        expected_seq_num=expected_seq_num, ts_recent=ts_recent if agreed.timestamps else 0, tcp_window=window,
        tcp_window_scale=agreed.scale,
        ts_offset=stamp - now_ns // _MS & _MASK32 if agreed.timestamps else 0)
    connected.close()
    return Taken(handover, agreed, unread)


def restore(state, agreed: Agreed, *, ts_value: int = 0) -> socket.socket:
    """A socket that goes on where a ``SessionState`` ends, in the namespace of the thread that calls.

    Parameters
    ----------
    ts_value
        The core's next timestamp.
    """
    restored = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        restored.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        restored.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, agreed.receive_buffer)
        restored.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, _REPAIR_ON)
        restored.bind(agreed.source)
        for queue, sequence in ((_SEND_QUEUE, state.tcp_unacknowledged), (_RECEIVE_QUEUE, state.tcp_acknowledgment)):
            restored.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_QUEUE, queue)
            restored.setsockopt(socket.IPPROTO_TCP, _TCP_QUEUE_SEQ, struct.pack("I", sequence))
        restored.connect(agreed.destination)
        options = [(_OPTION_MSS, agreed.mss), (_OPTION_WINDOW_SCALE, agreed.scale)]
        options += [(_OPTION_SACK, 0)] * agreed.sack + [(_OPTION_TIMESTAMPS, 0)] * agreed.timestamps
        restored.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_OPTIONS, b"".join(struct.pack("II", *o) for o in options))
        if agreed.timestamps:
            even = ts_value + 1 & ~1 & _MASK32  # an odd one would make microseconds of them
            restored.setsockopt(socket.IPPROTO_TCP, _TCP_TIMESTAMP, struct.pack("I", even))
        restored.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, _REPAIR_OFF)
    except BaseException:
        restored.close()
        raise
    return restored


def _waiting(connected: socket.socket, request: int) -> int:
    return struct.unpack("i", fcntl.ioctl(connected, request, bytes(4)))[0]


def _sequence(connected: socket.socket, queue: int) -> int:
    connected.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_QUEUE, queue)
    return connected.getsockopt(socket.IPPROTO_TCP, _TCP_QUEUE_SEQ) & _MASK32
