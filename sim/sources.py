"""One or more input files as one stream of frames or messages."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from spec import moldudp64
from spec.config import Design

from .blocks import blocks
from .framing import frames
from .inputs import Frame, Input, InputError, Message, open_input


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


def input_messages(paths: Sequence[str | Path]) -> Iterator[Message]:
    """The messages of ITCH files or captures, file after file. Raises ``InputError``."""
    for data in opened(paths):
        if not data.is_capture:
            yield from data.messages()
            continue
        for frame in data.frames():
            for block in blocks(frame.octets):
                yield Message(block.octets, frame.offset + block.position - moldudp64.MESSAGE_BLOCK.length)


def input_frames(paths: Sequence[str | Path], *, design: Design, seed: int = 0,
                 limit: int | None = None) -> Iterator[Frame]:
    """The frames of captures as they are, or of ITCH files wrapped by ``frames``, file after file.

    ``limit`` ends it after that many messages, without cutting a captured frame. Raises ``InputError``.
    """
    inputs = opened(paths)
    first = next(inputs)
    inputs = chain([first], inputs)
    if not first.is_capture:
        messages = (message for data in inputs for message in data.messages())
        yield from frames(islice(messages, limit), design=design, seed=seed, bracket=True)
        return
    count = 0
    for frame in (frame for data in inputs for frame in data.frames()):
        yield frame
        if limit is not None:
            count += sum(1 for _ in blocks(frame.octets))
            if count >= limit:
                return
