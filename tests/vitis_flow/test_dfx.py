"""The strategy as a partition: taken out and put back, other strategies in its place, and the scripts in order."""

import pytest

from sim.vitis import partition
from spec.config import ConfigError
from tests.vitis_flow.projects import PREFIX, edited, icarus

OUTER = "level0_i/ulp"  # what the shell loads
SYNTHESISED = "design 1 stage none boxes {} partitions {} locked 0 static 0 kind whole"
ROUTED = f"design 1 stage route boxes {{}} partitions {{{OUTER} pblock_ulp}} locked 0 static 5 kind whole"
CELL = f"{PREFIX}{partition.CELL}"


@pytest.fixture
def flow(write_project, other_strategy, tmp_path):
    """Runs the scripts of a project with two strategies, as its Makefile does."""
    project = write_project("all", dfx=True, strategies={"second": other_strategy})
    results, top = tmp_path / "results", tmp_path / "top.dcp"
    top.write_text(SYNTHESISED)
    environment = {"TICKWIRE_DFX": str(results), "TICKWIRE_TOP": str(top)}

    def run(script: str, *arguments: str, **more: str):
        return project.vivado(f"dfx/{script}.tcl", *arguments, whole=True, extra="set state(design) 0\n",
                              environment=environment | more)

    run.project, run.top, run.results = project, top, results
    return run


def _all_of(flow, **more):
    for arguments in (("synthesise", "imbalance"), ("synthesise", "second"), ("static", "imbalance"),
                      ("module", "second"), ("bitstreams", "imbalance", "second")):
        said = flow(*arguments, **more)
        assert said.code == 0, f"{arguments}: {said.error}"
        yield said


def test_every_strategy_becomes_a_bitstream(flow):
    _, _, static, module, bitstreams = _all_of(flow)
    static.order("open_checkpoint", "update_design", "read_checkpoint -cell", "set_property HD.RECONFIGURABLE",
                 "create_pblock", "opt_design", "place_design", "route_design", "write_checkpoint", "update_design",
                 "lock_design -level routing", "write_checkpoint")
    module.order("open_checkpoint", "read_checkpoint -cell", "opt_design", "place_design", "route_design",
                 "write_checkpoint")
    bitstreams.order("pr_verify", "write_bitstream")
    assert {path.name for path in flow.results.glob("*.bit")} == {"imbalance_partial.bit", "second_partial.bit"}


def test_a_shell_that_is_a_partition_is_subdivided(flow, tmp_path):
    flow.top.write_text(ROUTED)
    outer = tmp_path / "outer.dcp"
    outer.write_text(SYNTHESISED)
    _, _, static, *_ = _all_of(flow, TICKWIRE_OUTER=str(outer))
    static.order("open_checkpoint", f"pr_subdivide -cell {OUTER} -subcells {CELL}", "read_checkpoint -cell",
                 "opt_design")


BROKEN = [
    ("static.tcl", "place_design\nphys_opt_design\n", "", "route_design: after place"),
    ("static.tcl", "route_design\n", "", "lock_design: after route"),
    ("static.tcl", "update_design -cell $cell -black_box\nlock_design", "lock_design", "still in the static part"),
    ("static.tcl", "  update_design -cell $cell -black_box\n", "", "is no black box"),
    ("static.tcl", "resize_pblock", "# resize_pblock", "has no range"),
    ("static.tcl", "set_property HD.RECONFIGURABLE", "# set_property HD.RECONFIGURABLE", "is no partition"),
    ("static.tcl", "lock_design -level routing\n", "", "has another static part"),
    ("module.tcl", "read_checkpoint -cell $cell", "# read", "black box"),
    ("synthesise.tcl", "-mode out_of_context ", "", "not synthesised out of context"),
]


@pytest.mark.parametrize(("file", "old", "new", "said"), BROKEN, ids=[b[3] for b in BROKEN])
def test_a_wrong_order_is_seen(flow, file, old, new, said):
    edited(flow.project.path / "dfx" / file, old, new)
    with pytest.raises(AssertionError, match=said):
        list(_all_of(flow))


def test_a_missing_setting_is_named(flow):
    assert "set TICKWIRE_TOP" in flow("static", "imbalance", TICKWIRE_TOP="").error
    assert "expected -tclargs NAME" in flow("module").error


def test_what_was_taken_apart_fits_together(write_project, other_strategy, tmp_path):
    """Another kernel's strategy too: the ports have no numbers."""
    project = write_project("all", dfx=True, strategies={"second": other_strategy})
    static = project.path / "rtl" / "tickwire_kernel.v"
    for name in ("imbalance", "second"):
        said = icarus([static, project.path / "dfx" / "strategies" / f"{name}.v"], tmp_path / name)
        assert said.returncode == 0, said.stderr
        assert "error" not in said.stderr
    assert icarus([static], tmp_path / "alone").returncode != 0
    ports = partition.ports((project.path / "rtl" / "tickwire_strategy.v").read_text())
    assert not [name for name in ports if "$" in name]
    assert ports["intents__payload"][0] == "output"


def test_what_does_not_fit_is_named(write_project, kernel_verilog, tmp_path):
    text = partition.split(kernel_verilog("all").read_text(), "a").strategy
    with pytest.raises(ConfigError, match="b.v: the strategy's ports differ from the kernel's: candidates"):
        partition.fits(text, text.replace("output [271:0] candidates", "output [270:0] candidates"), "b.v")
    with pytest.raises(ConfigError, match="c.v: no strategy partition"):
        partition.split("module tickwire_kernel(a);\nendmodule\n", "c.v")
