"""What the page's charts are drawn from: numbers out of a run's tables, as plain JSON values."""

from collections import Counter, defaultdict

import numpy as np

from sim.latency import DEPTH, TICK_TO_TRADE, TRANSMIT
from spec.counters import COUNTERS
from spec.fixed_point import FRACTION_BITS
from spec.records import DEPTH_LEVELS, Refusal

from .saved import SavedRun

SYMBOLS = 16  #: the busiest, in the page
ORDERS = 1500  #: drawn per symbol; more are thinned evenly
_LEAST = 16  #: messages to a column of which an average is shown
_BARS = 64  #: of a distribution
#: The path of one tick: each begins where the one before ends.
PATH = ("feed", "book", "strategy", "risk", "encode", TRANSMIT)


def path(saved: SavedRun) -> dict:
    """The stages one after the other, in ns, against their budgets; and those beside the path."""
    rows, period = {row["stage"]: row for row in saved.summary["latency"]}, saved.period_ns
    start, bars = 0, []
    for stage in PATH:
        if row := rows.get(stage):
            bars.append(_bar(row, start, period))
            start += row["max"]
    book_end = sum(rows[stage]["max"] for stage in ("feed", "book") if stage in rows)
    beside = [_bar(rows["indicators"], book_end, period)] if "indicators" in rows else []
    total = [_bar(rows[TICK_TO_TRADE], 0, period)] if TICK_TO_TRADE in rows else []
    return {"bars": bars, "beside": beside, "total": total, "period": period}


def _bar(row: dict, start: int, period: float) -> dict:
    return {"stage": row["stage"], "start": start * period, "p50": row["p50"] * period, "max": row["max"] * period,
            "cycles": row["max"], "budget": row["budget_ns"], "exceeded": row["exceeded"]}


def distributions(saved: SavedRun) -> list[dict]:
    """Records by latency, per row of the latency table; at most ``_BARS`` bars, each of equally many cycles."""
    found = defaultdict(list)
    table = saved.table("latency").to_pydict()
    for stage, cycles, records in zip(*table.values(), strict=True):
        found[stage].append((cycles, records))
    rows = {row["stage"]: row for row in saved.summary["latency"]}
    result = [{"name": name, "unit": "cycles", "records": rows[name]["records"],
               "budget": rows[name]["budget_ns"] and rows[name]["budget_ns"] / saved.period_ns,
               "exceeded": rows[name]["exceeded"], **_binned(found[name])} for name in rows]
    result.sort(key=lambda each: each["name"] == DEPTH)  # beside the hot path, so last
    if queue := [(int(depth), count) for depth, count in saved.summary["queue"].items()]:
        result.append({"name": "orders still before the wire when another is approved", "unit": "orders",
                       "records": sum(count for _, count in queue), "budget": None, "exceeded": False,
                       **_binned(queue)})
    return result


def _binned(values: list[tuple[int, int]]) -> dict:
    low, high = values[0][0], values[-1][0]
    width = -(-(high - low + 1) // _BARS)
    bars = Counter()
    for value, count in values:
        bars[low + (value - low) // width * width] += count
    return {"low": low, "high": high, "width": width, "bars": sorted(bars.items())}


def session(saved: SavedRun) -> dict:
    """The time at which each column begins, and its messages."""
    return {"width": _width(saved), "times": saved.table("throughput")["time_ns"].to_pylist()}


def throughput(saved: SavedRun) -> dict:
    """Columns with messages per second, on average and at their densest, and orders.

    Of a short session several of its columns are one here: an average of one message says nothing.
    """
    table, summary = saved.table("throughput").to_pydict(), saved.summary
    width = _width(saved)
    several = max(1, -(-_LEAST // width))
    count = len(table["messages"])
    groups = range(0, count, several)

    def of(name, combine):
        return [combine(table[name][i : i + several]) for i in groups]

    seconds = [(table["end_ns"][min(i + several, count) - 1] - table["time_ns"][i]) / 1e9 for i in groups]
    return {
        "width": width * several, "times": table["time_ns"][::several],
        "orders": of("orders", sum), "refusals": of("refusals", sum),
        "mean": [round(count / s, 1) if s > 0 else None for count, s in zip(of("messages", sum), seconds, strict=True)],
        "ms": [peak * 1_000 for peak in of("peak_ms", max)], "us": [peak * 1_000_000 for peak in of("peak_us", max)],
        "wire": sum(table["messages"]) / (summary["cycles"] * saved.period_ns / 1e9) if summary["cycles"] else None,
    }


def refusals(saved: SavedRun) -> list[dict]:
    """Reasons, the most frequent first."""
    names = {refusal.name.lower() for refusal in Refusal if refusal}
    return sorted(({"name": name, "count": count, "what": COUNTERS["risk"][name].removeprefix("refused: ")}
                   for name, count in saved.summary["counters"]["risk"].items() if name in names and count),
                  key=lambda each: -each["count"])


def books(saved: SavedRun) -> list[dict]:
    """Each of the busiest symbols over the session: best prices, levels, trades, averages and our orders."""
    table = saved.table("books")
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names if name != "symbol"}
    stocks = np.array(table["symbol"].to_pylist(), object)
    width = _width(saved)
    kept = set(stocks.tolist())
    busiest = sorted((s for s in saved.summary["symbols"] if s["stock"] in kept), key=lambda s: -s["updates"])[:SYMBOLS]
    orders = _orders(saved, width, {symbol["stock"] for symbol in busiest})
    ticks = saved.summary["design"]["ticks"]
    return [_book({name: values[stocks == symbol["stock"]] for name, values in columns.items()}, width)
            | {"stock": symbol["stock"], "updates": symbol["updates"], "tick": ticks[symbol["stock"]]}
            | orders[symbol["stock"]] for symbol in busiest]


def _width(saved: SavedRun) -> int:
    """Messages per column."""
    first = saved.table("throughput")["first_message"].to_pylist()
    return first[1] if len(first) > 1 else max(1, sum(saved.summary["messages"].values()))


def _book(rows: dict[str, np.ndarray], width: int) -> dict:
    def average(name):
        return [None if value < 0 else round(value / (1 << FRACTION_BITS), 1) for value in rows[name].tolist()]

    def levels(side, what):
        return np.stack([rows[f"{side}_{what}_{level}"] for level in range(DEPTH_LEVELS)], axis=1)

    result = {"columns": (rows["first_message"] // width).tolist(), "times": rows["time_ns"].tolist()}
    for name in ("bid", "ask", "low", "high"):
        result[name] = [value if value > 0 else None for value in rows[name].tolist()]
    result |= {name: rows[name].tolist() for name in ("trades", "volume")}
    result |= {name: average(name) for name in ("vwap", "sma", "ema")}
    for side in ("bid", "ask"):
        said = rows[f"{side}_levels"].tolist()
        prices, quantities = levels(side, "price").tolist(), levels(side, "quantity").tolist()
        result[f"{side}Levels"] = [_pairs(*level) for level in zip(said, prices, quantities, strict=True)]
    return result


def _pairs(count: int, prices: list[int], quantities: list[int]) -> list[int] | None:
    """Price, quantity, price, ... of ``count`` levels; none where none is known, ``None`` where they are as before."""
    if count == -2:
        return None
    return [each for level in range(max(0, count)) for each in (prices[level], quantities[level])]


def _orders(saved: SavedRun, width: int, stocks: set[str]) -> dict[str, dict]:
    """Symbol -> its orders, thinned evenly where there are too many to draw, and how many there were."""
    counts = Counter()
    with saved.opened("orders") as file:
        for batch in file.iter_batches(columns=["symbol"]):
            counts.update(batch["symbol"].to_pylist())
        steps = {stock: max(1.0, counts[stock] / ORDERS) for stock in stocks}
        seen, drawn = Counter(), defaultdict(list)
        fields = ["symbol", "message", "time_ns", "side", "price", "quantity", "tick_to_trade"]
        for batch in file.iter_batches(columns=fields):
            for row in batch.to_pylist():
                stock = row.pop("symbol")
                if stock in stocks and seen[stock] >= len(drawn[stock]) * steps[stock]:
                    drawn[stock].append([round(row["message"] / width, 3), row["time_ns"], row["side"], row["price"],
                                         row["quantity"], row["tick_to_trade"]])
                seen[stock] += 1
    return {stock: {"orders": drawn[stock], "ordersTotal": counts[stock]} for stock in stocks}


def charts(saved: SavedRun) -> dict:
    """All of it."""
    return {"path": path(saved), "distributions": distributions(saved), "session": session(saved),
            "throughput": throughput(saved),
            "refusals": refusals(saved), "books": books(saved),
            "averages": {name: saved.summary["design"][name] for name in ("sma", "ema", "source")}}
