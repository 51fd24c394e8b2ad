"""The contract that gateware and golden model both read.

Protocol tables (``ethernet``, ``moldudp64``, ``itch``, ``soupbintcp``, ``ouch``), the records that one stage hands
to the next (``records``), counters (``counters``), fixed-point rules (``fixed_point``), the order table's placement
rule (``order_table``) and the design configuration (``config``). No Amaranth and no model code in here.
"""
