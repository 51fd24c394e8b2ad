"""Alveo cards and their XDMA platforms, where names and counts differ."""

from dataclasses import dataclass

from spec.config import ConfigError


@dataclass(frozen=True)
class Platform:
    """One card.

    Parameters
    ----------
    name
        Of the platform, as ``platforminfo -l`` lists it.
    part
        Of the FPGA.
    slrs
        Super logic regions.
    wire_slr
        Where the kernel is put: that of the QSFP transceivers, since a crossing to it would be on a tick's path.
    clock_regions
        Of that region, lower left and upper right.
    host_memory
        Where host-only buffers are.
    """

    card: str
    name: str
    part: str
    slrs: int
    wire_slr: int
    clock_regions: tuple[str, str]
    host_memory: str = "HOST[0]"


PLATFORMS = {platform.card: platform for platform in (
    Platform("u280", "xilinx_u280_gen3x16_xdma_1_202211_1", "xcu280-fsvh2892-2L-e", 3, 2, ("X0Y8", "X7Y11")),
    Platform("u50", "xilinx_u50_gen3x16_xdma_5_202210_1", "xcu50-fsvh2104-2-e", 2, 1, ("X0Y4", "X7Y7")),
    Platform("u55c", "xilinx_u55c_gen3x16_xdma_3_202210_1", "xcu55c-fsvh2892-2L-e", 3, 2, ("X0Y8", "X7Y11")),
    Platform("u250", "xilinx_u250_gen3x16_xdma_4_1_202210_1", "xcu250-figd2104-2L-e", 4, 2, ("X0Y8", "X7Y11")),
)}


def platform(name: str) -> Platform:
    """By the card's name or the platform's. Raises ``ConfigError`` for another."""
    for each in PLATFORMS.values():
        if name in (each.card, each.name):
            return each
    known = ", ".join(f"{each.card} ({each.name})" for each in PLATFORMS.values())
    raise ConfigError(f"--platform: no platform {name!r}; there are {known}")
