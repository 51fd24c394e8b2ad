"""One or more input files as one stream of frames or messages."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice
from pathlib import Path

from spec import moldudp64
from spec.config import Design

from .blocks import blocks
from .framing import frames
from .inputs import Frame, Input, InputError, Message, open_input
from .window import WHOLE, Window


def opened(paths: Sequence[str | Path]) -> Iterator[Input]:
    """The files, all captures or all of messages, each open until the next is asked for. Raises ``InputError``."""
    captures = None
    for path in paths:
        with open_input(path) as data:
            if captures not in (None, data.is_capture):
                raise InputError(data.name, "expected a file of the same kind as the first: captures and ITCH files "
                                            "cannot be replayed together")
            captures = data.is_capture
            yield data


def input_messages(paths: Sequence[str | Path], window: Window = WHOLE) -> Iterator[Message]:
    """The messages of ITCH files or captures, file after file. Raises ``InputError``."""
    for data in opened(paths):
        if not data.is_capture:
            yield from window.messages(data.messages())
            continue
        for frame in window.frames(data.frames()):
            for block in blocks(frame.octets):
                yield Message(block.octets, frame.offset + block.position - moldudp64.MESSAGE_BLOCK.length)


def input_frames(paths: Sequence[str | Path], *, design: Design, seed: int = 0, limit: int | None = None,
                 window: Window = WHOLE, line: int = 0) -> Iterator[Frame]:
    """The frames of captures as they are, or of ITCH files wrapped by ``frames`` for ``line``, file after file.

    ``limit`` ends it after that many messages, without cutting a captured frame. Raises ``InputError``.
    """
    inputs = opened(paths)
    first = next(inputs)
    inputs = chain([first], inputs)
    if not first.is_capture:
        messages = window.messages(message for data in inputs for message in data.messages())
        yield from frames(islice(messages, limit), design=design, seed=seed, line=line, bracket=True)
        return
    count = 0
    for frame in window.frames(frame for data in inputs for frame in data.frames()):
        yield frame
        if limit is not None:
            count += sum(1 for _ in blocks(frame.octets))
            if count >= limit:
                return


def both_lines(a: Sequence[str | Path], b: Sequence[str | Path], *, design: Design, seed: int = 0,
               **options) -> Iterator[Frame]:
    """Lines A and B of one feed, by the frames' times; the options of ``input_frames``. Raises ``InputError``.

    Of the same time A comes first. ITCH files are cut into datagrams in another way on each line.
    """
    lines = (input_frames(paths, design=design, seed=seed + line, line=line, **options)
             for line, paths in enumerate((a, b)))
    return merge(*lines, key=lambda frame: frame.time_ns)
