"""Two runs on the real core, one of which differs from its model, and a browser."""

import pytest

from golden_model.core import Core
from sim.report.page import write
from sim.report.saved import SavedRun
from tests.sim.export import saved
from tests.sim.report.browser import chromium

MESSAGE = 5000  #: whose update the wrong model gets wrong
MESSAGES = 8000


class WrongCore(Core):
    """A model that is wrong about the last trade of one update."""

    def frame(self, octets: bytes):
        step = super().frame(octets)
        for i, update in enumerate(step.updates):
            if update.message >= MESSAGE and not getattr(self, "erred", False):
                step.updates[i] = update._replace(last_trade=update.last_trade + 1)
                self.erred = True
        return step


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    out = tmp_path_factory.mktemp("good")
    assert saved.run(out, messages=MESSAGES).passed
    write(SavedRun(out), out / "report.html")
    return SavedRun(out)


@pytest.fixture(scope="session")
def bad(tmp_path_factory):
    """With a waveform around the difference."""
    out = tmp_path_factory.mktemp("bad")
    assert not saved.run(out, messages=MESSAGES, model=WrongCore(saved.DESIGN), waves=True).passed
    write(SavedRun(out), out / "report.html")
    return SavedRun(out)


@pytest.fixture(scope="module")  # its event loop would be in the way of others in this process
def browser():
    with chromium() as started:
        yield started
