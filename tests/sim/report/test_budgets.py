"""--budget: a stage over its budget ends a run with exit code 3 and is named."""

import re

import pytest

from sim import replays
from sim.cli import run
from spec import config

SMALL = config.preset("small")


def test_budgets_of_the_command_line_replace_the_designs():
    budgets = replays._budgets(SMALL, ["book=20", "tick_to_trade=49.6"])
    assert (budgets.book, budgets.tick_to_trade) == (20, 49.6)
    assert budgets.feed == SMALL.budgets.feed
    assert replays._budgets(SMALL, None) == SMALL.budgets


@pytest.mark.parametrize("said", ["book", "book=", "book=fast", "book=0", "book=-1", "book=inf", "book=nan", "nose=3",
                                  "=3"])
def test_what_is_no_budget_is_a_users_error(said, capsys):
    assert run(["demo", "-d", "small", "--budget", said]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tickwire: --budget: must be STAGE=NS with a stage of feed, book, ")
    assert error.endswith(f"not {said!r}\n") and error.count("\n") == 1


@pytest.mark.slow
def test_an_exceeded_budget_is_named_and_ends_with_3(tmp_path, capsys):
    arguments = ["demo", "-n", "3000", "-d", "small", "--no-waves", "-o", str(tmp_path)]
    assert run([*arguments, "--budget", "book=21", "--budget", "risk=6", "--budget", "feed=9.4"]) == 3
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["book", "risk"]
    for line in lines:
        assert re.fullmatch(r"tickwire: \w+: up to [\d.]+ ns, \d+ cycles; its budget is [\d.]+ ns", line)
    assert run(arguments) == 0
