"""Differences between hardware and golden model, as a section of the page."""

import html
import os
from pathlib import Path
from urllib.parse import quote

from spec.counters import COUNTERS

from .console import clock
from .saved import SavedRun

_WAVES = {".fst", ".vcd"}
_SHOWN = 100
_NONE = "–"


def section(saved: SavedRun, page: Path) -> str:
    found = saved.summary["differences"]
    inside = _list(saved, found, page) if found["count"] else _none(saved.summary)
    return f'<section id="differences"><h2>Differences</h2>{inside}</section>'


def _none(summary: dict) -> str:
    records = sum(count for stream, count in summary["compared"].items() if stream != "tx")
    counters = sum(len(names) for names in COUNTERS.values())
    return (f'<p><strong class="good">None.</strong> Hardware and golden model were compared in {records:,} records at '
            f"{len(summary['compared']) - 1} stage boundaries, {summary['compared']['tx']:,} order frames and "
            f"{counters} counters: every field, every octet.</p>")


def _said(value) -> str:
    return _NONE if value is None else html.escape(f"{value:,}" if isinstance(value, int) else str(value))


def _list(saved: SavedRun, found: dict, page: Path) -> str:
    rows = "".join(
        f'<tr class="differs"><td>{_said(d["stage"])}</td><td class="wide">{_said(d["kind"])}</td>'
        f'<td class="n">{_said(d["message"])}</td><td class="wrap">{_said(d["stream"])}.{_said(d["field"])}</td>'
        f'<td class="wrap">{_said(d["expected"])}</td><td class="wrap">{_said(d["got"])}</td>'
        f'<td class="n wide">{_said(d["cycle"])}</td></tr>' for d in found["kept"][:_SHOWN])
    by_stream = ", ".join(f"{html.escape(stream)} {count:,}" for stream, count in found["by_stream"].items())
    shown = min(len(found["kept"]), _SHOWN)
    left_out = f" The first {shown:,} that were found are listed." if shown < found["count"] else ""
    return (f'<p><strong class="bad">{found["count"]:,}.</strong> By stream: {by_stream}.{left_out}</p>'
            f"{_first(saved, found['first'], page)}"
            '<div class="scroll"><table><thead><tr><th>stage</th><th class="wide">kind</th><th class="n">message</th>'
            '<th>field</th><th>expected</th><th>got</th><th class="n wide">cycle</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>")


def _first(saved: SavedRun, first: dict, page: Path) -> str:
    where = _NONE if first["frame"] is None else (
        f"frame {first['frame']:,}, octet {first['octet']:,}; offset {first['offset']:,} in the input")
    time = _NONE if first.get("time_ns") is None else clock(first["time_ns"])
    rows = [("stage", _said(first["stage"])), ("kind", _said(first["kind"])), ("message", _said(first["message"])),
            ("on the wire", where), ("time", time), ("field", f"{_said(first['stream'])}.{_said(first['field'])}"),
            ("expected", _said(first["expected"])), ("got", _said(first["got"])), ("cycle", _said(first["cycle"])),
            ("waveform", _waves(saved, page))]
    inside = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f'<div class="first"><h3 class="bad">The first, by message and stage</h3><dl>{inside}</dl></div>'


def _waves(saved: SavedRun, page: Path) -> str:
    """Links to the run's waveforms."""
    found = [path for path in saved.files if path.suffix in _WAVES]
    if not found:
        return "none was recorded (--waves)"
    cycles = saved.summary["wave_cycles"]
    window = f" cycles {cycles[0]:,} to {cycles[1]:,}" if cycles else ""
    return ", ".join(link(path, page) for path in found) + window


def link(target: Path, page: Path) -> str:
    """To a file, from a page in the directory ``page``."""
    where = quote(Path(os.path.relpath(target, page)).as_posix())
    return f'<a href="{html.escape(where)}">{html.escape(target.name)}</a>'
