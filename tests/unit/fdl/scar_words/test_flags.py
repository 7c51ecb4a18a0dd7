"""The options of SCAR's commands: the command line takes each, or says what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from scar.cli.command_group import cli
from scar.cli.function_flags import FunctionFlags, flags_to_fdl
from scar.cli.main import run
from scar.fdl.problems import format_location
from scar.fdl.scar_words.flags import FLAGS, Flag
from scar.fdl.scar_words.word import Treatment
from tests.fakes.services import FakeServices
from tests.unit.fdl.scar_words.scar_keys import write_image

if TYPE_CHECKING:
    from pathlib import Path

# SCAR 4.3's options by command: short and long name; `+` has a value. Written here once more.
EXPECTED = {
    "init": """-n --name + -f --conf-file + -i --image + -if --image-file + -s --init-script +
        -d --description + -e --environment + -le --lambda-environment + -m --memory +
        -t --timeout + -tt --timeout-threshold + -ll --log-level + -l --layers +
        -ib --input-bucket + -ob --output-bucket + -em --execution-mode + -r --iam-role +
        -sv --supervisor-version + -rt --runtime + -bm --batch-memory + -bc --batch-vcpus +
        -g --enable-gpu . -ph --preheat . -ep --extra-payload + -db --deployment-bucket +
        -api --api-gateway-name + -pf --profile + -j --json . -v --verbose .""",
    "run": """-n --name + -f --conf-file + -s --run-script + -ib --input-bucket +
        -a --asynchronous . -o --output-file + -pf --profile + -j --json . -v --verbose .""",
    "invoke": """-n --name + -f --conf-file + -db --data-binary + -jd --json-data +
        -p --parameters + -a --asynchronous . -o --output-file + -pf --profile +""",
    "log": """-n --name + -f --conf-file + -ls --log-stream-name + -ri --request-id +
        -pf --profile +""",
    "ls": "-b --bucket + -pf --profile + -j --json . -v --verbose .",
    "rm": "-n --name + -f --conf-file + -a --all . -pf --profile + -j --json . -v --verbose .",
    "put": "-b --bucket + -p --path + -pf --profile +",
    "get": "-b --bucket + -p --path + -pf --profile +",
}
# Values for `scar show`, which has the options of `init`, and what of the function they set.
VALUES = {
    "-i": "debian:13",
    "-d": "Crops",
    "-e": "MINE=1",
    "-le": "MINE=1",
    "-m": "1024",
    "-t": "200",
    "-tt": "20",
    "-ll": "debug",
    "-em": "batch",
    "-ib": "photos/in",
    "-ob": "photos/out",
    "-r": "arn:aws:iam::123456789012:role/r",
    "-bm": "2048",
    "-bc": "2",
    "-api": "crop-api",
    "-s": "script.sh",
    "-ep": "payload",
    "-n": "other",
}
ALL_FLAGS = [(command, flag) for command, flags in FLAGS.items() for flag in flags]
FDL = "functions: {aws: [{lambda: {name: crop, container: {image: 'debian:12'}}}]}\n"


def flag_id(value: object) -> str:
    return value.short if isinstance(value, Flag) else str(value)


def find_command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


@pytest.mark.parametrize("command", EXPECTED)
def test_the_table_has_every_option_of_scar(command: str) -> None:
    words = EXPECTED[command].split()
    expected = {
        (short, long, value == "+")
        for short, long, value in zip(words[::3], words[1::3], words[2::3], strict=True)
    }
    assert {(f.short, f.long, f.has_value) for f in FLAGS[command]} == expected


@pytest.mark.parametrize(("command", "flag"), ALL_FLAGS, ids=flag_id)
def test_a_command_has_the_option_under_both_names(command: str, flag: Flag) -> None:
    options = [p for p in find_command(command).params if isinstance(p, click.Option)]
    (option,) = [o for o in options if {flag.short, flag.long} <= set(o.opts)]
    assert option.is_flag is not flag.has_value


@pytest.mark.parametrize("command", ["init", "plan", "show", "update"])
def test_commands_that_describe_a_function_have_the_options_of_init(command: str) -> None:
    have = {name for p in find_command(command).params for name in p.opts}
    assert {flag.short for flag in FLAGS["init"]} <= have


def show(folder: Path, *arguments: str) -> list[str]:
    """Return the command line of ``scar show`` of a small file, with options of init."""
    (folder / "script.sh").write_text("#!/bin/sh\n")
    (folder / "payload").mkdir()
    (folder / "f.yaml").write_text(FDL)
    return ["show", "-f", str(folder / "f.yaml"), "--secrets", "-j", *arguments]


@pytest.mark.parametrize("flag", [f for f in FLAGS["init"] if f.key], ids=flag_id)
@pytest.mark.parametrize("name", ["short", "long"])
def test_an_option_has_the_outcome_of_its_row(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flag: Flag,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    option = getattr(flag, name)
    value = [VALUES.get(flag.short, "any")] if flag.has_value else []
    if flag.short == "-if":
        value = [str(write_image(tmp_path))]
    status = run(show(tmp_path, option, *value), FakeServices({}))
    shown = capsys.readouterr()
    assert status == 0, shown.err
    if flag.word.treatment is Treatment.NOT_USED:
        assert f"{flag.long} is accepted, not used: {flag.word.text}." in shown.err
        return
    (rows,) = json.loads(shown.out)["functions"].values()
    key = format_location(flag.key)
    used = [row["key"] for row in rows if row["from"] == f"command line, {flag.short}"]
    assert any(found.startswith(key) for found in used), rows


def test_what_is_left_of_update_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["update", "-a", "-sl"], FakeServices({})) == 2
    shown = capsys.readouterr().err
    assert "scar update -f FILE" in shown
    assert "--supervisor-layer is accepted, not used: the supervisor is part of scar." in shown


def test_the_name_of_an_api_is_a_value_of_the_function() -> None:
    assert flags_to_fdl(FunctionFlags(api_gateway_name="x")) == {"api_gateway": {"name": "x"}}
