"""What the venue lets others know of itself: a journal in JSON lines, and a line per event for the console."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO


class Event(NamedTuple):
    """``direction``: ``in`` from a client, ``out`` to it, ``note`` about it."""

    time: int  #: ns since 1970
    client: str
    direction: str
    protocol: str
    message: str  #: its name in the specification, or what happened
    fields: dict[str, Any]


class Events:
    """Members
    -------
    listeners : list of callables
        Each is called with every ``Event``.
    """

    def __init__(self, clock: Callable[[], int]):
        self.listeners: list[Callable[[Event], None]] = []
        self._clock = clock

    def tell(self, client: str, direction: str, protocol: str, message: str, **values: Any) -> None:
        event = Event(self._clock(), client, direction, protocol, message, values)
        for listener in self.listeners:
            listener(event)

    def note(self, client: str, protocol: str, what: str) -> None:
        self.tell(client, "note", protocol, what)


def journal(file: TextIO) -> Callable[[Event], None]:
    """A listener that writes a JSON line per event."""

    def write(event: Event) -> None:
        head = {name: getattr(event, name) for name in ("time", "client", "direction", "protocol", "message")}
        file.write(json.dumps(head | {name: _plain(value) for name, value in event.fields.items()}) + "\n")
        file.flush()

    return write


def _plain(value: Any) -> Any:
    """Octets in hexadecimal, text without padding."""
    if isinstance(value, bytes):
        return value.hex()
    return value.strip() if isinstance(value, str) else value


_ARROWS = {"in": "->", "out": "<-", "note": "--"}
_HIDDEN = {"type", "timestamp", "appendage_length", "appendage", "msg_seq_num"}


def line(event: Event) -> str:
    """An event in one line."""
    values = [f"{name}={_price(value) if name.endswith('price') and isinstance(value, int) else value}"
              for name, value in ((name, _plain(value)) for name, value in event.fields.items())
              if name not in _HIDDEN and value not in ("", None)]
    return f"{event.client or '?':<10} {_ARROWS[event.direction]} {event.message:<22} {' '.join(values)}".rstrip()


def _price(value: int) -> str:
    return f"{value / 10_000:.4f}".removesuffix("00")
