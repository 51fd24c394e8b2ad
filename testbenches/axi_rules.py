"""The rules of AXI4 that a master or slave of ours must keep, checked at every edge of a bench's clock.

ARM IHI 0022: A3.2.1 (valid stays until ready, payload with it), A3.1.2 (valid low in reset), A3.4.1 (bursts).
That no valid waits for its ready is shown by ``after_valid``: a ready that waits for its valid.
"""

from collections import Counter, deque
from collections.abc import Iterator

BOUNDARY = 4096
INCR = 1
_AX = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")
#: Channel -> payload, and whether the master drives it.
FULL = {"aw": (_AX, True), "w": (("data", "strb", "last"), True), "b": (("id", "resp"), False),
        "ar": (_AX, True), "r": (("id", "data", "resp", "last"), False)}
LITE = {"aw": (("addr", "prot"), True), "w": (("data", "strb"), True), "b": (("resp",), False),
        "ar": (("addr", "prot"), True), "r": (("data", "resp"), False)}


class _Channel:
    def __init__(self, dut, prefix: str, name: str, payload: tuple[str, ...]):
        self.name = name
        self._valid, self._ready = (getattr(dut, f"{prefix}_{name}{part}") for part in ("valid", "ready"))
        self._payload = {part: getattr(dut, f"{prefix}_{name}{part}") for part in payload}
        self._held = None

    def sample(self, quiet: bool) -> dict[str, int] | None:
        """The payload that was handed over at this edge. ``quiet``: reset has been high for a cycle."""
        valid, ready = int(self._valid.value), int(self._ready.value)
        if quiet:
            assert not valid, f"{self.name}valid is high in reset"
            self._held = None
            return None
        if not valid:
            assert self._held is None, f"{self.name}valid fell before {self.name}ready"
            return None
        seen = {part: handle.value for part, handle in self._payload.items()}
        if self._held is not None:
            wrong = [part for part, value in self._held.items() if seen[part] != value]
            assert not wrong, f"{self.name}{wrong[0]} changed before {self.name}ready"
        self._held = None if ready else seen
        return {part: int(value) for part, value in seen.items()} if ready else None

    def forget(self) -> None:
        """A reset: what was offered need not stay."""
        self._held = None


class AxiRules:
    """All rules of one interface. Call ``sample`` at each edge of its clock.

    Parameters
    ----------
    prefix : str
        Of the ports. Channels that the interface does not have are left out.
    reset
        Handle, active high.
    lite : bool
        AXI4-Lite.

    Members
    -------
    seen
        Transfers by channel: a bench asserts that there were some.
    """

    def __init__(self, dut, prefix: str, reset, *, lite: bool = False):
        table = LITE if lite else FULL
        self._prefix, self._reset, self._lite = prefix, reset, lite
        self._channels = {name: _Channel(dut, prefix, name, payload) for name, (payload, _) in table.items()
                          if hasattr(dut, f"{prefix}_{name}valid")}
        assert self._channels, f"no AXI interface {prefix}"
        self._octets = len(getattr(dut, f"{prefix}_{'w' if 'w' in self._channels else 'r'}data")) // 8
        self.seen: Counter[str] = Counter()
        self._in_reset = 0
        self._writes: deque[int] = deque()  # beats that are owed for each address
        self._bursts: deque[int] = deque()  # beats of bursts that came before their address
        self._data = 0  # beats of the burst that is under way
        self._answers = 0
        self._reads: deque[int] = deque()

    def sample(self) -> None:
        reset = int(self._reset.value)
        self._in_reset = self._in_reset + 1 if reset else 0
        if reset:
            for channel in self._channels.values():
                channel.forget()
            self._writes.clear()
            self._bursts.clear()
            self._reads.clear()
            self._data = self._answers = 0
        for name, channel in self._channels.items():
            if reset and self._in_reset < 2:
                continue
            taken = channel.sample(quiet=bool(reset))
            if taken is not None:
                self.seen[name] += 1
                if not self._lite:
                    getattr(self, f"_{name}")(taken)

    def _burst(self, address: dict[str, int]) -> int:
        beats, octets = address["len"] + 1, 1 << address["size"]
        assert octets == self._octets, f"{self._prefix}: a narrow burst of {octets} octets"
        assert address["burst"] == INCR, f"{self._prefix}: burst type {address['burst']}"
        assert address["addr"] % octets == 0, f"{self._prefix}: unaligned address 0x{address['addr']:x}"
        assert address["addr"] % BOUNDARY + beats * octets <= BOUNDARY, (
            f"{self._prefix}: {beats} beats from 0x{address['addr']:x} cross a boundary of {BOUNDARY}")
        return beats

    def _aw(self, taken):
        self._writes.append(self._burst(taken))
        self._match()

    def _w(self, taken):
        self._data += 1
        if taken["last"]:
            self._bursts.append(self._data)
            self._data = 0
        self._match()

    def _match(self):
        """Addresses with data, in order, whichever came first."""
        while self._writes and self._bursts:
            beats, sent = self._writes.popleft(), self._bursts.popleft()
            assert beats == sent, f"{self._prefix}: wlast in beat {sent} of {beats}"
            self._answers += 1
        assert not self._writes or self._data < self._writes[0], f"{self._prefix}: no wlast in beat {self._data}"

    def _b(self, taken):
        assert self._answers, f"{self._prefix}: a response to nothing"
        self._answers -= 1

    def _ar(self, taken):
        self._reads.append(self._burst(taken))

    def _r(self, taken):
        assert self._reads, f"{self._prefix}: data that nobody asked for"
        self._reads[0] -= 1
        assert taken["last"] == (self._reads[0] == 0), f"{self._prefix}: rlast is {taken['last']}"
        if taken["last"]:
            self._reads.popleft()


def after_valid(valid) -> Iterator[bool]:
    """Pauses of a sink whose ready waits for valid: a source that waited for ready would wait for ever."""
    while True:
        yield not int(valid.value)
