"""The Alveo platforms that a project can be written for.

Names are those of AMD's shells; parts, regions and banks those of the cards' data sheets. ``wire_slr`` is where the
QSFP cages' transceivers are: a tick comes in and leaves there, so that the core belongs there too, and what crosses to
PCIe and to host memory are rings and registers, which can wait.
"""

from dataclasses import dataclass

from spec.config import ConfigError


@dataclass(frozen=True)
class Platform:
    name: str  #: short
    shell: str  #: as v++ --platform has it
    part: str
    slrs: int  #: super logic regions
    wire_slr: int  #: the one with the QSFP transceivers
    banks: tuple[str, ...]  #: as v++ --connectivity.sp has them
    strategy_region: str  #: clock regions for a strategy that is exchanged; to be moved where the floor plan wants it


PLATFORMS = (
    Platform("u280", "xilinx_u280_gen3x16_xdma_1_202211_1", "xcu280-fsvh2892-2L-e", 3, 2,
             ("HOST[0]", "HBM[0:31]", "DDR[0:1]", "PLRAM[0:5]"), "CLOCKREGION_X1Y9:CLOCKREGION_X2Y9"),
    Platform("u50", "xilinx_u50_gen3x16_xdma_5_202210_1", "xcu50-fsvh2104-2-e", 2, 1,
             ("HOST[0]", "HBM[0:31]", "PLRAM[0:3]"), "CLOCKREGION_X1Y5:CLOCKREGION_X2Y5"),
    Platform("u55c", "xilinx_u55c_gen3x16_xdma_3_202210_1", "xcu55c-fsvh2892-2L-e", 3, 1,
             ("HOST[0]", "HBM[0:31]", "PLRAM[0:5]"), "CLOCKREGION_X1Y5:CLOCKREGION_X2Y5"),
    Platform("u250", "xilinx_u250_gen3x16_xdma_4_1_202210_1", "xcu250-figd2104-2L-e", 4, 2,
             ("HOST[0]", "DDR[0:3]", "PLRAM[0:3]"), "CLOCKREGION_X1Y9:CLOCKREGION_X2Y9"),
)


def find(name: str) -> Platform:
    """The platform of that short name or shell. Raises ``ConfigError`` naming those there are."""
    for platform in PLATFORMS:
        if name in (platform.name, platform.shell):
            return platform
    known = ", ".join(f"{p.name} ({p.shell})" for p in PLATFORMS)
    raise ConfigError(f"platform = {name!r}: one of {known}")
