"""The limits and parameters with which a core starts, as the records that change them later."""

from .config import Design
from .records import PARAMETERS, SESSION_LIMIT, SYMBOL_LIMIT


def symbol_limit(design: Design, symbol: int):
    """The ``SymbolLimit`` that a configured symbol starts with."""
    limits = design.risk.symbol
    return SYMBOL_LIMIT.tuple(
        symbol=symbol, rate_burst_ns=limits.rate_ns * (limits.rate_burst - 1),
        restricted=int(design.symbols[symbol].stock in design.risk.restricted),
        **{name: getattr(limits, name) for name in (
            "min_quantity", "max_quantity", "lot", "max_notional", "max_long", "max_short", "max_gross", "max_net",
            "collar_bps", "collar_absolute", "max_open_orders", "rate_ns", "duplicate_ns")})


def session_limit(design: Design):
    """The ``SessionLimit`` that a core starts with."""
    risk = design.risk
    return SESSION_LIMIT.tuple(
        rate_burst_ns=risk.rate_ns * (risk.rate_burst - 1), cancel_after_kill=int(risk.cancel_after_kill),
        **{name: getattr(risk, name) for name in (
            "max_gross", "max_net", "max_open_orders", "rate_ns", "max_loss", "max_rejects", "stale_ns")})


def parameters(design: Design):
    """The ``Parameters`` of the strategy that a core starts with."""
    return PARAMETERS.tuple(*(getattr(design.strategy, name) for name in PARAMETERS.tuple._fields))
