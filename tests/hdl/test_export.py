"""Exported Verilog: the ports that a bench, the harness or a kernel connects to, and the same octets every time."""

import re

import pytest
from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl import link
from hdl.ahead import Ahead
from hdl.candidates import Candidates
from hdl.clock import Setting
from hdl.export import write_verilog
from hdl.records import records
from hdl.session import Inbox
from hdl.time import Time
from hdl.wire import RX, TX
from sim import build
from spec import config
from spec.counters import COUNTER_BITS, COUNTERS
from spec.records import ADMIN, MESSAGE, RECORDS, REPLY, REQUESTS

SMALL = config.preset("small")
WIDTHS = {record.stream: record.bits for record in RECORDS}
_PORT = re.compile(r"^ *(input|output) (?:reg |wire )?(?:\[(\d+):0\] )?\\?(\w+) *(?:=[^;]*)?;", re.MULTILINE)


def ports(verilog: str, module: str) -> dict[str, tuple[str, int]]:
    """Direction and width of each port of ``module``."""
    body = re.search(rf"^module {module}\(.*?^endmodule", verilog, re.MULTILINE | re.DOTALL)[0]
    return {name: (way, int(high or 0) + 1) for way, high, name in _PORT.findall(body)}


def record_ports(stream_name: str, way: str) -> dict:
    return {f"{stream_name}_valid": (way, 1), f"{stream_name}_payload": (way, WIDTHS[stream_name])}


def _width(shape) -> int:
    return Shape.cast(shape).width


def stream_ports(name: str, way: str, bits: int, *, ready: bool = True) -> dict:
    """``ready``: the stream has backpressure."""
    back = {"input": "output", "output": "input"}[way]
    ports = {f"{name}_valid": (way, 1), f"{name}_payload": (way, bits)}
    return ports | ({f"{name}_ready": (back, 1)} if ready else {})


def inputs(**bits: int) -> dict:
    return {name: ("input", width) for name, width in bits.items()}


def outputs(**bits: int) -> dict:
    return {name: ("output", width) for name, width in bits.items()}


def axi_ports(name: str, way: str, back: str) -> dict:
    widths = {"tdata": 64, "tkeep": 8, "tlast": 1, "tuser": 1, "tvalid": 1}
    return {f"{name}_{part}": (way, bits) for part, bits in widths.items()} | {f"{name}_tready": (back, 1)}


def counter_port(stage: str, name: str = "counters") -> dict:
    return {name: ("output", COUNTER_BITS * len(COUNTERS[stage]))}


CLOCK = {"clk": ("input", 1), "rst": ("input", 1)}
READY = {"ready": ("output", 1)}
HOST = {record.stream: stream_ports(record.stream, "input", record.bits) for record in REQUESTS}
RX_PORTS, TX_PORTS = axi_ports("rx", "input", "output"), axi_ports("tx", "output", "input")
TIME = inputs(time=_width(Time))
SENT, BEGIN, NAMING = _width(link.Sent), _width(link.Begin), _width(link.Naming)


def _outputs(*names: str) -> dict:
    return {key: value for name in names for key, value in record_ports(name, "output").items()}


EXPECTED = {
    "feed": CLOCK | RX_PORTS | inputs(enabled=1) | _outputs("messages") | outputs(ahead=_width(Ahead), heard=1)
    | counter_port("feed"),
    "book": CLOCK | inputs(ahead=_width(Ahead)) | record_ports("messages", "input") | HOST["snapshot"]
    | HOST["symbols"] | inputs(requested=1) | stream_ports("naming", "output", NAMING, ready=False)
    | _outputs("updates", "windows", "depths", "loads", "symbols_set") | READY | counter_port("book"),
    "indicators": CLOCK | record_ports("updates", "input") | _outputs("indicators", "vwaps") | READY
    | counter_port("indicators"),
    "strategy": CLOCK | record_ports("updates", "input") | record_ports("indicators", "input")
    | HOST["parameters"] | HOST["requests"] | _outputs("parameters_set", "intents")
    | outputs(candidates=_width(Candidates)) | READY | counter_port("strategy"),
    "risk": CLOCK | inputs(candidates=_width(Candidates)) | record_ports("intents", "input")
    | record_ports("updates", "input") | stream_ports("replies", "input", REPLY.bits) | HOST["symbol_limits"]
    | HOST["session_limits"] | TIME
    | inputs(kill=1, kill_release=1, session_lost=1, queue_full=1, no_session=1, heard=1)
    | _outputs("decisions", "positions", "symbol_limits_set", "session_limits_set", "kills")
    | outputs(seen=_width(link.Seen)) | READY | counter_port("risk"),
    "order": CLOCK | record_ports("decisions", "input") | HOST["admin"] | TIME | inputs(header=_width(link.Header))
    | stream_ports("begin", "input", BEGIN, ready=False) | stream_ports("service", "input", _width(link.Service))
    | stream_ports("again", "input", 64) | stream_ports("sent", "output", SENT, ready=False) | _outputs("orders")
    | stream_ports("naming", "input", NAMING, ready=False)
    | TX_PORTS | READY | outputs(queue_full=1, idle=1, next_sequence=32, next_msg_seq_num=32) | counter_port("order"),
    "session": CLOCK | RX_PORTS | HOST["handovers"] | stream_ports("host_admin", "input", ADMIN.bits) | TIME
    | stream_ports("admin", "output", ADMIN.bits) | stream_ports("sent", "input", SENT, ready=False)
    | inputs(handback=1, next_sequence=32, next_msg_seq_num=32, idle=1, seen=_width(link.Seen))
    | outputs(header=_width(link.Header), no_session=1, session_lost=1, full=1)
    | stream_ports("begin", "output", BEGIN, ready=False) | stream_ports("service", "output", _width(link.Service))
    | stream_ports("again", "output", 64) | stream_ports("replies", "output", REPLY.bits)
    | stream_ports("inbox", "output", _width(Inbox), ready=False) | _outputs("sessions") | READY
    | counter_port("session"),
    "core": CLOCK | RX_PORTS | axi_ports("session_rx", "input", "output") | TX_PORTS
    | {key: value for ports in HOST.values() for key, value in ports.items()}
    | stream_ports("clock", "input", _width(Setting)) | inputs(kill=1, kill_release=1, handback=1) | READY
    | stream_ports("inbox", "output", _width(Inbox), ready=False) | _outputs(*WIDTHS)
    | {key: value for stage in COUNTERS for key, value in counter_port(stage, f"{stage}_counters").items()},
}


@pytest.mark.parametrize("unit", EXPECTED)
def test_ports(unit):
    name = build.module_name(unit)
    assert ports(build.cached_verilog(unit, SMALL).read_text(), name) == EXPECTED[unit]


def test_every_unit_is_listed():
    assert [*EXPECTED] == [*build.STAGES, "core"]


@pytest.mark.parametrize("unit", ["order", "strategy"])
def test_the_same_octets_again(unit, tmp_path):
    """In one process; for all units, in other processes, see test_verilog."""
    first, second = (build.verilog(unit, SMALL, tmp_path / part).read_bytes() for part in "ab")
    assert first == second


class Everything(wiring.Component):
    """Each kind of member there is, one output for each input."""

    rx: In(RX)
    tx: Out(TX)
    messages: In(records(MESSAGE))
    words: In(stream.Signature(5))
    echo: Out(stream.Signature(5))
    pair: Out(data.StructLayout({"low": 3, "high": signed(4)}))

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.tx.payload.eq(self.rx.payload)
        m.d.comb += [
            self.tx.valid.eq(self.rx.valid), self.pair.low.eq(self.messages.payload.message),
            self.pair.high.eq(-self.messages.valid), self.echo.payload.eq(self.words.payload),
            self.echo.valid.eq(self.words.valid & self.tx.ready), self.words.ready.eq(self.echo.ready),
        ]
        return m


def test_each_kind_of_member(tmp_path):
    path = write_verilog(Everything(), tmp_path / "deep" / "everything.v", name="everything")
    assert ports(path.read_text(), "everything") == CLOCK | RX_PORTS | TX_PORTS | record_ports("messages", "input") | {
        "words_payload": ("input", 5), "words_valid": ("input", 1), "words_ready": ("output", 1),
        "echo_payload": ("output", 5), "echo_valid": ("output", 1), "echo_ready": ("input", 1), "pair": ("output", 7),
    }


def test_an_interface_keeps_its_directions(tmp_path):
    """As AXI: what the master drives and what it hears, from either end."""
    bus = wiring.Signature({"valid": Out(1), "data": Out(8), "ready": In(1)})

    class Ends(wiring.Component):
        master: Out(bus)
        slave: In(bus)

        def elaborate(self, platform):
            m = Module()
            wiring.connect(m, wiring.flipped(self.slave), wiring.flipped(self.master))
            return m

    path = write_verilog(Ends(), tmp_path / "ends.v", name="ends")
    out = {"valid": ("output", 1), "data": ("output", 8), "ready": ("input", 1)}
    back = {"valid": ("input", 1), "data": ("input", 8), "ready": ("output", 1)}
    assert ports(path.read_text(), "ends") == {f"master_{name}": kind for name, kind in out.items()} | {
        f"slave_{name}": kind for name, kind in back.items()}


def test_the_reader_of_ports_sees_a_difference():
    text = "module m(a, b);\n  input [7:0] a;\n  wire [7:0] a;\n  output b;\n  reg b = 1'h0;\nendmodule\n"
    assert ports(text, "m") == {"a": ("input", 8), "b": ("output", 1)}
    assert ports(text.replace("[7:0]", "[6:0]"), "m") != ports(text, "m")
