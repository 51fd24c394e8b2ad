"""A run as one HTML page that needs nothing else: text and tables are written here, charts are drawn by its script.

Charts are SVG, and canvas for the book, from a few hundred lines of script of our own: the common libraries are one to
five megabytes in every page, and none draws an order book with irregular levels.
"""

import base64
import html
import json
import zlib
from pathlib import Path
from string import Template

from spec import itch
from spec.counters import COUNTERS
from spec.fixed_point import FRACTION_BITS

from . import content, differences
from .console import NORMAL, dollars
from .saved import SavedRun

_WEB = Path(__file__).parent / "web"
_SCRIPTS = ("draw.js", "stages.js", "rates.js", "book.js", "main.js")
_SECTIONS = {"summary": "Summary", "latency": "Latency", "book": "Order book", "throughput": "Throughput",
             "distributions": "Distributions", "refusals": "Refusals", "counters": "Counters",
             "differences": "Differences", "files": "Files"}
_NONE = "–"
#: What a run's files are, where the name does not say it.
_FILES = {
    "run.json": "summary, counters, differences", "orders.pcap": "order frames as they left",
    "orders.parquet": "orders with the cycle of each stage", "latency.parquet": "distribution of each stage's latency",
    "throughput.parquet": "messages and bursts over the session", "books.parquet": "books over the session",
    "messages.parquet": "latency of every message",
}


def write(saved: SavedRun, path: Path) -> None:
    """Write the page of a run to ``path``. Links are relative to it."""
    summary = saved.summary
    charts = content.charts(saved)
    packed = zlib.compress(json.dumps(charts, separators=(",", ":")).encode(), 9)
    shown = differences.section(saved, path.parent)
    fields = {
        "title": f"{_name(saved)} · tickwire", "name": _name(saved),
        "outcome": "passed" if summary["passed"] else "failed",
        "verdict": "Passed." if summary["passed"] else "Failed.", "why": _why(summary),
    }
    # What differs is what the reader came for.
    first, last = (shown, "") if summary["differences"]["count"] else ("", shown)
    body = {
        "nav": _nav(summary), "figures": _figures(saved), "messages": _messages(summary), "law": _law(summary),
        "latency": _latency(summary), "clock": f"{summary['clock_mhz']:g}",
        "column": f"{charts['throughput']['width']:,}", "bursts": _bursts(summary), "symbols": _symbols(summary),
        "refused": _refused(summary), "counted": _counted(summary), "counters": _counters(summary),
        "zeros": _zeros(summary),
        "differences_first": first, "differences_last": last, "files": _files(saved, path.parent),
        "style": (_WEB / "page.css").read_text(), "script": "\n".join((_WEB / name).read_text() for name in _SCRIPTS),
        "data": base64.b64encode(packed).decode(),
    }
    text = {name: html.escape(value) for name, value in fields.items()}
    path.write_text(Template((_WEB / "page.html").read_text()).substitute(text | body))


def _name(saved: SavedRun) -> str:
    return saved.directory.resolve().name


def _why(summary: dict) -> str:
    """The verdict in words."""
    if summary["passed"]:
        return "Hardware and golden model agree in every record, and every budget holds."
    count, why = summary["differences"]["count"], []
    if count:
        first = summary["differences"]["first"]
        why.append(f"{count:,} difference{'s' * (count > 1)} between hardware and golden model, the first in "
                   f"{first['stage']}")
    if over := [row["stage"] for row in summary["latency"] if row["exceeded"]]:
        why.append("over budget: " + ", ".join(over))
    if summary["jitter"]:
        why.append(f"{summary['jitter']:,} orders did not leave when they must")
    if summary["split_frames"]:
        why.append(f"{summary['split_frames']:,} order frames interrupted on the wire")
    if summary["input_error"]:
        why.append(summary["input_error"])
    return "; ".join(why).capitalize() + "." if why else ""


def _nav(summary: dict) -> str:
    sections = list(_SECTIONS)
    if summary["differences"]["count"]:
        sections.remove("differences")
        sections.insert(1, "differences")
    return "".join(f'<a href="#{section}"{_bad(section == "differences" and summary["differences"]["count"])}>'
                   f"{_SECTIONS[section]}</a>" for section in sections)


def _bad(condition) -> str:
    return ' class="bad"' if condition else ""


def _figures(saved: SavedRun) -> str:
    summary = saved.summary
    messages = sum(summary["messages"].values())
    updates = sum(symbol["updates"] for symbol in summary["symbols"])
    records = sum(count for stream, count in summary["compared"].items() if stream != "tx")
    cycles = summary["tick_to_trade_cycles"]
    drops = sum(summary["counters"]["feed"][name] for name in COUNTERS["feed"]
                if name not in NORMAL["feed"] and name not in ("message_duplicate", "gaps"))
    rows = [
        ("differences", f"{summary['differences']['count']:,}", ""), ("records compared", f"{records:,}", ""),
        ("messages", f"{messages:,}", ""), ("frames", f"{summary['frames']:,}", ""),
        (f"updates of {len(summary['symbols'])} symbols", f"{updates:,}", ""),
        ("dropped or lost by the feed", f"{drops:,}", ""),
        ("orders sent", f"{summary['orders']['count']:,}", ""),
        ("refused by risk", f"{summary['orders']['refused']:,}", ""),
        ("tick to trade (EOT to SOF)", _NONE, "") if cycles is None else
        (f"tick to trade, {cycles} cycles", f"{cycles * saved.period_ns:.1f}", " ns"),
        (f"simulated, {summary['cycles']:,} cycles", f"{summary['cycles'] * saved.period_ns / 1e6:.3f}", " ms"),
        (f"of run, {messages / max(summary['seconds'], 1e-9):,.0f} messages/s", f"{summary['seconds']:.1f}", " s"),
    ]
    return "".join(f"<div><dt>{what}</dt><dd{_bad(what == 'differences' and figure != '0')}>{figure}"
                   f"<small>{unit}</small></dd></div>" for what, figure, unit in rows)


def table(heads: list[tuple[str, str]], rows: list[tuple[str, list[str]]]) -> str:
    """``heads`` are (class, text) of columns, ``rows`` (class, cells); cells are HTML."""
    def cell(tag: str, kind: str, text: str) -> str:
        return f'<{tag} class="{kind}">{text}</{tag}>' if kind else f"<{tag}>{text}</{tag}>"

    kinds = [kind for kind, _ in heads]
    head = "".join(cell("th", kind, text) for kind, text in heads)
    body = ""
    for row, cells in rows:
        inside = "".join(cell("td", kind, text) for kind, text in zip(kinds, cells, strict=True))
        body += f'<tr class="{row}">{inside}</tr>' if row else f"<tr>{inside}</tr>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _messages(summary: dict) -> str:
    total = max(1, sum(summary["messages"].values()))
    rows = [("", [f"<code>{html.escape(code)}</code>",
                  itch.MESSAGES[code].name if code in itch.MESSAGES else "not of ITCH 5.0", f"{count:,}",
                  f"{count / total:.2%}"])
            for code, count in sorted(summary["messages"].items(), key=lambda item: -item[1])]
    return table([("", "type"), ("", "message"), ("n", "count"), ("n", "share")], rows)


def _law(summary: dict) -> str:
    if summary["tick_to_trade_cycles"] is None:
        return "No order was sent, so there is no tick to trade."
    if summary["jitter"]:
        return f'<span class="bad">{summary["jitter"]:,} orders did not leave when they must.</span>'
    return (f"Every order left {summary['tick_to_trade_cycles']} cycles after its message, or at the next cycle of a "
            "busy wire.")


def _latency(summary: dict) -> str:
    heads = [("", "stage"), ("n wide", "records"), ("n wide", "min"), ("n", "p50"), ("n wide", "p90"), ("n", "p99"),
             ("n wide", "p99.9"), ("n", "max"), ("n", "max ns"), ("n", "budget ns"), ("wide", "")]
    rows = []
    for row in summary["latency"]:
        budget = "" if row["budget_ns"] is None else f"{row['budget_ns']:g}"
        verdict = "" if not budget else "exceeded" if row["exceeded"] else '<span class="good">holds</span>'
        rows.append(("differs" if row["exceeded"] else "", [
            row["stage"], f"{row['records']:,}", *(f"{row[p]:,}" for p in ("min", "p50", "p90", "p99", "p99.9", "max")),
            f"{row['max_ns']:,.1f}", budget, verdict]))
    return table(heads, rows)


def _bursts(summary: dict) -> str:
    us, ms = (summary["peaks"].get(name, 0) for name in ("peak_us", "peak_ms"))
    return (f"At most {us:,} messages in one microsecond and {ms:,} in one millisecond, by the exchange’s stamps; "
            "those may be denser than a wire carries. Where a column is shorter than a window, its average may be "
            "above the window’s. The dashed line is what the wire carried in this run, frame after frame.")


def _symbols(summary: dict) -> str:
    def price(update: dict, side: str) -> str:
        if not update.get(f"{side}_known"):
            return "unknown"
        return dollars(update[f"{side}_price"]) if update[f"{side}_orders"] else "none"

    def average(record: dict, flag: str, name: str) -> str:
        return f"{record[name] / (10_000 << FRACTION_BITS):,.4f}" if record.get(flag) else _NONE

    rows = []
    for symbol in sorted(summary["symbols"], key=lambda s: -s["updates"]):
        update, indicator, vwap = (symbol.get(name, {}) for name in ("update", "indicator", "vwap"))
        rows.append(("", [html.escape(symbol["stock"]), f"{symbol['updates']:,}", price(update, "bid"),
                          price(update, "ask"), dollars(update["last_trade"]) if update.get("last_trade") else _NONE,
                          average(vwap, "known", "vwap"),
                          average(indicator, "sma_known", "sma"),
                          average(indicator, "ema_known", "ema")]))
    design = summary["design"]
    return table([("", "symbol"), ("n", "updates"), ("n wide", "bid"), ("n wide", "ask"), ("n", "last trade"),
                  ("n", "VWAP"), ("n wide", f"SMA({design['sma']})"), ("n wide", f"EMA({design['ema']})")], rows)


def _refused(summary: dict) -> str:
    sent, refused = summary["orders"]["count"], summary["orders"]["refused"]
    if not refused:
        return f"None: {sent:,} intents were approved."
    return (f"{refused:,} of {refused + summary['counters']['risk']['approved']:,} intents were refused. One may be "
            "refused for several reasons.")


def _counted(summary: dict) -> str:
    total = sum(map(len, summary["counters"].values()))
    wrong = sum(summary["expected_counters"][stage][name] != value
                for stage, names in summary["counters"].items() for name, value in names.items())
    said = f'<span class="bad">{wrong} differ from the model’s.</span>' if wrong else "All are equal to the model’s."
    return f"{total} counters of the hardware. {said} What was dropped, refused or flagged is in colour."


def _counters(summary: dict) -> str:
    rows = []
    for stage, names in COUNTERS.items():
        shown = stage
        for name, what in names.items():
            value, expected = summary["counters"][stage][name], summary["expected_counters"][stage][name]
            if not value and not expected:
                continue
            kind = "differs" if value != expected else "" if name in NORMAL[stage] else "flag"
            said = f"{value:,}" if value == expected else f"{value:,} (model: {expected:,})"
            rows.append((f"{kind} {'stage' if shown else ''}".strip(), [shown, f"<code>{name}</code>", said,
                                                                        html.escape(what)]))
            shown = ""
    return table([("", "stage"), ("", "counter"), ("n", "count"), ("what wide", "of")], rows)


def _zeros(summary: dict) -> str:
    return " · ".join(f"{stage}.{name}" for stage, names in COUNTERS.items() for name in names
                      if not summary["counters"][stage][name] and not summary["expected_counters"][stage][name])


def _files(saved: SavedRun, page: Path) -> str:
    return "".join(f"<li>{differences.link(path, page)} "
                   f"<span>{_size(path)}{', ' + _FILES[path.name] if path.name in _FILES else ''}</span></li>"
                   for path in saved.files)


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
