"""Vitis projects around real kernels."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.vitis import kernel_xml, netlist, project
from tests.vitis_flow.projects import Project, design, verilog


@pytest.fixture(scope="session")
def kernel_verilog() -> Callable[..., Path]:
    """Verilog of a kernel in a mode of clocks; ``rows`` of a sub-table of the order table, enough for UltraRAM."""
    return verilog


@pytest.fixture
def write_project(tmp_path, kernel_verilog) -> Callable[..., Project]:
    """Writes a project of the small design."""

    def write(clocks: str = "all", *, rows: int | None = 8192, platform: str = "u280", **options) -> Project:
        sections = {"book": {"buckets": rows}} if rows else {}
        source = kernel_verilog(clocks, rows)
        out = tmp_path / "project"
        project.write(out, source, design(clocks, **sections), platform=platform, clocks=clocks, **options)
        return Project(out, clocks, netlist.read(source, kernel_xml.KERNEL).ports)

    return write


@pytest.fixture
def other_strategy(kernel_verilog) -> Path:
    """Verilog of a kernel that differs in its strategy alone."""
    return kernel_verilog("all", 8192, 7)
