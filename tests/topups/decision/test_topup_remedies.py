"""Every reason has a remedy, and what it names exists."""

import re
from dataclasses import dataclass

import pytest
import typer

from pipelines.cli.app import app
from pipelines.settings import TopUpSettings
from topups.decision.remedies import remedy
from topups.decision.snapshot import Reason
from topups.policy import ENTRY_NAMES, KILL_VARIABLE

COMMAND = re.compile(r"smsonline ((?:topup )?[a-z]+)")


@dataclass(frozen=True)
class Names:
    commands: frozenset[str]
    variables: frozenset[str]


@pytest.fixture(scope="module")
def names() -> Names:
    root = typer.main.get_command(app)
    context = typer.Context(root)
    assert isinstance(root, typer.core.TyperGroup)
    topup = root.get_command(context, "topup")
    assert isinstance(topup, typer.core.TyperGroup)
    commands = {*root.list_commands(context), *(f"topup {name}" for name in topup.list_commands(context))}
    variables = {f"SMSONLINE_TOPUP_{name.upper()}" for name in TopUpSettings.model_fields}
    return Names(frozenset(commands), frozenset(variables | {KILL_VARIABLE}))


@pytest.mark.parametrize("reason", Reason)
def test_each_remedy_names_what_exists(reason: Reason, names: Names) -> None:
    text = remedy(reason, "0198")
    assert text
    assert "{" not in text
    assert set(COMMAND.findall(text)) <= names.commands
    assert set(re.findall(r"SMSONLINE_TOPUP_\w+", text)) <= names.variables
    for entry in re.findall(r"\[topup\] (\w+)", text):
        assert entry in ENTRY_NAMES


def test_remedy_names_the_payment() -> None:
    assert remedy(Reason.AWAITING_APPROVAL, "0198") == "smsonline topup approve 0198, or smsonline topup reject 0198"
    assert remedy(Reason.AWAITING_APPROVAL) == "smsonline topup approve ID, or smsonline topup reject ID"
