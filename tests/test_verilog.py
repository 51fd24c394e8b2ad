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


def tickwire_verilog(directory: Path, *, seed: str, cwd: Path) -> subprocess.Popen:
    command = [
        sys.executable, "-c", "from sim.cli import main; main()", "verilog", "-o", directory, "-d", "small"]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(simulators.CHECKOUT)})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """What two processes with different hashes, working directories and targets wrote; they name each file."""
    root = tmp_path_factory.mktemp("verilog")
    directories = [root / "first", root / "some" / "where" / "else"]
    processes = []
    for seed, directory in zip(("1", "2718281828"), directories, strict=True):
        (cwd := root / f"from{seed}").mkdir()
        processes.append(tickwire_verilog(directory, seed=seed, cwd=cwd))
    for process, directory in zip(processes, directories, strict=True):
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said
        assert all(str(directory / name) in said for name in NAMES), said
    return directories


def test_same_octets_from_two_processes(written):
    first, second = ({path.name: path.read_bytes() for path in directory.iterdir()} for directory in written)
    assert first.keys() == second.keys() == NAMES
    for name, octets in first.items():
        assert octets == second[name], name
        assert octets


def test_the_benches_run_the_same_verilog(written):
    """``cached_verilog`` is what every bench simulates."""
    for unit in UNITS:
        path = build.cached_verilog(unit, config.preset("small"))
        assert path.read_bytes() == (written[0] / path.name).read_bytes()


def traces(text: str) -> list[str]:
    """What in ``text`` tells of the machine or the sources it was made from."""
    homes = {str(simulators.CHECKOUT), str(Path.home()), sys.prefix, "site-packages"}
    return [line for line in text.splitlines()
            if "src =" in line or ".py" in line or any(home in line for home in homes if home != "/")]


@pytest.mark.parametrize("unit", UNITS)
def test_no_paths_inside(written, unit):
    assert traces((written[0] / f"{build.module_name(unit)}.v").read_text()) == []


@pytest.mark.parametrize("line", ['(* src = "/a/b.c:3" *)', "// hdl/top.py:80", f"// {simulators.CHECKOUT}/x"])
def test_a_path_is_found(line):
    assert traces(f"module m;\n{line}\nendmodule\n") == [line]


@pytest.mark.parametrize("unit", UNITS)
def test_both_simulators_accept_it(written, unit):
    name = build.module_name(unit)
    simulators.lint(written[0] / f"{name}.v", name)


@pytest.mark.campaign
def test_both_simulators_accept_the_core_of_the_demo():
    simulators.lint(build.cached_verilog("core", config.preset("demo")), build.module_name("core"))


@pytest.mark.parametrize("damage, complaint", [
    (("assign rx_tready = ", "assign rx_tready = no_such_wire & "), "no_such_wire"),
    (("endmodule\n", ""), "verilator does not accept"),
    (("assign rx_tready = ", "wire nobody_drives; assign rx_tready = nobody_drives & "), "UNDRIVEN"),
])
def test_a_damaged_core_is_refused(written, tmp_path, damage, complaint):
    text = (written[0] / "tickwire.v").read_text()
    assert damage[0] in text
    damaged = tmp_path / "tickwire.v"
    damaged.write_text(text.replace(*damage))
    with pytest.raises(simulators.ToolFailed, match=complaint):
        simulators.lint(damaged, "tickwire")
