"""The core with a flip-flop before each input, so that nothing but the clock sets off its logic.

Verilator evaluates what depends on an input whenever the inputs may have changed, and once more with the clock edge.
Behind flip-flops it is evaluated once per cycle. Their edge is the harness's: inputs are set, the clock rises, and what
the outputs then show is the cycle that has those inputs. The core's own edge comes with the next cycle's.
"""

import hashlib
import os
import re
from pathlib import Path

_PORT = re.compile(r"^  (input|output) (\[\d+:0\] )?(\w+);$", re.MULTILINE)
_CLOCK, _RESET = "clk", "rst"


def clocked(verilog: Path, directory: Path, *, toplevel: str) -> Path:
    """Module ``toplevel`` of ``verilog`` with clocked inputs, under its name; the module itself is its ``core``.

    A file below ``directory``. Raises ``ValueError`` if the module is not there.
    """
    text = Path(verilog).read_text()
    made = wrapped(text, toplevel)
    path = Path(directory) / "clocked" / hashlib.sha256(made.encode()).hexdigest()[:12] / Path(verilog).name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{os.getpid()}")  # whoever looks meanwhile sees all or nothing
        scratch.write_text(made)
        scratch.replace(path)
    return path


def wrapped(text: str, toplevel: str) -> str:
    """``text`` with the module renamed and another of its name around it."""
    head = f"\nmodule {toplevel}("
    if (start := text.find(head)) < 0:
        raise ValueError(f"no module {toplevel}")
    end = text.index("\nendmodule", start)
    ports = _PORT.findall(text[start:end])
    held = {name: width for way, width, name in ports if way == "input" and name != _CLOCK}
    joins = ", ".join(f".{name}({name}_now)" if name in held else f".{name}({name})" for *_, name in ports)
    around = [
        f"module {toplevel}({', '.join(f'{way} {width}{name}' for way, width, name in ports)});",
        # The edge before the first cycle is one of reset.
        *(f"  reg {width}{name}_now = {int(name == _RESET)};" for name, width in held.items()),
        f"  always @(posedge {_CLOCK}) begin",
        *(f"    {name}_now <= {name};" for name in held),
        "  end",
        f"  {toplevel}_core core({joins});",
        "endmodule",
    ]
    return text[:start] + f"\nmodule {toplevel}_core(" + text[start + len(head):] + "\n".join(around) + "\n"
