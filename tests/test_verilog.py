"""``tickwire verilog``: the same octets in every process, no trace of this machine, accepted by both simulators."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim import build, simulators
from spec import config

pytestmark = pytest.mark.slow
UNITS = [*build.STAGES, "core"]
NAMES = {f"{build.module_name(unit)}.v" for unit in UNITS}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What another process with another hash, working directory and target wrote; it names each file."""
    root = tmp_path_factory.mktemp("verilog")
    directory = root / "some" / "where" / "else"
    said = subprocess.run(
        [sys.executable, "-c", "from sim.cli import main; main()", "verilog", "-o", directory, "-d", "small"],
        cwd=root, capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONHASHSEED": "2718281828", "PYTHONPATH": str(simulators.CHECKOUT)})
    assert said.returncode == 0, said.stdout + said.stderr
    assert all(str(directory / name) in said.stdout for name in NAMES), said.stdout
    return directory


def test_same_octets_from_two_processes(written):
    """``cached_verilog``, from this process or one before it, is what every bench simulates."""
    assert {path.name for path in written.iterdir()} == NAMES
    for unit in UNITS:
        path = build.cached_verilog(unit, config.preset("small"))
        assert path.read_bytes() == (written / path.name).read_bytes() != b"", unit


def traces(text: str) -> list[str]:
    """What in ``text`` tells of the machine or the sources it was made from."""
    homes = {str(simulators.CHECKOUT), str(Path.home()), sys.prefix, "site-packages"}
    return [line for line in text.splitlines()
            if "src =" in line or ".py" in line or any(home in line for home in homes if home != "/")]


@pytest.mark.parametrize("unit", UNITS)
def test_no_paths_inside(written, unit):
    assert traces((written / f"{build.module_name(unit)}.v").read_text()) == []


@pytest.mark.parametrize("line", ['(* src = "/a/b.c:3" *)', "// hdl/top.py:80", f"// {simulators.CHECKOUT}/x"])
def test_a_path_is_found(line):
    assert traces(f"module m;\n{line}\nendmodule\n") == [line]


@pytest.mark.parametrize("unit", UNITS)
def test_both_simulators_accept_it(written, unit):
    name = build.module_name(unit)
    simulators.lint(written / f"{name}.v", name)


@pytest.mark.campaign
def test_both_simulators_accept_the_core_of_the_demo():
    simulators.lint(build.cached_verilog("core", config.preset("demo")), build.module_name("core"))


@pytest.mark.parametrize("damage, complaint", [
    (("assign rx_tready = ", "assign rx_tready = no_such_wire & "), "no_such_wire"),
    (("endmodule\n", ""), "verilator does not accept"),
    (("assign rx_tready = ", "wire nobody_drives; assign rx_tready = nobody_drives & "), "UNDRIVEN"),
])
def test_a_damaged_core_is_refused(written, tmp_path, damage, complaint):
    text = (written / "tickwire.v").read_text()
    assert damage[0] in text
    damaged = tmp_path / "tickwire.v"
    damaged.write_text(text.replace(*damage))
    with pytest.raises(simulators.ToolFailed, match=complaint):
        simulators.lint(damaged, "tickwire")
