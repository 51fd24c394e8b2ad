"""What all tests share: real data, the two simulators, build directories, seeds."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

from sim.simulators import CHECKOUT, OPTIMISATION, SIMULATORS

# A deadline per example is a timed assert: it fails on a busy machine.
settings.register_profile("tickwire", deadline=None)
settings.load_profile("tickwire")


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=1, help="seed of everything that is random (default: 1)")
    parser.addoption("--simulator", choices=SIMULATORS, help="run simulator tests on this one alone (default: both)")


def pytest_configure(config):
    """Simulations of some thousand messages take longer to compile than to run; a campaign's do not."""
    if "not campaign" in config.getoption("markexpr"):
        os.environ.setdefault(OPTIMISATION, "1")


def pytest_report_header(config):
    return f"seed: {config.getoption('seed')} (choose with --seed)"


def pytest_generate_tests(metafunc):
    """Whoever asks for ``simulator`` runs on both."""
    if "simulator" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("simulator")
        metafunc.parametrize("simulator", [chosen] if chosen else SIMULATORS)


def pytest_terminal_summary(terminalreporter):
    """The lines with which campaigns say what they compared, from whichever process ran them."""
    lines = [line for report in terminalreporter.getreports("passed") for name, line in report.user_properties
             if name == "campaign" and report.when == "call"]
    if lines:
        terminalreporter.section("campaign")
        for line in sorted(lines):
            terminalreporter.write_line(line)


@pytest.fixture
def seed(request, record_property) -> int:
    """Seed of this test, shown with its failure."""
    value = request.config.getoption("seed")
    record_property("seed", value)
    print(f"seed {value}; reproduce: pytest {request.node.nodeid!r} --seed {value}")
    return value


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real captures and files, beside the checkout; not in a clone elsewhere."""
    path = CHECKOUT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no real market data at {path}")
    return path


@pytest.fixture
def build_dir(request) -> Path:
    """Directory of the test's file below build/tests, kept from run to run: builds are cached by content."""
    path = Path(request.node.path).relative_to(CHECKOUT / "tests").with_suffix("")
    directory = CHECKOUT / "build" / "tests" / re.sub(r"\W+", "_", str(path))
    directory.mkdir(parents=True, exist_ok=True)
    return directory
