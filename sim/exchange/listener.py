"""A port of the venue: a listening socket and the connections to it."""

import asyncio
from collections.abc import Callable

from .connection import Connection

_FLUSH_S = 1.0  #: for what was written to reach a client that still reads


class Listener:
    """``connection`` makes one from a stream's reader and writer."""

    def __init__(self, connection: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Connection]):
        self._connection = connection
        self._server: asyncio.Server | None = None
        self._serving: dict[Connection, asyncio.Task] = {}

    async def start(self, host: str, port: int) -> int:
        """The port it listens on: a free one for 0. Raises ``OSError``."""
        self._server = await asyncio.start_server(self._connected, host, port)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End every connection and stop listening."""
        if self._server is None:
            return
        self._server.close()
        serving = dict(self._serving)
        for connection in serving:
            connection.end()
        if serving:
            await asyncio.wait(serving.values(), timeout=_FLUSH_S)
        for connection in [*self._serving]:
            connection.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self._connection(reader, writer)
        self._serving[connection] = asyncio.current_task()
        try:
            await connection.serve()
        finally:
            del self._serving[connection]
