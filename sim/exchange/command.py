"""The command ``tickwire exchange``: options, a line per event, the end upon a signal."""

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from sim.blocks import blocks
from sim.octets import InputError
from sim.sources import opened
from spec.config import ConfigError

from .events import journal, line
from .exchange import Exchange
from .faults import Faults
from .recording import Pace

MAX_PORT = 65535
_PROBABILITY = "0 to 1, of each new order and replacement: "


def exchange(
    files: Annotated[list[str] | None, typer.Argument(
        metavar="[FILE]...", help="Recorded liquidity: ITCH files (.itch, .itch.gz) or captures (.pcap, .pcapng). "
        "Without one, clients trade with each other only.")] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    ouch_port: Annotated[int, typer.Option("--ouch-port", help="SoupBinTCP with OUCH 5.0; 0 takes a free one.")]
    = 26400,
    fix_port: Annotated[int, typer.Option("--fix-port", help="FIX 4.4; 0 takes a free one.")] = 26500,
    account: Annotated[list[str] | None, typer.Option("--account", metavar="NAME:PASSWORD", help="Who may log in, by "
                       "user or CompID; may be repeated. Without it, everybody.")] = None,
    symbols: Annotated[str, typer.Option("--symbols", "-s", metavar="A,B,...", help="What may be traded, and is "
                       "followed in the recording; without it, everything.")] = "",
    ahead: Annotated[int, typer.Option("--ahead", help="Recorded messages before the first client.")] = 0,
    pace: Annotated[str, typer.Option("--pace", metavar="N/s|N/order", help="Recorded messages per second, or before "
                                      "each order: that repeats exactly.")] = "1000/s",
    reject: Annotated[float, typer.Option("--reject", help=_PROBABILITY + "it is rejected.")] = 0,
    partial: Annotated[float, typer.Option("--partial", help=_PROBABILITY + "it executes only a part of what it "
                                           "could.")] = 0,
    drop: Annotated[float, typer.Option("--drop", help=_PROBABILITY + "it is never answered.")] = 0,
    delay_ms: Annotated[float, typer.Option("--delay-ms", help="From a request's arrival until it takes effect.")] = 0,
    disconnect_after: Annotated[int, typer.Option("--disconnect-after", metavar="N", help="Drop a connection with its "
                                "N-th request; the answers wait for the next login.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Decides which orders meet a fault.")] = 1,
    log: Annotated[Path | None, typer.Option("--log", metavar="FILE", help="Every message in JSON lines.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no line per message.")] = False,
) -> None:
    """Run a simulated venue: OUCH 5.0 and FIX 4.4 over TCP, matching against recorded market data.

    Price-time priority over clients' and recorded orders alike. Any client can log in; what it was told is kept for its
    next login. Rules, faults and limits are in docs/exchange.md. Ctrl-C ends every session and prints what was traded.

    \b
    [bold]Examples[/bold]
      tickwire generate -o day.itch -n 100000 && tickwire exchange day.itch
      tickwire exchange capture.pcap --symbols AAPL,MSFT --pace 100/order
      tickwire exchange --reject 0.01 --partial 0.2 --delay-ms 5 --disconnect-after 1000
    """
    for name, port in (("--ouch-port", ouch_port), ("--fix-port", fix_port)):
        if not 0 <= port <= MAX_PORT:
            raise ConfigError(f"{name} must be 0 to {MAX_PORT}, not {port!r}")
    if ahead < 0:
        raise ConfigError(f"--ahead must be at least 0, not {ahead!r}")
    messages = _opened(files) if files else iter(())
    try:
        venue = Exchange(
            messages=messages, pace=Pace.parse(pace), symbols=_symbols(symbols), seed=seed,
            passwords=_passwords(account or []), faults=Faults(reject=reject, partial=partial, drop=drop,
                                                               delay_ms=delay_ms, disconnect_after=disconnect_after))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    venue.recording.advance(ahead)
    with ExitStack() as stack:
        if log:
            venue.events.listeners.append(journal(stack.enter_context(log.open("w"))))
        if not quiet:
            venue.events.listeners.append(lambda event: print(line(event), flush=True))
        asyncio.run(_serve(venue, host, ouch_port, fix_port))
    _summary(venue)
    if venue.recording.error:
        raise venue.recording.error


def recorded(paths: Sequence[str]) -> Iterator[bytes]:
    """The ITCH messages of files. A captured message that comes again, on the other line, is passed over.

    Raises ``InputError``.
    """
    expected = 0
    for data in opened(paths):
        if not data.is_capture:
            yield from (message.octets for message in data.messages())
            continue
        for block in (block for frame in data.frames() for block in blocks(frame.octets)):
            if block.sequence >= expected:
                expected = block.sequence + 1
                yield block.octets


def _opened(paths: Sequence[str]) -> Iterator[bytes]:
    """The same; a file that has none is an error at once."""
    messages = recorded(paths)
    first = next(messages, None)
    if first is None:
        raise InputError(paths[0], "expected ITCH messages, found none")
    return chain([first], messages)


def _symbols(text: str) -> list[str] | None:
    names = [name.strip().upper() for name in text.split(",")]
    if text and not all(0 < len(name) <= 8 for name in names):
        raise ConfigError(f"--symbols: names of 1 to 8 characters, not {text!r}")
    return names if text else None


def _passwords(accounts: list[str]) -> dict[str, str]:
    pairs = [text.partition(":") for text in accounts]
    for text, (name, colon, _) in zip(accounts, pairs, strict=True):
        if not name or not colon:
            raise ConfigError(f"--account must be NAME:PASSWORD, not {text!r}")
    return {name: password for name, _, password in pairs}


async def _serve(venue: Exchange, host: str, ouch_port: int, fix_port: int) -> None:
    """Until SIGINT or SIGTERM."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await venue.start(host, ouch_port=ouch_port, fix_port=fix_port)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno > 0 else error.strerror  # below 0: no address by that name
        raise ConfigError(f"cannot listen on {host}, ports {ouch_port} and {fix_port}: {why}") from None
    print(f"OUCH 5.0 over SoupBinTCP: {host}:{venue.ouch_port}, session {venue.session}")
    print(f"FIX 4.4: {host}:{venue.fix_port}, TargetCompID {venue.comp_id}", flush=True)
    await stop.wait()
    await venue.close()


def _summary(venue: Exchange) -> None:
    print(f"{venue.recording.applied:,} recorded messages, {len(venue.engine.trades):,} trades")
    for account in venue.accounts.values():
        held = ", ".join(f"{symbol} {shares:+,}" for symbol, shares in sorted(account.positions.items())
                         if shares)
        print(f"{account.name} ({account.protocol}): {len(account.requests):,} requests, "
              f"{len(account.open_orders):,} orders open; {held or 'no position'}")
