"""One run for all tests of exports."""

import pytest

from sim.report.saved import SavedRun
from tests.sim.export import saved


@pytest.fixture(scope="session")
def run_and_directory(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return saved.run(out, per_message=True), out


@pytest.fixture(scope="session")
def run(run_and_directory):
    return run_and_directory[0]


@pytest.fixture(scope="session")
def done(run_and_directory):
    return SavedRun(run_and_directory[1])
