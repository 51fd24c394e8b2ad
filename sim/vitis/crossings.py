"""Where signals of the kernel go from one clock to another: what constraints/clocks.xdc.j2 lists."""

from hdl.kernel import DOMAINS
from spec.config import Design
from spec.rings import RINGS

#: Levels of single bits: from the host's clock to the core's, and back.
_TO_CORE, _TO_HOST = ("kill", "handback", "ring_enable"), ("ready", "kill_causes", "session")


def of(design: Design) -> dict:
    """FIFOs, bits and values that stand still, each with the clocks that write and read it, if these are two.

    Paths are relative to the kernel's top. A ``*`` stands for the number that a name clash leaves behind a name.
    """
    domains = DOMAINS[design.host.clocks]

    def crossing(path: str, writes: str, reads: str) -> dict:
        return {"path": f"inner/{path}", "writes": domains[writes], "reads": domains[reads]}

    fifos = [crossing("command_crossing/fifo", "host", "core")]
    fifos += [crossing(f"record_path/{record.stream}/crossing/fifo", "core", "host") for record in RINGS]
    fifos += [crossing(f"{name}_crossing/crossing/fifo", name, "core") for name in ("rx", "session_rx")
              if name in domains]
    fifos += [crossing("tx_crossing/crossing/fifo", "core", "tx")] if "tx" in domains else []

    partition = design.strategy.reconfigurable
    bits = [crossing(f"sync_{name}", "host", "core") for name in (*_TO_CORE, *(["decouple"] if partition else []))]
    bits += [crossing(f"sync_{name}", "core", "host") for name in (*_TO_HOST, *(["decoupled"] if partition else []))]
    values = []
    for call in ("pulse*", "counter"):
        bits += [crossing(f"side/{call}/sync_there", "host", "core"),
                 crossing(f"side/{call}/sync_here", "core", "host")]
        values += [crossing(f"side/{call}/asked", "host", "core"),
                   crossing(f"side/{call}/still_answer", "core", "host")]
    bits += [crossing(f"{name}_cuts/sync_count", name, "host") for name in ("rx", "session_rx") if name in domains]

    def differ(found: list[dict]) -> list[dict]:
        return [c for c in found if c["writes"] != c["reads"]]

    names = list(dict.fromkeys(domains.values()))
    return {"fifos": differ(fifos), "bits": differ(bits), "values": differ(values),
            "names": names, "pairs": len(names) > 1}
