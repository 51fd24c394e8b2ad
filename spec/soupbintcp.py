"""SoupBinTCP 3.00 (Nasdaq). ``length`` counts the octets after itself, the type included."""

from .wire import Kind, Layout, fields

_HEADER = (("length", 2), ("type", 1, Kind.CHAR))

#: What every packet begins with; payload follows.
HEADER = Layout("SoupBinTCP header", 3, "SoupBinTCP 3.00, 2", fields(*_HEADER))


def _packet(code: str, length: int, section: str, name: str, *rows: tuple) -> Layout:
    return Layout(name, length, f"SoupBinTCP 3.00, {section}", fields(*_HEADER, *rows), code)


CLIENT: dict[str, Layout] = {layout.code: layout for layout in (
    _packet("L", 49, "2.3.1", "login request", ("username", 6, Kind.ALPHA), ("password", 10, Kind.ALPHA),
            ("session", 10, Kind.ALPHA), ("sequence", 20, Kind.ALPHA)),
    _packet("U", 3, "2.3.2", "unsequenced data"),
    _packet("R", 3, "2.3.3", "client heartbeat"),
    _packet("O", 3, "2.3.4", "logout request"),
    _packet("+", 3, "2.1", "debug"),
)}

SERVER: dict[str, Layout] = {layout.code: layout for layout in (
    _packet("A", 33, "2.2.2", "login accepted", ("session", 10, Kind.ALPHA), ("sequence", 20, Kind.ALPHA)),
    _packet("J", 4, "2.2.3", "login rejected", ("reason", 1, Kind.CHAR, "AS")),
    _packet("S", 3, "2.2.4", "sequenced data"),
    _packet("H", 3, "2.2.6", "server heartbeat"),
    _packet("Z", 3, "2.2.7", "end of session"),
    _packet("+", 3, "2.1", "debug"),
)}
