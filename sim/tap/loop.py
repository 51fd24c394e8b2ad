"""An asyncio loop in a thread inside a network namespace: for the exchange's servers."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future

from .namespace import Namespace


class Loop:
    """A context manager; what still runs at its end is cancelled."""

    def __init__(self, namespace: Namespace):
        self._loop = asyncio.new_event_loop()
        running = threading.Event()
        self._loop.call_soon(running.set)
        self._thread = namespace.thread(self._loop.run_forever)
        running.wait()

    def call(self, coroutine: Coroutine, timeout_s: float = 10):
        """What ``coroutine`` returns or raises."""
        return self.start(coroutine).result(timeout_s)

    def start(self, coroutine: Coroutine) -> Future:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        # Python 3.11 reports a stream's cancelled server task as an error.
        self._loop.call_soon_threadsafe(self._loop.set_exception_handler, lambda *_: None)
        self.call(self._cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    @staticmethod
    async def _cancel() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
