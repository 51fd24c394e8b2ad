"""Names for signals that are made several at a time.

Amaranth names a signal for the variable that it is assigned to, but of ``a, b = Signal(), Signal()`` it names only the
last. A checker that reads signals by name needs them all.
"""

import ast
import linecache
import sys
from contextlib import contextmanager
from functools import cache

from amaranth import tracer

_usual = tracer.get_var_name


@contextmanager
def all_named():
    """Signals made in here have the names of their variables."""
    tracer.get_var_name = _named
    try:
        yield
    finally:
        tracer.get_var_name = _usual


def _named(depth=2, default=tracer._raise_exception) -> str:
    frame = sys._getframe(depth)
    place = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if (name := _targets(frame.f_code.co_filename).get(place)) is not None:
        return name
    return _usual(depth + 1, default)


@cache
def _targets(file: str) -> dict[tuple, str]:
    """Where a file calls something for a variable among several -> the variable."""
    found = {}
    for node in ast.walk(ast.parse("".join(linecache.getlines(file)))):
        if isinstance(node, ast.Assign) and all(isinstance(part, ast.Tuple) for part in (node.value, node.targets[0])):
            for target, value in zip(node.targets[0].elts, node.value.elts, strict=False):
                if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                    found[value.lineno, value.end_lineno, value.col_offset, value.end_col_offset] = target.id
    return found
