"""What a netlist takes of the card.

LUTs are counted one by one: Vivado packs two small ones into one, so it reports fewer. A CARRY8 is two of the CARRY4
that Yosys writes, within a chain.
"""

from collections import Counter
from dataclasses import dataclass, fields

from . import primitives
from .netlist import Bit, Netlist


@dataclass(frozen=True)
class Resources:
    """Primitives. ``lut`` is all of them, those used as memory and as shift registers included."""

    lut: int = 0
    lut_memory: int = 0
    lut_shift: int = 0
    ff: int = 0
    carry8: int = 0
    muxf: int = 0
    bram36: float = 0
    uram: int = 0
    dsp: int = 0

    def share(self, of: "Resources") -> dict[str, float]:
        """Part of each resource that ``of`` has."""
        return {f.name: getattr(self, f.name) / getattr(of, f.name) for f in fields(self) if getattr(of, f.name)}


#: Alveo U280: XCU280, an XCVU37P (AMD DS963, and DS890, Virtex UltraScale+ HBM).
U280 = Resources(lut=1_303_680, lut_memory=600_960, ff=2_607_360, carry8=162_960, bram36=2_016, uram=960, dsp=9_024)
#: The smallest of its three super logic regions in each respect: the differences of XCVU33P, XCVU35P and XCVU37P.
SLR = Resources(lut=432_000, lut_memory=197_760, ff=864_000, carry8=54_000, bram36=672, uram=320, dsp=2_880)


def count(netlist: Netlist) -> Resources:
    """Of a mapped netlist."""
    kinds = Counter(cell["type"] for cell in netlist.cells.values())
    memory = sum(luts * kinds[kind] for kind, luts in primitives.DISTRIBUTED.items())
    shift = sum(kinds[kind] for kind in primitives.SHIFTS)
    return Resources(
        lut=sum(kinds[kind] for kind in primitives.LUTS) + memory + shift, lut_memory=memory, lut_shift=shift,
        ff=sum(kinds[kind] for kind in primitives.FLIP_FLOPS), carry8=_carry8(netlist),
        muxf=sum(kinds[kind] for kind in primitives.MUXES),
        bram36=kinds["RAMB36E2"] + kinds["RAMB18E2"] / 2, uram=kinds["URAM288"], dsp=kinds[primitives.DSP],
    )


def _carry8(netlist: Netlist) -> int:
    """Chains of CARRY4, two to a CARRY8."""
    carries = {name: cell for name, cell in netlist.cells.items() if cell["type"] in primitives.CARRIES}
    after = {}
    for name, cell in carries.items():
        bit = cell["connections"].get("CI", ["0"])[0]
        driver = netlist.drivers.get(bit, ("",))[0] if isinstance(bit, Bit) else ""
        if driver in carries:
            after[driver] = name
    total = 0
    for name in carries.keys() - after.values():
        bits = 0
        at: str | None = name
        while at:
            bits += primitives.CARRIES[carries[at]["type"]]
            at = after.get(at)
        total += -(-bits // 8)
    return total
