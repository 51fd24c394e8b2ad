"""What the host received and left to the core: sent to it as the exchange had sent it, until it is acknowledged.

The exchange would not send it again, since the host's kernel has acknowledged it. The core's acknowledgments of it tell
the exchange nothing new, and pass.
"""

import time

from spec.config import Order

from .segments import acknowledgment_of, ends, segment

_SEGMENT = 1024  #: octets
_AGAIN_S = 0.1
_MASK32 = (1 << 32) - 1


class Unread:
    """A sender with one segment under way.

    Parameters
    ----------
    order, handover
        The session, and the ``Handover`` as the kernel left it.
    octets, sequence
        What, and where it begins.
    ts_value
        The exchange's last timestamp.
    """

    def __init__(self, order: Order, handover, octets: bytes, sequence: int, ts_value: int):
        self.left = octets
        self._core, self._exchange = ends(order, handover.source_port)
        self._sequence = sequence
        self._header = {
            "acknowledgment": handover.tcp_sequence,
            "window": min(handover.tcp_window >> handover.tcp_window_scale, 0xFFFF),
            "timestamps": (ts_value, 0) if order.tcp_timestamps else None,
        }
        self._due = 0.0

    def frames(self) -> list[bytes]:
        """What the core is to receive now."""
        if not self.left or time.monotonic() < self._due:
            return []
        self._due = time.monotonic() + _AGAIN_S
        payload = self.left[:_SEGMENT]
        return [segment(self._exchange, self._core, payload, sequence=self._sequence, **self._header)]

    def acknowledged(self, frame: bytes) -> None:
        """The core has sent this."""
        done = acknowledgment_of(frame) - self._sequence & _MASK32
        if 0 < done <= len(self.left):
            self.left, self._sequence, self._due = self.left[done:], self._sequence + done & _MASK32, 0.0
