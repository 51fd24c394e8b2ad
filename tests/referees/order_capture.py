"""tshark's word on a capture of an order session's outgoing frames, however many; streaming.

    python -m tests.referees.order_capture orders.pcap --design demo

Of every frame: nothing malformed, IPv4 and TCP checksums good, addresses, ports, flags and lengths the session's, one
whole SoupBinTCP packet or FIX message in it (FIX: BodyLength and CheckSum valid), and its place in the TCP stream. The
capture has no frame check sequences: the MAC adds them. tshark knows OUCH 4 only; of OUCH 5.0 it says where the message
begins and ends, and ``spec.ouch``, which tests/spec holds against real captures, says what may stand there.
"""

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spec import config, ethernet, ouch, soupbintcp, wire
from spec.config import Design

GOOD = "1"  #: of a checksum's status, and of a flag
_MASK32 = (1 << 32) - 1
_COMMON = ["frame.number", "frame.len", "frame.protocols", "eth.src", "eth.dst", "ip.src", "ip.dst", "ip.len",
           "ip.checksum.status", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len", "tcp.hdr_len", "tcp.flags",
           "tcp.checksum.status", "tcp.payload", "_ws.malformed", "_ws.expert.message"]
_OF_PROTOCOL = {
    "ouch": ["soupbintcp.packet_length", "soupbintcp.packet_type"],
    "fix": ["fix.BeginString", "fix.BodyLength", "fix.MsgType", "fix.MsgSeqNum", "fix.checksum_good",
            "fix.checksum_bad", "fix.CheckSum"],
}
_LAYER = {"ouch": "soupbintcp", "fix": "fix"}


class Fault(AssertionError):
    """tshark, or the session's configuration, contradicts a frame."""


class Verdict(NamedTuple):
    """What is in a capture without faults."""

    frames: int
    kinds: Counter  #: messages by type: OUCH's, SoupBinTCP's behind ``+``, or FIX's MsgType
    acknowledgments: int  #: frames without payload
    repeated: int  #: frames whose payload had been sent before
    missing: int  #: octets of the TCP stream that are in no frame

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        return (f"{self.frames} frames good: {kinds or 'no messages'}; {self.acknowledgments} acknowledgments, "
                f"{self.repeated} repeated, {self.missing} octets of the stream missing")


def dissect(path: Path, design: Design) -> Iterator[dict[str, str]]:
    """tshark's fields of each frame; several values of a field are joined by commas, none is ``""``."""
    if shutil.which("tshark") is None:
        raise RuntimeError("tshark is not installed: apt-get install tshark (or: make system)")
    order = design.order
    fields = _COMMON + _OF_PROTOCOL[order.protocol]
    command = ["tshark", "-r", str(path), "-n", "-T", "fields", "-E", "separator=|", "-E", "occurrence=a",
               "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
               # What it says of timing and order takes a list of all that was never acknowledged.
               "-o", "tcp.analyze_sequence_numbers:FALSE",
               "-d", f"tcp.port=={order.destination_port},{_LAYER[order.protocol]}"]
    for field in fields:
        command += ["-e", field]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            yield dict(zip(fields, line.rstrip("\n").split("|"), strict=True))
        complaint = process.stderr.read()
    if process.returncode:
        raise Fault(f"{path}: tshark: {complaint.strip()}")


def check(path: Path, design: Design) -> Verdict:
    """The whole capture. Raises ``Fault`` at the first frame that is not as it should be."""
    kinds, frames, acknowledgments, repeated, missing, expected = Counter(), 0, 0, 0, 0, None
    for row in dissect(path, design):
        frames += 1
        _check_frame(row, design)
        length, sequence = int(row["tcp.len"]), int(row["tcp.seq_raw"])
        if length:
            kinds[_CHECKS[design.order.protocol](row, design)] += 1
        else:
            acknowledgments += 1
        ahead = 0 if expected is None else _signed(sequence - expected)
        if ahead < 0:
            _hold(row, ahead + length <= 0, "an old segment that reaches into what was never sent")
            repeated += bool(length)
        else:
            missing += ahead if length else 0
            expected = sequence + length if length or expected is None else expected
    return Verdict(frames, kinds, acknowledgments, repeated, missing)


def _signed(difference: int) -> int:
    """A difference of two sequence numbers (RFC 9293, section 3.4)."""
    return ((difference & _MASK32) ^ 1 << 31) - (1 << 31)


def _hold(row: dict[str, str], condition: bool, what: str) -> None:
    if not condition:
        raise Fault(f"frame {row['frame.number']}: {what}: {row}")


def _check_frame(row: dict[str, str], design: Design) -> None:
    order, length = design.order, int(row["tcp.len"] or -1)
    layers = "eth:ethertype:ip:tcp" + (f":{_LAYER[order.protocol]}" if length else "")
    header = ethernet.TCP.length + (12 if order.tcp_timestamps else 0)
    _hold(row, row["frame.protocols"].removesuffix(":data") == layers, f"expected {layers}")
    _hold(row, row["ip.checksum.status"] == GOOD, "IPv4 header checksum")
    _hold(row, row["tcp.checksum.status"] == GOOD, "TCP checksum")
    _hold(row, not row["_ws.malformed"] and not row["_ws.expert.message"], "tshark complains")
    expected = {
        "eth.src": order.source_mac, "eth.dst": order.destination_mac, "ip.src": order.source_address,
        "ip.dst": order.destination_address, "tcp.dstport": str(order.destination_port),
        "ip.len": str(ethernet.IPV4.length + header + length), "tcp.hdr_len": str(header),
        "frame.len": str(max(ethernet.MIN_FRAME, ethernet.ETHERNET.length + ethernet.IPV4.length + header + length)),
    }
    _hold(row, {name: row[name] for name in expected} == expected, f"expected {expected}")
    flags = ethernet.TCP_ACK | (ethernet.TCP_PSH if length else 0)
    _hold(row, int(row["tcp.flags"], 16) == flags, f"expected TCP flags {flags:#x}")


def _check_soupbintcp(row: dict[str, str], design: Design) -> str:
    """One whole packet; a message of the right length with legal codes. Returns its type."""
    length, kind = int(row["tcp.len"]), row["soupbintcp.packet_type"].strip("'")  # quoted by some versions
    _hold(row, row["soupbintcp.packet_length"] == str(length - soupbintcp.HEADER["length"].length), "not one packet")
    payload = bytes.fromhex(row["tcp.payload"])
    _hold(row, len(payload) == length, "payload")
    body = payload[soupbintcp.HEADER.length :]
    if kind != "U":
        _hold(row, kind in soupbintcp.CLIENT and not body, "no packet of a client that has an open session")
        return f"+{kind}"
    code = chr(body[0]) if body else ""
    _hold(row, code in ouch.CLIENT, "no OUCH message")
    layout = ouch.CLIENT[code]
    _hold(row, len(body) >= layout.length, f"too short for {layout.name}")
    values = wire.read(layout, body)
    _hold(row, len(body) == layout.length + values.get("appendage_length", 0), f"the end of {layout.name}")
    _hold(row, _whole_options(body[layout.length :]), f"the options of {layout.name}")
    for field in layout.fields:
        _hold(row, not field.codes or values[field.name] in field.codes, f"{layout.name}.{field.name}")
    return code


def _whole_options(appendage: bytes) -> bool:
    while appendage and 2 <= appendage[0] < len(appendage):
        appendage = appendage[1 + appendage[0] :]
    return not appendage


def _check_fix(row: dict[str, str], design: Design) -> str:
    """One whole message, which tshark finds by its BodyLength. Returns its MsgType."""
    for name in _OF_PROTOCOL["fix"]:
        _hold(row, row[name] and "," not in row[name], f"not one {name}")
    _hold(row, (row["fix.checksum_good"], row["fix.checksum_bad"]) == (GOOD, "0"), "CheckSum")
    start = len(f"8={row['fix.BeginString']}|9={row['fix.BodyLength']}|")
    whole = start + int(row["fix.BodyLength"]) + len("10=000|")
    _hold(row, whole == int(row["tcp.len"]), f"BodyLength makes it {whole} octets")
    _hold(row, not row["fix.BodyLength"].startswith("0") and len(row["fix.CheckSum"]) == 3, "digits")
    return row["fix.MsgType"]


_CHECKS = {"ouch": _check_soupbintcp, "fix": _check_fix}


def main() -> None:
    parser = argparse.ArgumentParser(description="Have tshark check every frame of a capture of orders.")
    parser.add_argument("capture", type=Path)
    parser.add_argument("--design", default="demo", help="preset or TOML file that the capture is of (default: demo)")
    arguments = parser.parse_args()
    named = arguments.design
    design = config.load(named) if named.endswith(".toml") else config.preset(named)
    try:
        print(check(arguments.capture, design))
    except Fault as fault:
        sys.exit(f"{arguments.capture}: {fault}")


if __name__ == "__main__":
    main()
