"""Exit statuses, error messages, and closed or full output streams."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest

import scar
from scar.aws.client.waiter import WaitCancelledError
from scar.cli.command_group import LazyCommandGroup, cli
from scar.cli.commands import image, local
from scar.cli.main import run
from scar.cli.session import Session as CommandSession
from scar.errors import ConfigurationError, OperationRefusedError, ScarError, WaitTimeoutError
from tests.fakes.services import FakeServices, function_summary

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ScarError("p", remedy="r"), 1),
        (ConfigurationError("p", remedy="r"), 4),
        (OperationRefusedError("p", remedy="r"), 5),
        (WaitTimeoutError("p", remedy="r"), 6),
    ],
)
def test_errors_give_problem_remedy_and_status(
    error: ScarError, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls"], FakeServices({}, error=error)) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "Nowhere, eu-west-1\nError: p\nr\n"


def test_the_unexpected_is_one_line_without_debug(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ls"], FakeServices({}, error=RuntimeError("boom"))) == 1
    shown = capsys.readouterr().err
    assert "RuntimeError: boom" in shown
    assert "--debug" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("arguments", [["--debug", "ls"], ["ls", "--debug"]])
def test_debug_shows_the_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, FakeServices({}, error=RuntimeError("boom"))) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ls"], FakeServices({}, error=KeyboardInterrupt())) == 130
    assert capsys.readouterr().err.endswith("Interrupted.\n")


def test_a_reader_that_went_away_is_no_noise() -> None:
    """A pipe closed before the help is written."""
    program = (
        "import select; pipe = select.poll(); pipe.register(1, 0); pipe.poll();"  # until then
        "from scar.cli.main import main; main()"
    )
    found = subprocess.run(
        ["sh", "-c", f"('{sys.executable}' -c '{program}' --help; echo $? >&2) | true"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert found.stderr == "141\n"


@pytest.mark.parametrize(
    ("where", "status", "printed"),
    [(">/dev/full", 1, "No space left on device"), (">&-", 0, ""), (">&- 2>&-", 0, "")],
)
def test_a_stream_that_takes_nothing_is_no_fault_of_scar(
    where: str, status: int, printed: str
) -> None:
    program = "from scar.cli.main import main; main()"
    found = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -c '{program}' schema {where}"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == status
    assert printed in found.stderr
    assert found.stderr.count("\n") <= 2
    assert "bug in scar" not in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lst"], "No such command 'lst'"),
        (["init"], "-f FILE"),
        (["init", "-n", "f"], "-i IMAGE or -if FILE"),
        (["rm"], "-n NAME, -f FILE or -a"),
        (["rm", "-n", "f", "-a"], "mutually exclusive"),
        (["put", "-b", "photos"], "-p"),
        (["put", "-p", "."], "-b"),
        (["put", "-b", "Photos/in", "-p", "."], "valid bucket name"),
        (["get", "-b", "a", "-p", "."], "valid bucket name"),
        (["log"], "-n NAME"),
        (["run"], "-n NAME"),
        (["run", "-n", "gray", "-s", "nowhere.sh"], "nowhere.sh cannot be read"),
        (["run", "-n", "gray", "-ib", "photos/in", "x"], "omit -s and ARGUMENTS"),
        (["invoke", "-n", "gray", "-jd", "{"], "not JSON"),
        (["invoke", "-n", "gray", "-p", "[1]"], "JSON object"),
        (["invoke", "-n", "gray", "-jd", "1", "-db", "x"], "mutually exclusive"),
        (["init", "-n", "f", "-i", "debian", "-e", "novalue"], "not NAME=value"),
        (["ls", "--output", "xml"], "'xml' is not one of"),
        (["ls", "--bukket", "x"], "--bukket"),
        (["update", "-n", "f"], "scar update -f FILE"),
        (["local", "reset"], "--yes"),
    ],
)
def test_mistakes_on_the_command_line_are_named(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    services = FakeServices({"SCAR_LOCAL_HOME": str(tmp_path)}, summaries=[function_summary()])
    assert run(arguments, services) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.out == ""


def test_an_fdl_file_with_faults_ends_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("functions:\n  aws:\n  - lambda:\n      nam: f\n")
    assert run(["init", "-f", str(file)], FakeServices({})) == 3
    assert f"{file}:4:7" in capsys.readouterr().err


def test_version_and_help_load_nothing_heavy() -> None:
    heavy = "{'boto3', 'botocore', 'pydantic', 'yaml', 'moto', 'docker'}"
    program = (
        "import sys; from scar.cli.main import run;"
        f"print([run([a]) for a in sys.argv[1:]], sorted({heavy} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, "--version", "--help", "version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert found.stdout.startswith(f"scar {scar.__version__}\n")
    assert found.stdout.endswith("[0, 0, 0] []\n")


@pytest.mark.parametrize(
    "group", [cli, image.image, local.local], ids=lambda group: str(group.name)
)
def test_the_list_of_commands_has_the_first_lines_of_their_help(group: click.Group) -> None:
    assert isinstance(group, LazyCommandGroup)
    context = click.Context(group)
    for name, help_ in group.commands_help.items():
        command = group.get_command(context, name)
        assert command is not None
        assert re.sub(r"\s+", " ", (command.help or "").split("\n\n")[0]).strip() == help_


def test_help_lines_of_commands_are_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["image", "--help"], ["local", "--help"]):
        assert run(arguments, FakeServices({})) == 0
        assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["rm"], "Missing option: -n NAME, -f FILE or -a."),
        (["log"], "Missing option: -n NAME, -f FILE, --run RUN or --file s3://BUCKET/KEY."),
        (["run"], "Missing option: -n NAME or -f FILE."),
        (["export"], "Missing option: -f FILE."),
        (["init"], "Missing option: -f FILE, -i IMAGE or -if FILE. Without -f,"),
        (["rm", "-n", "a", "-a"], "-n and -a are mutually exclusive."),
    ],
)
def test_missing_options_are_named_in_one_style(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, FakeServices({})) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("command", [["plan"], ["show"], ["image", "compose"]])
def test_commands_that_change_nothing_have_no_dry_run(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "--dry-run"], FakeServices({})) == 2
    shown = capsys.readouterr().err
    assert "No such option" in shown
    assert "--dry-run" in shown


def test_ctrl_c_ends_the_waits_of_all_threads_of_the_connection() -> None:
    """Otherwise the command would join a thread that waits for AWS, for minutes."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        connection = CommandSession(services=FakeServices({})).connect()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(connection.waits.pause, 600)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            with pytest.raises(WaitCancelledError):
                waiting.result(60)
    finally:
        signal.signal(signal.SIGINT, previous)


def test_waits_of_every_command_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    connection = CommandSession(services=FakeServices({})).connect()
    connection.waits.report("waiting")
    assert capsys.readouterr().err.endswith("waiting\n")
