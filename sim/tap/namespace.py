"""A network namespace that lasts as long as whoever made it.

It has no name and leaves nothing behind, even where the process is killed. Linux, as root (CAP_SYS_ADMIN).
"""

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_CLONE_NEWNET = 0x40000000  # <linux/sched.h>


class Unavailable(Exception):
    """This machine does not allow it. The message says what and why."""


class Namespace:
    """A network namespace. A context manager.

    A thread of its own enters it for each call: sockets and TAP interfaces stay where they were made.
    """

    def __init__(self):
        if sys.platform != "linux":
            raise Unavailable(f"network namespaces are Linux's, this is {sys.platform}")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = -1
        self._fd = self._in_thread(self._make)

    def run(self, function: Callable, *args):
        """What ``function`` returns or raises, run inside."""
        return self._in_thread(lambda: (self._enter(), function(*args))[1])

    def thread(self, function: Callable, *args) -> threading.Thread:
        """A thread, started, that runs ``function`` inside."""
        thread = threading.Thread(target=lambda: (self._enter(), function(*args)), daemon=True)
        thread.start()
        return thread

    def ip(self, *words: str) -> None:
        """The command ``ip``. Raises ``Unavailable`` with what it says where it fails."""
        try:
            done = self.run(lambda: subprocess.run(["ip", *words], capture_output=True, text=True, check=False))
        except FileNotFoundError:
            raise Unavailable("ip: no such command; it comes with iproute2") from None
        if done.returncode:
            raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")

    def set(self, **values: object) -> None:
        """Settings of net.ipv4. Raises ``Unavailable`` where they cannot be written."""
        for name, value in values.items():
            path = Path("/proc/sys/net/ipv4") / name
            try:
                self.run(path.write_text, str(value))
            except OSError as error:
                raise Unavailable(f"{path}: {error.strerror}") from None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _make(self) -> int:
        if self._libc.unshare(_CLONE_NEWNET):
            raise Unavailable(f"no network namespace: {os.strerror(ctypes.get_errno())} (root, CAP_SYS_ADMIN)")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def _enter(self) -> None:
        if self._libc.setns(self._fd, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    @staticmethod
    def _in_thread(function: Callable):
        """What ``function`` returns or raises in a thread that ends with it."""
        result: list = []

        def target():
            try:
                result.extend((function(), None))
            except BaseException as error:  # raised again in the caller
                result.extend((None, error))

        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
        value, error = result
        if error:
            raise error
        return value
