"""The host names the symbols of a card: another day's stocks and locates on the same design, and the model agrees."""

import pytest

from sim import replay
from sim.card import CardError
from sim.card.compiled import CompiledCard
from sim.card.engine import CardEngine
from sim.card.host import Host
from sim.card.names import given, read
from sim.card.program import Program
from sim.framing import as_file, frames
from sim.generator import session
from sim.pace import Pace
from spec import config
from spec.records import GIVEN_SYMBOL

MESSAGES = 3000
#: In place of AAPL, MSFT, QQQ and PENNY.
STOCKS = ("MSFT", "TSLA", "BRK.B", "A")


@pytest.mark.parametrize("protocol", ["ouch", pytest.param("fix", marks=pytest.mark.campaign)])
def test_a_day_with_other_symbols(protocol, tmp_path, seed):
    values = config.preset("small").model_dump()
    values["order"]["protocol"] = protocol
    design = config.Design.model_validate(values)
    for symbol, stock in zip(values["symbols"], STOCKS, strict=True):
        symbol["stock"] = stock
    day = config.Design.model_validate(values)
    card = CompiledCard(design)
    host = Host(card)
    host.start()
    names = [given(i, stock, i + 1) for i, stock in enumerate(STOCKS)]
    host.send(GIVEN_SYMBOL, [names[0], given(0, "AAPL", 9), *names[1:], given(4, "AAPL", 9)])
    run = replay.run(design, frames(as_file(session(day, messages=MESSAGES, seed=seed)), design=day, seed=seed,
                                    bracket=True), pace=Pace("10g", design), out=tmp_path,
                     core=CardEngine(design, card, host))
    assert run.differences == 0, run.first_difference
    assert run.compared["symbols_set"] == 6 and run.compared["messages"] == MESSAGES
    assert all(run.compared[name] for name in ("updates", "depths", "intents", "orders", "tx")), run.compared
    assert run.counters["book"]["symbols_set"] == 4 and run.counters["book"]["symbols_refused"] == 2
    octets = (tmp_path / "orders.pcap").read_bytes()
    assert b"TSLA" in octets and b"AAPL" not in octets


def test_the_host_program_names_them():
    design = config.preset("small")
    card = CompiledCard(design)
    host = Host(card)
    program = Program(host, design, names=[given(1, "TSLA", 7), given(0, "GM", 9)], say=lambda line: None)
    program.start(ns=0)
    assert host.registers.book_symbols_set == 2 and host.registers.strategy_parameters_set == 1
    program.stop()
    card.run(256)  # START is refused until what nobody took has left
    again = Program(host, design, names=[given(1, "TSLA", 7), given(1, "GM", 9)], say=lambda line: None)
    with pytest.raises(CardError, match="1 symbols were refused"):
        again.start(ns=0)


def test_a_file_of_names(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("symbol,stock,locate\nMSFT, BRK.B, 7\n\n0,TSLA,63\n")
    assert read(path, config.preset("small")) == [given(1, "BRK.B", 7), given(0, "TSLA", 63)]


@pytest.mark.parametrize("text, complaint", [
    ("", ":1: expected the header symbol,stock,locate"), ("symbol,stock,locate\n", ": no symbols; expected"),
    ("0,TSLA\n", ":2: '0,TSLA': expected symbol,stock,locate"), ("4,TSLA,7", "configured stock or below 4"),
    ("IBM,TSLA,7", "configured stock or below 4"), ("0,TSLATSLAT,7", "one to eight visible ASCII characters"),
    ("0,TS LA,7", "one to eight visible"), ("0,TSLA,0", "locate must be from 1 to 63"),
    ("0,TSLA,64", "locate must be from 1 to 63"), ("0,TSLA,x", "locate must be"),
    ("0,TSLA,7\n1,TSLA,8", ":3: '1,TSLA,8': each symbol, stock and locate once"), ("0,TSLA,7\n0,GM,8", "each symbol"),
    ("0,TSLA,7\n1,GM,7", "each symbol")])
def test_a_wrong_file_of_names(tmp_path, text, complaint):
    path = tmp_path / "names.csv"
    path.write_text(text if text.startswith("symbol") or not text else f"symbol,stock,locate\n{text}")
    with pytest.raises(config.ConfigError, match=complaint):
        read(path, config.preset("small"))
    with pytest.raises(config.ConfigError, match="cannot be read"):
        read(tmp_path / "none", config.preset("small"))
