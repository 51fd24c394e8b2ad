"""The design configuration: one TOML file, one validated object, read by gateware, model and harness alike.

``load(path)`` and ``preset(name)`` return a ``Design`` or raise ``ConfigError``, which lists every bad value with file,
key, value and what is allowed. Prices are integers of 1/10 000 dollar, times integers of ns, as in the hot path.
"""

import tomllib
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from . import ethernet, ladder, moldudp64, records

PRESETS = Path(__file__).parent / "presets"


class ConfigError(Exception):
    """A configuration that cannot be built. The message has one line per fault: file, key, value, what is allowed."""


def _power_of_two(value: int) -> int:
    if value & value - 1:
        raise ValueError("a power of two")
    return value


def _ema_length(value: int) -> int:
    if value + 1 & value:
        raise ValueError("one less than a power of two (3, 7, 15, 31, ...), so that 2/(n+1) is exact")
    return value


def _mac(value: str) -> str:
    octets = value.split(":")
    if len(octets) != 6 or not all(len(o) == 2 and set(o.lower()) <= set("0123456789abcdef") for o in octets):
        raise ValueError("a MAC address such as 02:00:00:00:00:01")
    return value


PowerOfTwo = Annotated[int, AfterValidator(_power_of_two)]
Price = Annotated[int, Field(ge=0, lt=1 << 32)]
Port = Annotated[int, Field(ge=1, lt=1 << 16)]
Word = Annotated[int, Field(ge=0, lt=1 << 32)]
Mac = Annotated[str, AfterValidator(_mac)]
Text = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]*$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Core(_Section):
    data_width: Literal[64] = 64  #: bits per beat on RX and TX
    clock_mhz: float = Field(322.265625, gt=0, le=1000)  #: core clock; a target, for cycles <-> ns

    @property
    def period_ns(self) -> float:
        return 1000 / self.clock_mhz


class Line(_Section):
    """Where market data is addressed to: a multicast group (or unicast address) and UDP port."""

    address: str
    port: Port

    @model_validator(mode="after")
    def _is_ipv4(self):
        try:
            IPv4Address(self.address)
        except ValueError:
            raise ValueError(f"address must be an IPv4 address, not {self.address!r}") from None
        return self

    @property
    def address_octets(self) -> bytes:
        return IPv4Address(self.address).packed


class Feed(_Section):
    lines: list[Line] = Field(min_length=1, max_length=4)  #: A, B, ...: every one is accepted, duplicates are dropped
    session: str = Field("", max_length=10)  #: MoldUDP64 session; "" takes the first one seen
    first_sequence: int = Field(1, ge=1, lt=1 << 63)  #: the first message that matters; a later start is a gap
    max_frame: int = Field(9022, ge=128, le=16383)  #: octets, without frame check sequence

    @property
    def max_ip_length(self) -> int:
        """IPv4 total length of the largest untagged frame; a tag does not count against it."""
        return self.max_frame - ethernet.ETHERNET.length - ethernet.VLAN.length


class Book(_Section):
    locates: PowerOfTwo = Field(16384, ge=16, le=65536)  #: depth of the locate table
    tables: PowerOfTwo = Field(ge=2, le=8)  #: sub-tables of the order table
    buckets: PowerOfTwo = Field(ge=16, le=1 << 20)  #: per sub-table
    ways: int = Field(ge=1, le=8)  #: entries per bucket
    spill: int = Field(ge=1, le=64)  #: associative entries
    levels: PowerOfTwo = Field(ge=16, le=4096)  #: price levels per symbol and side
    min_orders_per_symbol: int = Field(64, ge=1)  #: resting orders a symbol must be able to have
    assume_trading: bool = False  #: the host vouches that the market is open and nothing halted at start (mid-day)

    @property
    def capacity(self) -> int:
        """Orders that the table holds when every entry is taken."""
        return self.tables * self.buckets * self.ways + self.spill


class Symbol(_Section):
    stock: str = Field(pattern=r"^[\x21-\x7e]{1,8}$")
    reference: Price  #: 1/10 000 dollar; the ladder's windows begin around it
    tick: Literal[1, 100] = 100  #: 1/10 000 dollar
    locate: int = Field(0, ge=0, lt=1 << 16)  #: known beforehand; 0 = learned from the stock directory

    @property
    def stock_octets(self) -> bytes:
        return self.stock.encode().ljust(8)


class Indicators(_Section):
    source: Literal["mid", "trade"] = "mid"  #: what SMA and EMA average
    sma: PowerOfTwo = Field(16, ge=2, le=256)  #: samples
    ema: Annotated[int, AfterValidator(_ema_length)] = Field(15, ge=3, le=1023)  #: samples
    matches: PowerOfTwo = Field(1024, ge=16, le=65536)  #: prints kept so that B can reverse them


class Strategy(_Section):
    """Book imbalance: buy at the offer when bid quantity * denominator >= offer quantity * numerator; sell likewise."""

    name: Literal["imbalance"] = "imbalance"
    numerator: int = Field(3, ge=1, le=255)
    denominator: int = Field(1, ge=1, le=255)
    quantity: int = Field(100, ge=1, lt=1_000_000)  #: shares
    max_spread: Price = 500  #: 1/10 000 dollar
    cooldown_ns: int = Field(1_000_000, ge=0, lt=1 << 47)  #: between intents on one symbol, by ITCH time
    reconfigurable: bool = False  #: a partition of its own that can be cut off and exchanged while the rest runs


Notional = Annotated[int, Field(ge=0, lt=1 << records.NOTIONAL_BITS - 1)]
Nanoseconds = Annotated[int, Field(ge=0, lt=1 << 40)]
LOTS = (1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100, 200)


class Limits(_Section):
    """A symbol's limits when the core starts; the host changes them while it runs (``spec.records.SYMBOL_LIMIT``)."""

    min_quantity: int = Field(1, ge=1, lt=1_000_000)  #: shares per order
    max_quantity: int = Field(1000, ge=1, lt=1_000_000)  #: shares per order
    lot: Literal[LOTS] = 1  #: shares; an order is a multiple of it
    max_notional: int = Field((1 << 52) - 1, ge=0, lt=1 << 52)  #: 1/10 000 dollar x shares per order
    max_long: int = Field(10_000, ge=0, lt=1 << 40)  #: shares, all open purchases filled
    max_short: int = Field(10_000, ge=0, lt=1 << 40)  #: shares, all open sales filled
    max_gross: Notional = (1 << records.NOTIONAL_BITS - 1) - 1  #: 1/10 000 dollar x shares
    max_net: Notional = (1 << records.NOTIONAL_BITS - 1) - 1  #: 1/10 000 dollar x shares
    collar_bps: int = Field(500, ge=0, le=10_000)  #: |price - reference| * 10 000 <= reference * collar_bps
    collar_absolute: Price = (1 << 32) - 1  #: 1/10 000 dollar from the reference
    max_open_orders: int = Field((1 << records.OPEN_ORDERS_BITS) - 1, ge=0, lt=1 << records.OPEN_ORDERS_BITS)
    rate_ns: Nanoseconds = 0  #: until a token comes back; 0 = no limit
    rate_burst: int = Field(1, ge=1, lt=1 << 16)  #: tokens in a full bucket
    duplicate_ns: Nanoseconds = 0  #: within which the same order is a duplicate; 0 = no check

    @model_validator(mode="after")
    def _agree(self):
        if self.min_quantity > self.max_quantity:
            raise ValueError(f"min_quantity = {self.min_quantity}: at most max_quantity = {self.max_quantity}")
        if self.rate_ns * (self.rate_burst - 1) >= 1 << 40:
            raise ValueError(f"rate_burst = {self.rate_burst}: rate_ns * (rate_burst - 1) below 2**40")
        return self


class Risk(_Section):
    """Limits when the core starts. A symbol without limits of its own has those of ``symbol``."""

    symbol: Limits = Limits()
    restricted: list[str] = []  #: stocks that may not be ordered
    reference: Literal["last_trade", "mid", "luld"] = "last_trade"  #: luld: middle of the auction collar
    max_gross: Notional = (1 << records.NOTIONAL_BITS - 1) - 1  #: 1/10 000 dollar x shares, all symbols
    max_net: Notional = (1 << records.NOTIONAL_BITS - 1) - 1  #: 1/10 000 dollar x shares, all symbols
    max_open_orders: int = Field((1 << records.OPEN_ORDERS_BITS) - 1, ge=0, lt=1 << records.OPEN_ORDERS_BITS)
    rate_ns: Nanoseconds = 0  #: until a token comes back; 0 = no limit
    rate_burst: int = Field(1, ge=1, lt=1 << 16)  #: tokens in a full bucket
    max_loss: Notional = 0  #: 1/10 000 dollar x shares; more engages the kill switch; 0 = no limit
    max_rejects: int = Field(0, ge=0, lt=1 << 16)  #: in a row; as many engage the kill switch; 0 = no limit
    stale_ns: Nanoseconds = 0  #: without a datagram; 0 = no limit
    cancel_after_kill: bool = True  #: cancels pass although the kill switch is engaged
    order_rows: PowerOfTwo = Field(1024, ge=16, le=65536)  #: open-order table, indexed by UserRefNum

    @model_validator(mode="after")
    def _agree(self):
        if self.rate_ns * (self.rate_burst - 1) >= 1 << 40:
            raise ValueError(f"rate_burst = {self.rate_burst}: rate_ns * (rate_burst - 1) below 2**40")
        return self


class Fix(_Section):
    """The FIX 4.4 session, where ``order.protocol`` is fix."""

    sender_comp_id: str = Field("TICKWIRE", pattern=r"^[\x21-\x3c\x3e-\x7e]{1,16}$")
    target_comp_id: str = Field("EXCHANGE", pattern=r"^[\x21-\x3c\x3e-\x7e]{1,16}$")
    msg_seq_num: int = Field(1, ge=1, lt=1 << 31)  #: of the first message that the core sends
    expected_seq_num: int = Field(1, ge=1, lt=1 << 31)  #: of the first message that it takes


class Order(_Section):
    """The order session. The host has opened it; these are its numbers at hand-over."""

    protocol: Literal["ouch", "fix"] = "ouch"
    source_mac: Mac
    destination_mac: Mac
    source_address: str
    destination_address: str
    source_port: Port
    destination_port: Port
    tcp_sequence: Word = 1
    tcp_acknowledgment: Word = 1
    tcp_window: int = Field(65535, ge=1, lt=1 << 16)  #: the peer's, in octets times 2**tcp_window_scale
    tcp_window_scale: int = Field(0, ge=0, le=14)  #: the peer's
    tcp_timestamps: bool = False  #: the option was agreed upon (RFC 7323)
    user_ref_num: int = Field(1, ge=1, lt=1 << 32)
    firm: Annotated[str, StringConstraints(pattern=r"^([A-Z]{4})?$")] = ""  #: MPID appendage; "" = the port's default
    cl_ord_id_prefix: Text = Field("TW", max_length=6)  #: followed by UserRefNum in 8 hexadecimal digits
    time_in_force: Literal["0", "3", "5", "6", "E"] = "3"  #: 3 = IOC
    display: Literal["Y", "N", "A"] = "Y"
    capacity: Literal["A", "P", "R", "O"] = "P"
    queue: PowerOfTwo = Field(64, ge=2, le=1024)  #: approved orders that may wait for the wire
    fix: Fix = Fix()

    @model_validator(mode="after")
    def _fits_protocol(self):
        if self.protocol == "fix" and self.time_in_force not in ("0", "3"):
            raise ValueError(f"time_in_force = {self.time_in_force!r}: 0 (day) or 3 (IOC) in FIX")
        return self

    @model_validator(mode="after")
    def _are_ipv4(self):
        for key in ("source_address", "destination_address"):
            try:
                IPv4Address(getattr(self, key))
            except ValueError:
                raise ValueError(f"{key} must be an IPv4 address, not {getattr(self, key)!r}") from None
        return self


class Session(_Section):
    """The core's end of the order session's TCP connection."""

    established: bool = True  #: the configuration's numbers are those of an open session; else wait for a hand-over
    send_buffer: PowerOfTwo = Field(16384, ge=4096, le=1 << 20)  #: octets sent and not yet acknowledged
    receive_buffer: PowerOfTwo = Field(8192, ge=2048, le=32768)  #: octets received and not yet parsed: TCP window
    retransmit_ns: int = Field(200_000_000, ge=1000, lt=1 << 40)  #: first retransmission timeout; doubles each time
    retransmissions: int = Field(8, ge=1, le=15)  #: of the same segment, then the session is lost
    heartbeat_ns: int = Field(1_000_000_000, ge=0, lt=1 << 40)  #: SoupBinTCP client heartbeat; 0 = the host's business


class Host(_Section):
    """The kernel around the core: how it reaches the host, and which clocks it has."""

    #: one: all on ap_clk; rx: the core on the market data's rx_clk; all: the core on ap_clk_2, each wire on its own.
    clocks: Literal["one", "rx", "all"] = "one"
    fifo: PowerOfTwo = Field(512, ge=8, le=4096)  #: records of a stream that wait for host memory
    rx_fifo: PowerOfTwo = Field(64, ge=8, le=4096)  #: beats between an Ethernet clock and the core
    tx_clock_mhz: float = Field(322.265625, gt=0, le=1000)  #: of the order session's Ethernet; a target
    clock_mhz: float = Field(300.0, gt=0, le=500)  #: ap_clk; a target


class Budgets(_Section):
    """Latency budgets in ns, counted as docs/latency.md says."""

    feed: float = Field(30, gt=0)
    book: float = Field(60, gt=0)
    indicators: float = Field(30, gt=0)
    strategy: float = Field(10, gt=0)
    risk: float = Field(20, gt=0)
    encode: float = Field(30, gt=0)
    transmit: float = Field(50, gt=0)
    tick_to_trade: float = Field(200, gt=0)


class Design(_Section):
    """Everything that fixes one core."""

    core: Core = Core()
    feed: Feed
    book: Book
    symbols: list[Symbol] = Field(min_length=1, max_length=records.MAX_SYMBOLS)
    indicators: Indicators = Indicators()
    strategy: Strategy = Strategy()
    risk: Risk = Risk()
    order: Order
    session: Session = Session()
    host: Host = Host()
    budgets: Budgets = Budgets()

    @model_validator(mode="after")
    def _parts_fit(self):
        """Mismatches between parts, all of them, before any Verilog is written."""
        faults = []
        book, count = self.book, len(self.symbols)
        if book.capacity > records.MAX_ORDERS - 1:
            faults.append(f"book: capacity {book.capacity}: at most {records.MAX_ORDERS - 1} orders")
        if book.capacity < count * book.min_orders_per_symbol:
            faults.append(f"book: capacity {book.capacity}: tables * buckets * ways + spill must be at least "
                          f"{count} symbols * min_orders_per_symbol = {count * book.min_orders_per_symbol}")
        for key in ("stock", "locate"):
            values = [getattr(s, key) for s in self.symbols if getattr(s, key)]
            for value in sorted({v for v in values if values.count(v) > 1}):
                faults.append(f"symbols: {key} = {value!r}: each symbol once")
        for i, symbol in enumerate(self.symbols):
            where = f"symbols.{i}"
            if symbol.locate >= book.locates:
                faults.append(f"{where}.locate = {symbol.locate}: below book.locates = {book.locates}")
            if symbol.reference % symbol.tick:
                faults.append(f"{where}.reference = {symbol.reference}: a multiple of tick = {symbol.tick}")
            # A ladder of cents begins up to a word above a dollar: a symbol in between begins below its windows.
            lowest = ladder.DOLLAR if symbol.tick == ladder.CENT else 0
            beyond = ladder.highest_low(symbol.tick, book.levels) + book.levels * symbol.tick
            if not lowest <= symbol.reference < beyond:
                faults.append(f"{where}.reference = {symbol.reference}: from {lowest} to {beyond - symbol.tick}, where "
                              f"a ladder of {book.levels} levels with tick = {symbol.tick} can be")
        limits = self.risk.symbol
        if not limits.min_quantity <= self.strategy.quantity <= limits.max_quantity or (
                self.strategy.quantity % limits.lot):
            faults.append(f"strategy.quantity = {self.strategy.quantity}: a multiple of risk.symbol.lot = {limits.lot} "
                          f"from risk.symbol.min_quantity = {limits.min_quantity} to max_quantity = "
                          f"{limits.max_quantity}")
        for stock in self.risk.restricted:
            if stock not in [symbol.stock for symbol in self.symbols]:
                faults.append(f"risk.restricted = {stock!r}: a configured symbol")
        if self.feed.max_ip_length < ethernet.IPV4.length + ethernet.UDP.length + moldudp64.HEADER.length:
            faults.append(f"feed.max_frame = {self.feed.max_frame}: room for all headers")
        if faults:
            raise ValueError("\n".join(faults))
        return self


def parse(text: str, file: str = "configuration") -> Design:
    """A ``Design`` from TOML text. Raises ``ConfigError`` naming ``file``."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML: {error}") from None
    try:
        return Design.model_validate(table)
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False):
            key = ".".join(str(part) for part in fault["loc"])
            what = fault["msg"].removeprefix("Value error, ")
            if not key:  # a mismatch between parts, which names its keys itself
                lines += [f"{file}: {line}" for line in what.splitlines()]
            elif fault["type"] in ("missing", "extra_forbidden"):
                lines.append(f"{file}: {key}: {'required' if fault['type'] == 'missing' else 'no such key'}")
            else:
                lines.append(f"{file}: {key} = {fault['input']!r}: {what}")
        raise ConfigError("\n".join(lines)) from None


def load(path: str | Path) -> Design:
    """The ``Design`` in a TOML file. Raises ``ConfigError``."""
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return parse(text, str(path))


def preset(name: str) -> Design:
    """A shipped ``Design``: ``small`` (tests), ``demo`` or ``u280``. Raises ``ConfigError`` for another name."""
    path = PRESETS / f"{name}.toml"
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in PRESETS.glob("*.toml")))
        raise ConfigError(f"preset {name!r}: no such preset; there are {names}")
    return load(path)
