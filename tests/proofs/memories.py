"""What is always true of the memories of ``hdl.memory``, as far as one address goes."""

from amaranth import *

from tests.proofs.proving import Subject, before


def describe_forwarded(subject: Subject, path: str, address, *, name: str) -> tuple[Value, Value]:
    """The row of a ``ForwardedMemory`` of latency 1 at a constant ``address``, and whether it is swept.

    Whoever reads it sees all that was written in cycles before, once it has been ready for a cycle.
    """
    memory = subject.part(path)
    row = subject.row(f"{path}.memory.rows", address)
    swept_before = before(subject.m, memory.ready, name=f"{name}_ready")
    reads = subject.signal(path, "address_1") == address
    subject.invariant(f"{name}: a read sees what was written",
                      ~(swept_before & reads) | (Value.cast(memory.read_data) == row))
    return row, memory.ready


def describe_sweep(subject: Subject, path: str, address, row: Value, *, name: str) -> None:
    """A row that the sweep has passed is zero until the sweep is over."""
    swept = subject.signal(f"{path}.memory", "row")
    subject.invariant(f"{name}: swept", subject.part(path).ready | (swept <= address) | (row == 0))
