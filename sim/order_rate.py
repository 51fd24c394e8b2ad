"""Orders per second that leave, measured in simulation, beside what a wire would let pass."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tomli_w
from rich.console import Console

from hdl.export import write_verilog
from hdl.order import Order
from spec.config import Design

from . import build
from .simulators import CHECKOUT, Simulator, run_cocotb

PROTOCOLS = ("ouch", "fix")
WIRES_GBPS = (10, 25)
_BESIDE = 24  #: octets of the wire that go with a frame: check sequence 4, preamble 8, gap 12 (IEEE 802.3, 4.4.2)


@dataclass(frozen=True)
class OrderRate:
    """Orders of one kind, approved faster than they can leave."""

    protocol: str
    orders: str  #: ``usual`` or ``longest``
    cycles: int  #: from the first beat of a frame to that of the next, the most
    octets: int  #: of the longest frame, without check sequence
    clock_mhz: float

    @property
    def per_second(self) -> float:
        """Out of the core."""
        return self.clock_mhz * 1e6 / self.cycles

    def on_wire(self, gbps: int) -> float:
        """Orders per second that a wire has room for."""
        return gbps * 1e9 / (8 * (self.octets + _BESIDE))


def measure(design: Design, *, simulator: Simulator = "verilator", seed: int = 1,
            progress: Callable[[str], None] = lambda what: None) -> list[OrderRate]:
    """Run the order bench's case ``orders_per_second`` for each protocol: its frames equal the model's.

    Raises ``TestsFailed`` if they do not, or if fewer leave than their length allows.
    """
    found = []
    for protocol in PROTOCOLS:
        progress(f"orders per second: {protocol}")
        values = design.model_dump()
        chosen = Design.model_validate(values | {"order": values["order"] | {"protocol": protocol}})
        with tempfile.TemporaryDirectory() as scratch:
            file, rates = Path(scratch) / "design.toml", Path(scratch) / "rates.json"
            file.write_text(tomli_w.dumps(chosen.model_dump(mode="json", exclude_none=True)))
            name = build.module_name("order")
            run_cocotb(simulator=simulator, toplevel=name, test_module="testbenches.order", seed=seed,
                       verilog=write_verilog(Order(design=chosen), Path(scratch) / "order.v", name=name),
                       build_dir=CHECKOUT / "build" / "order_rate" / protocol, testcase="orders_per_second",
                       env={"TICKWIRE_DESIGN": str(file), "TICKWIRE_ORDER_RATES": str(rates)})
            found += [OrderRate(protocol, clock_mhz=design.core.clock_mhz, **rate)
                      for rate in json.loads(rates.read_text())]
    return found


def print_order_rates(rates: list[OrderRate], console: Console) -> None:
    """One line for each."""
    for rate in rates:
        wires = ", ".join(f"{rate.on_wire(gbps) / 1e6:.2f} on a {gbps}G wire" for gbps in WIRES_GBPS)
        console.print(f"{rate.protocol}, {rate.orders} orders of {rate.octets} octets: one in {rate.cycles} cycles, "
                      f"{rate.per_second / 1e6:.2f} million a second at {rate.clock_mhz} MHz ({wires})", soft_wrap=True,
                      highlight=False)
