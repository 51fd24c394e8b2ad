"""What several commands take: a design, a seed, a generated session."""

import typer

from spec import config
from spec.config import ConfigError, Design

DESIGN = typer.Option("--design", "-d", metavar="NAME|FILE", help="Preset (small, demo, u280) or path of a TOML file.")
SEED = typer.Option("--seed", help="Fixes everything that is random.")
OUT = typer.Option("--out", "-o", metavar="DIR", help="Where orders.pcap, run.json and the waveform go.")
WAVES = typer.Option("--waves/--no-waves", help="Record a waveform (FST) around the first difference or order.")
ENGINE = typer.Option("--engine", metavar="ENGINE", help="What the hardware runs in: native (compiled, fast), "
                       "cocotb-verilator or cocotb-icarus (no waveforms). The records are the same.")
SPEED = typer.Option("--speed", metavar="SPEED", help="Gaps between frames: wire (as fast as the core's bus), 10g, "
                      "25g, realtime (as recorded, each at most 3 ms) or max (none).")
BUDGET = typer.Option("--budget", metavar="STAGE=NS", help="Fail with exit code 3 if the stage takes longer, in place "
                       "of the design's budget. May be given several times.")
PER_MESSAGE = typer.Option("--per-message", help="Keep the latency of every message in every stage: messages.parquet.")
LOOK_INTO = typer.Option("--investigate/--no-investigate", help="After a difference: tell the symbol's last messages "
                         "and the model's book, and leave the fewest messages that still fail, with a waveform.")
SHARE = typer.Option("--share", min=0.01, max=0.99, help="Of the order flow on the design's symbols.")


def load(design: str) -> Design:
    """A preset by name, or a TOML file by path."""
    return config.load(design) if design.endswith(".toml") or "/" in design else config.preset(design)


def generated(design: Design, messages: int, seed: int, share: float = 0.6, symbols: int | None = None):
    """A generated session's messages. A bad size is a user's error."""
    from .generator import session

    try:
        return session(design, messages=messages, seed=seed, share=share, symbols=symbols)
    except ValueError as error:
        raise ConfigError(str(error)) from None
