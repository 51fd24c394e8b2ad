"""A run as one JSON object: what the other forms of it are made from."""

import json
import os
from pathlib import Path

from sim.differences import Difference
from sim.latency import Row
from sim.run import Order, Run
from spec.config import Design

from .console import side


def _difference(difference: Difference) -> dict:
    place = difference.place
    return {
        "kind": difference.kind, "stage": difference.stage, "stream": difference.stream, "field": difference.field,
        "message": difference.message, "cycle": difference.cycle,
        **{name: place and getattr(place, name) for name in ("frame", "octet", "offset", "time_ns")},
        **{name: value if isinstance(value := getattr(difference, name), int | str | None) else str(value)
           for name in ("expected", "got")},
    }


def _latency(row: Row) -> dict:
    return {
        "stage": row.name, "records": row.count, "min": row.minimum, "p50": row.median, "p90": row.p90, "p99": row.p99,
        "p99.9": row.p999, "max": row.maximum, "max_ns": round(row.ns(row.maximum), 3), "budget_ns": row.budget_ns,
        "exceeded": row.exceeded,
    }


def _design(design: Design) -> dict:
    """What a reader of the figures wants to know of it."""
    return {"symbols": len(design.symbols), "protocol": design.order.protocol, "strategy": design.strategy.name,
            "source": design.indicators.source, "sma": design.indicators.sma, "ema": design.indicators.ema,
            "ticks": {symbol.stock: symbol.tick for symbol in design.symbols}}


def write_json(run: Run, path: Path) -> Path:
    """The run as one JSON object. 64-bit integers are written exactly; ``paths`` are relative to the file."""
    def order(sent: Order) -> dict:
        return {"message": sent.message, "cycle": sent.cycle, "tick_to_trade_cycles": sent.tick_to_trade,
                "time_ns": sent.time_ns, "side": side(sent.decision),
                "symbol": run.symbols[sent.decision.symbol].stock,
                **{name: getattr(sent.decision, name) for name in ("quantity", "price", "user_ref_num")}}

    summary = {
        "passed": run.passed, "frames": run.frames, "cycles": run.cycles, "seconds": round(run.seconds, 3),
        "clock_mhz": run.design.core.clock_mhz, "design": _design(run.design),
        "messages": dict(run.messages), "compared": run.compared,
        "counters": run.counters, "expected_counters": run.expected_counters,
        "symbols": [{"stock": state.stock, "updates": state.updates,
                     **{name: row._asdict() for name in ("update", "indicator", "vwap")
                        if (row := getattr(state, name))}} for state in run.symbols],
        "orders": {"count": run.orders, "refused": run.refusals, "first": [order(o) for o in run.first_orders],
                   "last": [order(o) for o in run.last_orders]},
        "differences": {"count": run.differences, "by_stream": run.differences_by_stream,
                        "first": run.first_difference and _difference(run.first_difference),
                        "kept": [_difference(d) for d in run.kept_differences]},
        "latency": [_latency(row) for row in run.latency],
        "queue": {str(depth): count for depth, count in sorted(run.queue.items())}, "peaks": run.peaks,
        "tick_to_trade_cycles": run.tick_to_trade, "jitter": run.broken_latency, "split_frames": run.split_frames,
        "input_error": run.input_error or None,
        "paths": {name: os.path.relpath(where, path.parent) for name, where in run.paths.items()},
        "wave_cycles": run.wave_cycles,
    }
    path.write_text(json.dumps(summary, indent=1) + "\n")
    return path
