"""A mapped netlist, and the names that its registers have in Python."""

import re
from dataclasses import dataclass, field

from sim.simulators import CHECKOUT

Bit = int  #: of the netlist; constants are strings and carry no path

_UNNAMED = "(unnamed)"
_INNER = "inner."  # the component inside its flat ports
_TEMPORARY = re.compile(r"(.*\.)?(\\?\$\d*|_\d+_)")  # names that Amaranth and Yosys make up


@dataclass
class Netlist:
    """Cells of a flat module, by name, and what is needed to speak about them."""

    ports: dict[str, dict]
    cells: dict[str, dict]
    memories: dict[str, dict]
    left: list[str]  #: memories that no RAM primitive takes
    drivers: dict[Bit, tuple[str, str, int]] = field(default_factory=dict)  #: bit -> cell, pin, index
    words: dict[Bit, tuple[str, int]] = field(default_factory=dict)  #: bit -> register or else wire, index
    sources: dict[str, str] = field(default_factory=dict)  #: name -> Python source line

    @classmethod
    def of(cls, content: dict) -> "Netlist":
        """From what :func:`.yosys.read` returns."""
        netlist = cls(content["ports"], *({_plain(name): cell for name, cell in content[kind].items()}
                                          for kind in ("cells", "memories")), [_plain(n) for n in content["left"]])
        for name, cell in netlist.cells.items():
            for pin, bits in cell["connections"].items():
                if cell["directions"][pin] == "output":
                    netlist.drivers |= {bit: (name, pin, i) for i, bit in enumerate(bits)}
        ranks: dict[Bit, tuple] = {}
        for name, what in content["names"].items():
            # A register goes by several names, down the hierarchy; the best is the one its own module gave it.
            rank = (_TEMPORARY.fullmatch(name) is not None, not what["register"], "$" in name, len(name), name)
            # A port that the library declares is looked for in its component.
            line = python_line(what["src"]) or python_line(_scope(content["scopes"], _INNER + _plain(name)))
            netlist.sources[_plain(name)] = line
            for i, bit in enumerate(what["bits"]):
                if isinstance(bit, Bit) and (bit not in ranks or rank < ranks[bit]):
                    ranks[bit] = rank
                    netlist.words[bit] = _plain(name), i
        netlist.sources |= {memory: python_line(cell["attributes"].get("src", ""))
                            for memory, cell in netlist.memories.items()}
        return netlist

    def register(self, cell: str) -> tuple[str, str]:
        """Name and Python source line of the register, memory or multiplier that ``cell`` is a part of."""
        what = self.cells[cell]
        if "Q" in what["connections"]:  # flip-flop or shift register
            word = self.words.get(what["connections"]["Q"][0], (_UNNAMED, 0))[0]
        else:
            word = self.memory(cell) or cell
        line = python_line(what["src"]) or self.sources.get(word, "")
        if _TEMPORARY.fullmatch(word):  # what a memory's read port holds is named by nobody
            word = next((f"{memory} (read)" for memory in self.memories
                         if memory.rpartition(".")[0] == word.rpartition(".")[0]), word)
        return word, line

    def memory(self, cell: str) -> str:
        """The memory that the RAM primitive ``cell`` is a part of, or nothing."""
        return next((stem for stem in _stems(cell) if stem in self.memories), "")


def _plain(name: str) -> str:
    return name.removeprefix(_INNER)


def _scope(scopes: dict[str, str], name: str) -> str:
    """Source of the component that ``name`` is in."""
    return next((scopes[stem] for stem in _stems(name) if stem in scopes), "")


def _stems(name: str):
    """``a.rows.0.1`` -> ``a.rows.0``, ``a.rows``, ``a``."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def python_line(source: str) -> str:
    """The first line of the checkout in a ``src`` attribute, as ``folder/file.py:line``."""
    root = f"{CHECKOUT}/"
    for place in source.split("|"):
        if place.startswith(root) and ".py:" in place and "/site-packages/" not in place:
            return place.removeprefix(root)
    return ""
