"""Locate filter, order table, price ladder, best bid and offer, trading state: ``Book`` joins them."""

from .book import Book

__all__ = ["Book"]
