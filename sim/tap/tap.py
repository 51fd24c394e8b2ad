"""A TAP interface: what the kernel sends there is read, what is written there the kernel receives."""

import fcntl
import os
import struct

from .namespace import Namespace, Unavailable

# <linux/if_tun.h>
_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_NAME = "tap0"
_MAX_FRAME = 65536


class Tap:
    """The only interface of a namespace but loopback, with one neighbour.

    Addresses are the namespace's own: nothing of it is seen outside. The kernel computes all checksums itself, since
    no offload is agreed upon.
    """

    def __init__(self, namespace: Namespace, *, mac: str, address: str, peer_mac: str, peer_address: str,
                 rto_min_ms: int | None = None):
        self.fd = namespace.run(self._open)
        self.sent = self.received = 0  #: frames, by the kernel
        rto = ("rto_min", f"{rto_min_ms}ms") if rto_min_ms else ()
        namespace.set(**{"conf/all/arp_ignore": 8})  # the neighbour is known
        for words in (
            ("link", "set", "lo", "up"),
            ("link", "set", _NAME, "address", mac),
            ("address", "add", f"{address}/32", "dev", _NAME),
            ("link", "set", _NAME, "up"),
            ("neighbour", "add", peer_address, "lladdr", peer_mac, "dev", _NAME, "nud", "permanent"),
            ("route", "add", f"{peer_address}/32", "dev", _NAME, *rto),
        ):
            namespace.ip(*words)

    def read(self) -> list[bytes]:
        """Frames that the kernel has sent since."""
        frames = []
        while True:
            try:
                frames.append(os.read(self.fd, _MAX_FRAME))
            except BlockingIOError:
                self.sent += len(frames)
                return frames

    def write(self, frame: bytes) -> None:
        os.write(self.fd, frame)
        self.received += 1

    def close(self) -> None:
        os.close(self.fd)

    @staticmethod
    def _open() -> int:
        try:
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"/dev/net/tun: {error.strerror}") from None
        try:
            fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", _NAME.encode(), _IFF_TAP | _IFF_NO_PI))
        except OSError as error:
            os.close(fd)
            raise Unavailable(f"no TAP interface: {error.strerror} (root, CAP_NET_ADMIN)") from None
        return fd
