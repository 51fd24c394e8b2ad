"""A venue in a thread of its own, for code that blocks, and for a network namespace."""

import asyncio
import threading
from collections.abc import Callable

from .exchange import Exchange

_PATIENCE_S = 10


def _thread(function: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


class Background:
    """A context manager: listens from its beginning until its end. Raises ``OSError`` where that cannot be.

    Parameters
    ----------
    exchange
    host, ouch_port, fix_port
        As for ``Exchange.start``.
    thread
        Starts a thread that runs a function: ``Namespace.thread`` puts the venue's sockets into that namespace.
    """

    def __init__(self, exchange: Exchange, *, host: str = "127.0.0.1", ouch_port: int = 0, fix_port: int = 0,
                 thread: Callable[[Callable[[], None]], threading.Thread] = _thread):
        self.exchange = exchange
        self._loop = asyncio.new_event_loop()
        self._thread = thread(self._loop.run_forever)
        try:
            self._run(exchange.start(host, ouch_port=ouch_port, fix_port=fix_port))
        except BaseException:
            self._stop()
            raise

    def call(self, function: Callable, *arguments):
        """What ``function`` returns or raises, between two requests: orders and positions as of one moment."""

        async def called():
            return function(*arguments)

        return self._run(called())

    def close(self) -> None:
        self._run(self.exchange.close())
        self._stop()

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE_S)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
