"""Generated messages as files. Streams; the same messages give the same octets."""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

from spec.config import Design

from .captures import PcapWriter
from .framing import as_file, frames
from .generator import Session
from .generator.packed import prefixed


def write_itch(path: Path, messages: Iterable[bytes], **_) -> None:
    """A length before each message, as in Nasdaq's daily files."""
    with open(path, "wb") as file:
        file.writelines(_packed(messages))


def write_gzipped_itch(path: Path, messages: Iterable[bytes], **_) -> None:
    """The same through gzip, without name and time in its header."""
    with open(path, "wb") as file, gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as out:
        out.writelines(_packed(messages))


def _packed(messages: Iterable[bytes]) -> Iterable[bytes]:
    return messages.packed() if isinstance(messages, Session) else map(prefixed, messages)


def write_capture(path: Path, messages: Iterable[bytes], *, design: Design, seed: int) -> None:
    """A pcap of the frames that carry the messages. Its stamps are ITCH time, on the first day of 1970."""
    with PcapWriter(path) as writer:
        for frame in frames(as_file(messages), design=design, seed=seed, bracket=True):
            writer.write(frame.octets, frame.time_ns)


#: By the end of the file's name.
WRITERS: dict[str, Callable] = {".itch": write_itch, ".itch.gz": write_gzipped_itch, ".pcap": write_capture}


def writer(path: Path) -> Callable | None:
    """The function that writes a file of this name; ``None`` where there is none."""
    return next((write for end, write in WRITERS.items() if path.name.endswith(end)), None)
