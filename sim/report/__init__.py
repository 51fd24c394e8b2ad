"""A run for people: on the console, as run.json, and as a page."""

from .console import dollars, print_run
from .summary import write_json

__all__ = ["dollars", "print_run", "write_json"]
