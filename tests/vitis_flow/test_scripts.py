"""Every Tcl and XDC file of a project, run with stand-ins for Vivado's commands; and that these can fail."""

from pathlib import Path

import pytest

from spec.records import RECORDS
from tests.vitis_flow.projects import CLOCKS, PREFIX, edited

EVERY = [record.stream for record in RECORDS]


@pytest.mark.parametrize("dfx", (False, True))
@pytest.mark.parametrize("clocks", CLOCKS)
def test_packaging(write_project, tmp_path, clocks, dfx):
    project = write_project(clocks, dfx=dfx, ila=["orders"])
    run = project.vivado("package_kernel.tcl", str(tmp_path / "kernel.xo"), str(tmp_path))
    assert run.code == 0, run.error
    run.order("create_project", "add_files", "set_property top", "ipx::package_project",
              "ipx::associate_bus_interfaces", "ipx::add_register", "set_property sdx_kernel ", "ipx::check_integrity",
              "ipx::save_core", "package_xo")
    assert (tmp_path / "kernel.xo").exists()


@pytest.mark.parametrize("clocks", CLOCKS)
def test_constraints_find_what_they_name(write_project, clocks):
    project = write_project(clocks, dfx=True, ila=EVERY)
    files = sorted((project.path / "constraints").glob("*.xdc"))
    assert [file.stem for file in files] == ["clocks", "debug", "memory", "partition", "placement", "synchronisers"]
    for file in files:
        run = project.vivado(file)
        assert run.code == 0, run.error
        assert run.calls, f"{file.name} does nothing"
    asynchronous = "set_bus_skew" in (project.path / "constraints" / "clocks.xdc").read_text()
    assert asynchronous == (clocks != "one")


@pytest.mark.parametrize("clocks", CLOCKS)
def test_every_crossing_has_a_constraint(write_project, clocks):
    """Each FIFO and each synchroniser between two clocks in the Verilog is one that clocks.xdc names."""
    project = write_project(clocks)
    named = (project.path / "constraints" / "clocks.xdc").read_text()
    cells = list(project.hierarchy().cells())
    owners = {cell.rsplit("/", 2)[0] for cell in cells if cell.endswith(("produce_cdc/stage0_reg", "stage0_reg[0]"))
              and "_cdc/" in cell}
    owners |= {cell.rsplit("/", 1)[0] for cell in cells if "/sync_" in cell and "/stage0_reg" in cell}
    assert len(owners) > 20
    missing = [owner for owner in owners if owner not in named and _plain(owner) not in named]
    assert clocks == "one" or missing == []


def _plain(path: str) -> str:
    """A path whose names carry no number of a name clash."""
    return "/".join(f"{name.split('$')[0]}*" if "$" in name or name == "pulse" else name for name in path.split("/"))


@pytest.mark.parametrize("clocks", CLOCKS)
def test_clocks_come_from_the_ethernet(write_project, clocks):
    project = write_project(clocks)
    run = project.vivado("post_link.tcl")
    assert run.code == 0, run.error
    wired = [call for call in run.calls if call.startswith("connect_bd_net")]
    assert len(wired) == (0 if clocks == "one" else 3)


@pytest.mark.parametrize("whole", (False, True))
@pytest.mark.parametrize("area", ("", "set pblocks {pblock_dynamic_SLR2}\n"))
def test_hooks(write_project, whole, area):
    project = write_project(ila=EVERY, dfx=True)
    extra = area + "set state(design) 1\n"
    for script in ("debug.tcl", "place.tcl", "report.tcl"):
        run = project.vivado(script, whole=whole, extra=extra)
        assert run.code == 0, run.error
    run = project.vivado("debug.tcl", whole=whole, extra=extra)
    assert len([call for call in run.calls if call.startswith("create_debug_core")]) == len(EVERY)
    run.order("create_debug_core", "connect_debug_port", "implement_debug_core")
    placed = project.vivado("place.tcl", whole=whole, extra=extra)
    assert any("pblock_dynamic_SLR2" in call for call in placed.calls if "add_cells" in call) == bool(area)


# Each of these must be seen.

BROKEN = [
    ("package_kernel.tcl", "-busif m_axi_records -clock ap_clk", "-busif m_axi_record -clock ap_clk", "no interface"),
    ("package_kernel.tcl", "-busif tx -clock tx_clk", "-busif tx -clock tx_clok", "no clock interface tx_clok"),
    ("package_kernel.tcl", "ipx::associate_bus_interfaces -busif rx -clock rx_clk $core\n", "", "rx has no clock"),
    ("package_kernel.tcl", "-taxonomy", "-taxonomie", "unknown option -taxonomie"),
    ("package_kernel.tcl", "ipx::save_core $core", "", "the core is not saved"),
    ("package_kernel.tcl", "ipx::check_integrity", "ipx::check_everything", "unknown command"),
    ("package_kernel.tcl", "rtl/tickwire_kernel.v", "rtl/kernel.v", "no such file"),
    ("package_kernel.tcl", "ipx::infer_bus_interface tx_clk", "ipx::infer_bus_interface txclk", "no port txclk"),
    ("package_kernel.tcl", "sdx_kernel_type rtl", "sdx_kernel_kind rtl", "has no property sdx_kernel_kind"),
    ("constraints/clocks.xdc", "rx_crossing/crossing/fifo/produce_w_gry_reg", "rx_crossing/fifo/produce_w_gry_reg",
     "nothing matches"),
    ("constraints/clocks.xdc", "[get_ports rx_clk]", "[get_ports rx_clock]", "no port rx_clock"),
    ("constraints/clocks.xdc", "set_max_delay -datapath_only", "set_max_delay -datapath", "unknown option"),
    ("constraints/clocks.xdc", "set_bus_skew", "if {1} {}\nset_bus_skew", "invalid command name \"if\""),
    ("constraints/synchronisers.xdc", "_cdc/stage?", "_cdc/stage_", "nothing matches"),
    ("constraints/synchronisers.xdc", "ASYNC_REG", "ASYNC_REGS", "no property ASYNC_REGS"),
    ("constraints/placement.xdc", "inner/core/book", "inner/core/books", "nothing matches inner/core/books"),
    ("constraints/placement.xdc", "{SLR2}", "{SLRX}", "not a range"),
    ("debug.tcl", "input__payload", "input_payload", "nothing matches"),
    ("debug.tcl", "port_width 1 [get_debug_ports ila_$stream/probe0]",
     "port_width 2 [get_debug_ports ila_$stream/probe0]", "port_width is not 1"),
    ("post_link.tcl", "tx_clk tx_clk1", "tx_clk tx_clk9", "no clock tx_clk9"),
    ("post_link.tcl", "/ethernet_1/m_axis_rx0", "/ethernet_1/m_axis_rx", "no stream"),
    ("kernel.tcl", "inner/core/feed", "inner/core/food", "nothing matches"),
]


@pytest.mark.parametrize(("file", "old", "new", "said"), BROKEN, ids=[f"{b[0]}-{b[3]}" for b in BROKEN])
def test_what_is_broken_is_seen(write_project, tmp_path, file, old, new, said):
    project = write_project(ila=["orders"])
    edited(project.path / file, old, new)
    script = "debug.tcl" if file == "kernel.tcl" else file
    whole = script == "debug.tcl"
    arguments = [str(tmp_path / "kernel.xo"), str(tmp_path)] if script == "package_kernel.tcl" else []
    run = project.vivado(script, *arguments, whole=whole)
    assert run.code == 1
    assert said in run.error


def test_two_kernels_are_not_mistaken_for_one(write_project):
    project = write_project(ila=["orders"])
    run = project.vivado("debug.tcl", whole=True, extra="lappend netlist(cells) other/inner/core/feed\n")
    assert run.code == 1
    assert "expected one kernel in the design, found 2" in run.error


def test_the_prefix_is_that_of_the_card(write_project):
    project = write_project()
    run = project.vivado("place.tcl", whole=True)
    assert run.code == 0, run.error
    assert f"read_xdc -cells {PREFIX[:-1]} {Path(project.path, 'constraints', 'placement.xdc')}" in run.calls
