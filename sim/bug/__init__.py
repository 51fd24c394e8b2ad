"""From a difference between hardware and model to its cause."""

from .investigate import Found, investigate
from .print import print_found

__all__ = ["Found", "investigate", "print_found"]
