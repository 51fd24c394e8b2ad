"""Gateware: one folder per stage, in the order that data flows; ``top`` joins them."""
