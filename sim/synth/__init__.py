"""What the gateware costs on the card, and how deep its logic is: the netlist that Yosys maps to UltraScale+.

Estimates, not timing: nothing is placed or routed, and Vivado maps in its own way. See :mod:`.depth` for what counts as
a level of logic, and :mod:`.resources` for what counts as a LUT.
"""

from .flow import HOT_PATH, LEVELS, Synthesis, Unit, synthesise

__all__ = ["HOT_PATH", "LEVELS", "Synthesis", "Unit", "synthesise"]
