"""A run's directory, read back."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sim.export.keeper import FILES
from sim.inputs import InputError


@dataclass(frozen=True)
class SavedRun:
    """What a run left in ``directory``. Raises ``InputError`` for what is not there or cannot be read."""

    directory: Path

    @cached_property
    def summary(self) -> dict:
        """run.json."""
        path = self.directory / "run.json"
        try:
            found = json.loads(path.read_text())
        except OSError as error:
            raise InputError(str(path), f"cannot be read: {error.strerror}; expected the directory of a run") from None
        except ValueError as error:
            raise InputError(str(path), f"not JSON: {error}") from None
        if not isinstance(found, dict) or not {"counters", "latency", "design"} <= found.keys():
            raise InputError(str(path), "not the summary of a run of this version")
        return found

    @property
    def period_ns(self) -> float:
        """Of the core's clock."""
        return 1000 / self.summary["clock_mhz"]

    @property
    def files(self) -> list[Path]:
        """What this run left and is still there; the directory may hold older things."""
        said = [self.directory / where for where in self.summary["paths"].values()]
        kept = [self.directory / name for name in ("run.json", *FILES.values())]
        return [path for path in dict.fromkeys([*kept, *said]) if path.is_file()]

    def path(self, what: str) -> Path:
        """Of one of ``export.keeper.FILES``."""
        return self.directory / FILES[what]

    def table(self, what: str) -> pa.Table:
        """One of ``export.keeper.FILES``, whole."""
        with self.opened(what) as file:
            return file.read()

    def opened(self, what: str) -> pq.ParquetFile:
        """The same, to be read group by group."""
        try:
            return pq.ParquetFile(self.path(what))
        except (OSError, pa.ArrowException) as error:
            raise InputError(str(self.path(what)), f"cannot be read: {str(error).splitlines()[0]}") from None
