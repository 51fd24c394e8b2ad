"""The host program, built once: with XRT, without, and the parts that tests call one by one."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.card import products
from sim.simulators import CHECKOUT, locked

HOST = CHECKOUT / "vitis_flow" / "host"
BUILD = CHECKOUT / "build" / "tests" / "vitis_flow_host"
WARNINGS = ["-std=c++17", "-Wall", "-Wextra", "-Werror"]


def make(*arguments: str, cwd: Path = HOST) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "CXXFLAGS")}
    return subprocess.run(["make", f"PYTHON={sys.executable}", "OPT=-O1", *arguments], cwd=cwd, env=environment,
                          text=True, capture_output=True)


@dataclass(frozen=True)
class Programs:
    xrt: Path  #: tickwire_host with XRT
    sim: Path  #: without
    check: Path
    generated: Path


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Missing XRT headers are a failure: the program is for a card behind XRT."""
    generated = BUILD / "generated"
    with locked(BUILD / "lock"):
        products.write(generated)
        for arguments in ((f"BUILD={BUILD / 'with'}",), (f"BUILD={BUILD / 'without'}", "SIM_ONLY=1")):
            said = make(*arguments, f"GENERATED={generated}")
            assert said.returncode == 0, said.stdout + said.stderr
            assert "warning" not in said.stdout + said.stderr
        check, source = BUILD / "check", Path(__file__).parent / "check.cpp"
        inputs = [source, *HOST.glob("*.h"), *HOST.glob("*.cpp"), generated / "registers.h"]
        if not check.exists() or check.stat().st_mtime < max(path.stat().st_mtime for path in inputs):
            said = subprocess.run(["g++", *WARNINGS, "-O1", f"-I{HOST}", f"-I{generated}", "-o", check, source,
                                   HOST / "configuration.cpp"], text=True, capture_output=True)
            assert said.returncode == 0, said.stderr
    return Programs(BUILD / "with" / "tickwire_host", BUILD / "without" / "tickwire_host", check, generated)
