"""GTKWave's save file for a waveform: the streams between stages, grouped by stage. Surfer reads it too."""

from pathlib import Path

from vcd.gtkw import GTKWSave

from spec.records import RECORDS, Record

_TOP = "TOP"
_AXI = ("tvalid", "tready", "tdata[63:0]", "tkeep[7:0]", "tlast", "tuser")
_BEFORE = 60  #: cycles left of the marked one when it opens; a cycle is a nanosecond in the waveform
WIRE_IN, WIRE_OUT, SESSION_IN = "wire in (rx)", "wire out (tx)", "order session in (session_rx)"


def groups() -> dict[str, list[Record]]:
    """Streams by stage, in the order in which data flows."""
    found: dict[str, list[Record]] = {}
    for record in RECORDS:
        found.setdefault(record.stage, []).append(record)
    return found


def signals() -> list[str]:
    """All that a save file names, as the waveform does."""
    names = [f"{_TOP}.{port}_{signal}" for port in ("rx", "tx", "session_rx") for signal in _AXI]
    for record in RECORDS:
        names += [f"{_TOP}.{record.stream}_valid", _payload(record)]
    return names


def write(path: Path, waveform: Path, *, cycle: int, stage: str) -> Path:
    """Show ``waveform`` with a marker at ``cycle`` and the group of ``stage`` open."""
    with open(path, "w") as file:
        save = GTKWSave(file)
        save.dumpfile(waveform.name, abspath=False)
        save.timestart(max(0, cycle - _BEFORE))
        save.zoom_markers(-3.0, marker=cycle)
        save.sst_expanded(True)
        save.trace(f"{_TOP}.clk")
        _wire(save, WIRE_IN, "rx", closed=stage != "feed")
        for name, records in groups().items():
            with save.group(name, closed=name != stage):
                for record in records:
                    save.trace(f"{_TOP}.{record.stream}_valid")
                    save.trace(_payload(record))
                    if name == stage:
                        for label in _fields(record):
                            save.blank(label)
        _wire(save, SESSION_IN, "session_rx", closed=stage != "session")
        _wire(save, WIRE_OUT, "tx", closed=stage != "order")
    return path


def _wire(save: GTKWSave, name: str, port: str, closed: bool) -> None:
    with save.group(name, closed=closed):
        for signal in _AXI:
            save.trace(f"{_TOP}.{port}_{signal}")


def _payload(record: Record) -> str:
    return f"{_TOP}.{record.stream}_payload[{record.bits - 1}:0]"


def _fields(record: Record) -> list[str]:
    """Where each field stands in the payload."""
    found, at = [], 0
    for field in record.fields:
        found.append(f"   {field.name} [{at + field.bits - 1}:{at}]")
        at += field.bits
    return found
