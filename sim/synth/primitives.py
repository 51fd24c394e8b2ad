"""UltraScale+ primitives: which of their pins are wires, which are clocked.

References: UG974 (libraries guide), UG574 (configurable logic block).
"""

import re

LUTS = frozenset({"LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV"})  #: an inverter left over is a LUT1
MUXES = frozenset({"MUXF7", "MUXF8", "MUXF9"})
CARRIES = {"CARRY4": 4, "CARRY8": 8}  #: and their bits
FLIP_FLOPS = frozenset({"FDRE", "FDSE", "FDCE", "FDPE"})
BLOCKS = frozenset({"RAMB18E2", "RAMB36E2", "URAM288"})
DSP = "DSP48E2"
#: LUTs that a distributed memory takes.
DISTRIBUTED = {
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8, "RAM32X1D": 2, "RAM64X1D": 2,
    "RAM128X1D": 4, "RAM256X1D": 8, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8,
}
SHIFTS = frozenset({"SRL16E", "SRLC16E", "SRLC32E"})
RAMS = BLOCKS | DISTRIBUTED.keys()

_CLOCKS = re.compile(r"C|CLK|WCLK|CLKARDCLK|CLKBWRCLK")
_ADDRESS = re.compile(r"A\d*|ADDR[A-H]|DPRA\d*")


def is_clock(pin: str) -> bool:
    """A pin at which no path ends."""
    return _CLOCKS.fullmatch(pin) is not None


def is_register(cell: dict) -> bool:
    """Outputs come from a clock edge, inputs are taken at one."""
    kind = cell["type"]
    return kind in FLIP_FLOPS or kind in BLOCKS or (kind == DSP and not is_wire(cell))


def is_wire(cell: dict) -> bool:
    """A DSP without a single register in use."""
    return not any(int(cell["parameters"].get(name, "0"), 2) for name in ("AREG", "BREG", "MREG", "PREG"))


def asynchronous(cell: dict, output: str) -> list[str]:
    """Pins of a distributed memory or shift register that reach ``output`` without a clock."""
    pins = [pin for pin, way in cell["directions"].items() if way == "input" and _ADDRESS.fullmatch(pin)]
    if output in ("Q31", "Q15"):  # to the next shift register
        return []
    if output == "DPO":
        return [pin for pin in pins if pin.startswith("DPRA")]
    if output == "SPO":
        return [pin for pin in pins if not pin.startswith("DPRA")]
    if output.startswith("DO"):  # DOA of ADDRA, and so on
        return [f"ADDR{output[2]}"]
    return pins
