"""Feed: Ethernet frames in, ITCH messages out."""

from .feed import Feed

__all__ = ["Feed"]
