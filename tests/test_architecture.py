"""The house of DESIGN.md: which folder may know which, and that a stage has one name everywhere.

    spec <- hdl, spec <- golden_model, and sim, testbenches on top
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.build import STAGES, component
from sim.simulators import CHECKOUT
from spec import config
from spec.counters import COUNTERS
from spec.records import RECORDS

OURS = {"spec", "hdl", "golden_model", "sim", "testbenches", "vitis_flow", "tests"}
#: What the inner folders may import beside the standard library; whoever is not listed, they do not know.
ALLOWED = {
    "spec": {"spec", "pydantic"},
    "golden_model": {"spec", "golden_model"},
    "hdl": {"spec", "hdl", "amaranth"},
}
#: What the outer folders may not. Scapy is GPL-2: for tests and testbenches.
FORBIDDEN = {
    "sim": {"scapy", "itchfeed", "meatpy", "tests"},
    "testbenches": {"tests"},
}
MAX_LINES = 500
SOURCES = {".py", ".toml", ".c", ".cpp", ".h", ".v", ".sv", ".tcl"}
HOST = {"host"}  #: folders of hdl that are no stage of the tick's path


def imported(source: str) -> Iterator[str]:
    """Top-level packages that ``source`` imports anywhere, in functions too; not those relative to itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "__import__":
            yield "importlib"


def above(source: str, depth: int) -> bool:
    """Whether a relative import in a file ``depth`` folders below its package's parent leaves the package."""
    return any(isinstance(node, ast.ImportFrom) and node.level > depth for node in ast.walk(ast.parse(source)))


def trespasses(root: Path) -> list[str]:
    """Every import below ``root`` that goes against the arrows."""
    found = []
    for folder in (*ALLOWED, *FORBIDDEN):
        for path in sorted((root / folder).rglob("*.py")):
            where, source = path.relative_to(root), path.read_text()
            if above(source, len(where.parts) - 1):
                found.append(f"{where}: relative import out of {folder}")
            for name in imported(source):
                # A name made up while running escapes this test.
                if folder in ALLOWED and (name == "importlib" or name not in ALLOWED[folder] | sys.stdlib_module_names):
                    found.append(f"{where}: imports {name}")
                if name in FORBIDDEN.get(folder, ()):
                    found.append(f"{where}: imports {name}")
    return found


def long_files(root: Path) -> list[str]:
    paths = (path for folder in sorted(OURS) for path in sorted((root / folder).rglob("*")) if path.suffix in SOURCES)
    lines = {path: path.read_text().count("\n") for path in paths}
    return [f"{path.relative_to(root)}: {count} lines" for path, count in lines.items() if count > MAX_LINES]


def test_imports_follow_the_arrows():
    assert trespasses(CHECKOUT) == []


def test_there_is_something_to_look_at():
    for folder in (*ALLOWED, *FORBIDDEN):
        sources = [path.read_text() for path in (CHECKOUT / folder).rglob("*.py")]
        assert len(sources) > 5
        assert any("spec" in imported(source) for source in sources) or folder == "spec", folder


@pytest.mark.parametrize("path, source, complaint", [
    ("hdl/book/a.py", "from golden_model.book import Book", "hdl/book/a.py: imports golden_model"),
    ("hdl/a.py", "def f():\n    import testbenches.harness", "hdl/a.py: imports testbenches"),
    ("hdl/a.py", "import numpy as np", "hdl/a.py: imports numpy"),
    ("hdl/feed/a.py", "from ...golden_model import feed", "hdl/feed/a.py: relative import out of hdl"),
    ("golden_model/a.py", "from hdl import top", "golden_model/a.py: imports hdl"),
    ("golden_model/a.py", "from amaranth import *", "golden_model/a.py: imports amaranth"),
    ("golden_model/a.py", "from importlib import import_module", "golden_model/a.py: imports importlib"),
    ("golden_model/a.py", "__import__('hdl')", "golden_model/a.py: imports importlib"),
    ("spec/a.py", "import os, amaranth.lib.data", "spec/a.py: imports amaranth"),
    ("spec/a.py", "if 0:\n    from sim import build", "spec/a.py: imports sim"),
    ("sim/a.py", "from scapy.layers.l2 import Ether", "sim/a.py: imports scapy"),
    ("testbenches/core_uvm/a.py", "from tests.golden_model import build", "testbenches/core_uvm/a.py: imports tests"),
])
def test_a_trespass_is_found(tmp_path, path, source, complaint):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(source)
    assert trespasses(tmp_path) == [complaint]


def test_what_is_allowed_is_no_trespass(tmp_path):
    for path, source in {
        "hdl/book/a.py": "import math\nfrom ..memory import M\nfrom spec import itch\nfrom hdl import x",
        "golden_model/a.py": "from collections import Counter\nfrom . import book\nfrom spec.records import UPDATE",
        "sim/a.py": "import numpy\nfrom golden_model import core\nfrom testbenches import harness",
        "testbenches/a.py": "from scapy.packet import Raw\nfrom sim import build",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    assert trespasses(tmp_path) == []


def test_a_stage_has_one_name_everywhere():
    stages = [*STAGES]
    assert [*COUNTERS] == stages
    assert {path.parent.name for path in (CHECKOUT / "hdl").glob("*/__init__.py")} - HOST == set(stages)
    modules = {path.stem for path in (CHECKOUT / "golden_model").glob("*.py")}
    benches = {path.stem for path in (CHECKOUT / "testbenches").glob("*.py")}
    tests = {path.stem.removeprefix("test_") for path in (CHECKOUT / "tests" / "testbenches").glob("test_*.py")}
    models = {path.stem.removeprefix("test_") for path in (CHECKOUT / "tests" / "golden_model").glob("test_*.py")}
    for place in (modules, benches, tests, models):
        assert {*stages, "core"} <= place
    for stage in {*stages, "core"} - {"order", "session"}:  # budgeted in two parts, and beside the tick's path
        key = "tick_to_trade" if stage == "core" else stage
        assert key in config.Budgets.model_fields


def test_a_stage_has_one_class_name():
    import golden_model
    from golden_model import book, core, feed, indicators, order, risk, session, strategy  # noqa: F401  submodules by name

    design = config.preset("small")
    for stage, name in STAGES.items():
        assert type(component(stage, design)).__name__ == name
        assert hasattr(getattr(golden_model, stage), name)


def test_every_record_comes_from_a_stage_in_the_order_of_the_data():
    order = [*STAGES]
    ranks = [order.index(record.stage) for record in RECORDS]
    assert ranks == sorted(ranks) and set(ranks) == set(range(len(order)))


def test_no_file_is_long():
    assert long_files(CHECKOUT) == []


def test_a_long_file_is_found(tmp_path):
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "short.py").write_text("\n" * MAX_LINES)
    (tmp_path / "sim" / "long.py").write_text("\n" * (MAX_LINES + 1))
    assert long_files(tmp_path) == ["sim/long.py: 501 lines"]
