"""quickfix, where `make referees` installed it."""

import sysconfig
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def quickfix():
    """Imported here: where it is missing, these tests fail rather than skip."""
    import quickfix
    return quickfix


@pytest.fixture(scope="session")
def dictionary(quickfix):
    path = Path(sysconfig.get_path("data")) / "share" / "quickfix" / "FIX44.xml"
    assert path.exists(), f"quickfix came without {path}"
    return quickfix.DataDictionary(str(path))


@pytest.fixture
def validate(quickfix, dictionary):
    """The message as quickfix reads it, whose exceptions say what is wrong with it."""
    def run(octets: bytes):
        message = quickfix.Message(octets.decode("ascii"), dictionary, True)
        dictionary.validate(message)
        return message
    return run
