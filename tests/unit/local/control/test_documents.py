from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import click
import pytest

from scar.cli.command_group import cli
from scar.local.conditions.table import CHAOS_RULES
from scar.local.lambda_ import model
from scar.local.moto import supported_operations

ROOT = Path(__file__).parent.parent.parent.parent.parent


def test_the_documents_list_all_that_is_not_emulated() -> None:
    text = (ROOT / "docs" / "local-cloud.md").read_text()
    for sentence in (*supported_operations.NOT_EMULATED, *model.NOT_EMULATED):
        assert sentence in text


def documented_commands(name: str) -> list[list[str]]:
    """Return the arguments of all commands in the code blocks of a document."""
    text = (ROOT / "docs" / name).read_text()
    blocks = re.findall(r"^```sh$(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("scar ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.parametrize("arguments", documented_commands("chaos.md"), ids=" ".join)
def test_the_commands_of_the_page_on_chaos_exist(arguments: list[str]) -> None:
    command: click.Command = cli
    context, rest = click.Context(cli, info_name="scar"), arguments
    while isinstance(command, click.Group):
        options = [*itertools.takewhile(lambda word: word.startswith("-"), rest)]
        name, *rest = rest[len(options) :]
        assert set(options) <= {"--local"}
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    command.make_context(command.name or "", list(rest), parent=context)


def test_every_condition_has_a_text_for_the_status() -> None:
    texts = [condition.value for condition in CHAOS_RULES]
    assert len(set(texts)) == len(texts)
    assert all(len(text) < 90 for text in texts)
