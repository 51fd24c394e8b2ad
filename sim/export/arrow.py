"""A run's tables as Arrow IPC files, which are mapped into memory rather than read."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from .keeper import FILES


def write(saved, directory: Path) -> Iterator[Path]:
    """Write each table of a ``report.saved.SavedRun`` below ``directory``, a part in memory at a time."""
    directory.mkdir(parents=True, exist_ok=True)
    for what, name in FILES.items():
        path = (directory / name).with_suffix(".arrow")
        with saved.opened(what) as file:
            # The file format allows one dictionary per column; row groups have dictionaries of their own.
            plain = pa.schema([(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type)
                               for field in file.schema_arrow])
            with pa.ipc.new_file(path, plain) as out:
                for batch in file.iter_batches():
                    out.write_table(pa.table(batch.columns, names=batch.schema.names).cast(plain))
        yield path
