"""The Verilated kernel as a card: registers, host memory and wires, in this process.

What drives a real card through its driver drives this one: nothing is known of the kernel but its ports.
"""

import ctypes
import mmap
import os
import tempfile
from pathlib import Path

import numpy as np

from hdl.kernel import DOMAINS
from sim import build, simulators
from sim.engine.boundary import copied, pointer, text, u64
from sim.engine.native import Batch, OrderFrame, order_frames
from spec.config import Design

from . import CardError

UNIT = "kernel"
PAGE = 4096
_SLVERR, _SILENT = 2, 4
PATIENCE = 100_000  #: cycles within which an access is answered
_FUNCTIONS = (
    ("card_new", pointer, pointer, u64, pointer), ("card_free", None, pointer), ("card_cycle", u64, pointer),
    ("card_run", None, pointer, u64), ("card_reset", None, pointer, u64),
    ("card_access", ctypes.c_int, pointer, ctypes.c_int, ctypes.c_uint32, pointer, u64),
    ("card_frames", None, pointer, ctypes.c_int, text, pointer, pointer, pointer, u64),
    ("card_waiting", u64, pointer, ctypes.c_int), ("card_held_back", u64, pointer), ("card_underruns", u64, pointer),
    ("card_interrupt", ctypes.c_int, pointer), ("card_beats", u64, pointer, pointer),
    ("card_tx", u64, pointer, pointer, pointer), ("card_clear", None, pointer),
)
RX, SESSION_RX = range(2)  #: wires


def ports(clocks: str) -> str:
    """``ports.h``: which clocks the kernel has in this mode, and whose each wire is."""
    domains = DOMAINS[clocks]
    others = sorted(set(domains.values()) - {"ap_clk"})

    def clock(wire: str) -> str:
        return f"{domains.get(wire, domains['core'])}_clock"

    return (f"#define CLOCKS(X) {' '.join(f'X({name})' for name in others)}\n#define RX_CLOCK {clock('rx')}\n"
            f"#define SESSION_CLOCK {clock('session_rx')}\n#define TX_CLOCK {clock('tx')}\n")


def library(design: Design, directory: Path = Path("build/native"), verilog: Path | None = None) -> Path:
    """The kernel of ``design``, or that in ``verilog``, compiled; cached below ``directory``."""
    verilog = verilog or build.cached_verilog(UNIT, design)
    header = Path(directory) / "ports" / f"kernel-{design.host.clocks}" / "ports.h"
    header.parent.mkdir(parents=True, exist_ok=True)
    if not header.exists() or header.read_text() != ports(design.host.clocks):
        scratch = header.with_suffix(f".{os.getpid()}")
        scratch.write_text(ports(design.host.clocks))
        scratch.replace(header)
    return simulators.verilate(verilog=verilog, toplevel=build.module_name(UNIT), headers=[header],
                               harness=Path(__file__).parent / "kernel_harness.cpp", build_dir=Path(directory))


class CompiledCard:
    """One card, out of its shell's reset. A context manager.

    Parameters
    ----------
    design : Design
    memory_octets : int
        Of host memory that the card can reach; an address is an offset in it.
    verilog : Path, optional
        In place of the kernel of ``design``.
    periods : dict
        Clock -> ps; what is not there has the design's. ``ap_clk`` counts cycles.

    Members
    -------
    memory : numpy array of uint8
        Host memory, a shared file: ``path``.
    """

    def __init__(self, design: Design, *, memory_octets: int = 1 << 26, verilog: Path | None = None,
                 periods: dict[str, int] | None = None, directory: Path = Path("build/native")):
        self.design = design
        self._lib = ctypes.CDLL(str(library(design, directory, verilog)))
        for name, result, *arguments in _FUNCTIONS:
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._file = tempfile.NamedTemporaryFile(prefix="tickwire-card-", dir=_memory_folder())
        self._file.truncate(memory_octets)
        self.path = Path(self._file.name)
        self._map = mmap.mmap(self._file.fileno(), memory_octets)
        self.memory = np.frombuffer(self._map, np.uint8)
        self._free = [(PAGE, memory_octets)]  # no buffer at address 0: it reads as none
        clocks = ["ap_clk", *sorted(set(DOMAINS[design.host.clocks].values()) - {"ap_clk"})]
        usual = {"ap_clk": design.core.clock_mhz if design.host.clocks == "one" else design.host.clock_mhz,
                 "tx_clk": design.host.tx_clock_mhz}
        chosen = [(periods or {}).get(clock, round(1e6 / usual.get(clock, design.core.clock_mhz))) for clock in clocks]
        column = np.array(chosen, np.uint64)
        self._card = self._lib.card_new(self.memory.ctypes.data, memory_octets, column.ctypes.data)
        self._lib.card_reset(self._card, 16)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self) -> None:
        """The end of the simulation and of its memory."""
        if self._card:
            self._lib.card_free(self._card)
            self._card = None
            self._file.close()

    # As any card.

    def read(self, address: int) -> int:
        """A register's word. Raises ``CardError`` for SLVERR, and if no answer comes."""
        return self._access(False, address, 0)

    def write(self, address: int, value: int) -> None:
        self._access(True, address, value)

    def _access(self, write: bool, address: int, value: int) -> int:
        data = ctypes.c_uint32(value)
        response = self._lib.card_access(self._card, write, address, ctypes.byref(data), PATIENCE)
        if response:
            what = {_SLVERR: "SLVERR", _SILENT: f"no answer within {PATIENCE} cycles"}.get(response, f"code {response}")
            raise CardError(f"{'write to' if write else 'read of'} register 0x{address:04x}: {what}")
        return data.value

    def allocate(self, octets: int) -> int:
        """The address of so much host memory, zeros, at a multiple of 4 KiB. Raises ``CardError`` if there is none."""
        pages = max(1, -(-octets // PAGE)) * PAGE
        for i, (first, end) in enumerate(self._free):
            if end - first >= pages:
                self._free[i] = (first + pages, end)
                self.memory[first : first + pages] = 0
                return first
        raise CardError(f"no room for {octets} octets in host memory of {len(self.memory)}")

    def buffer(self, address: int, octets: int) -> np.ndarray:
        """Host memory that was allocated, as octets."""
        return self.memory[address : address + octets]

    def free(self, address: int, octets: int) -> None:
        """Give back what was allocated."""
        self._free.append((address, address + max(1, -(-octets // PAGE)) * PAGE))
        joined: list[tuple[int, int]] = []
        for first, end in sorted(self._free):
            if joined and joined[-1][1] == first:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((first, end))
        self._free = joined

    # What a real one does by itself.

    @property
    def cycle(self) -> int:
        """Edges of ap_clk since the beginning."""
        return self._lib.card_cycle(self._card)

    def run(self, cycles: int) -> None:
        self._lib.card_run(self._card, cycles)

    def reset(self) -> None:
        """The shell's reset."""
        self._lib.card_reset(self._card, 16)

    @property
    def interrupt(self) -> bool:
        return bool(self._lib.card_interrupt(self._card))

    def frames(self, wire: int, batch: Batch) -> None:
        """Put frames on ``RX`` or ``SESSION_RX``; they go in while time passes."""
        self._lib.card_frames(self._card, wire, batch.octets, batch.lengths.ctypes.data, batch.gaps.ctypes.data,
                              batch.errors.ctypes.data, len(batch))

    def waiting(self, wire: int) -> int:
        """Frames that have not gone in whole."""
        return self._lib.card_waiting(self._card, wire)

    @property
    def held_back(self) -> int:
        """Cycles in which a wire was."""
        return self._lib.card_held_back(self._card)

    @property
    def underruns(self) -> int:
        """Cycles within a frame on TX without a beat."""
        return self._lib.card_underruns(self._card)

    def left(self) -> tuple[np.ndarray, list[OrderFrame]]:
        """Since the last call: cycles at which beats were taken on RX, and the frames that left on TX."""
        at, also = ctypes.c_void_p(), ctypes.c_void_p()
        beats = copied(at, self._lib.card_beats(self._card, ctypes.byref(at)))
        frames = order_frames(self._lib.card_tx(self._card, ctypes.byref(at), ctypes.byref(also)), at, also)
        self._lib.card_clear(self._card)
        return beats, frames


def _memory_folder() -> str | None:
    """Where files are memory, if there is such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
