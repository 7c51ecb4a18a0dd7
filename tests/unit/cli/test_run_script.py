"""``run_script``: sent by ``scar run -f``, and only by it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from scar.aws.model import limits
from scar.cli.main import run
from tests.fakes.services import FakeServices, function_summary
from tests.unit.cli.test_run import a_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAD = "#!/bin/sh\n"


@pytest.fixture
def cow(tmp_path: Path) -> Path:
    """Write a file with one function that has both scripts and an input folder."""
    (tmp_path / "run.sh").write_text(f"{HEAD}echo run\n")
    (tmp_path / "init.sh").write_text(f"{HEAD}echo init\n")
    file = tmp_path / "cow.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: gray\n      container: {image: x}\n"
        "      init_script: init.sh\n      run_script: run.sh\n      input: [{path: photos/in}]\n"
    )
    return file


def invoke(*arguments: str | Path, status: int = 0) -> FakeServices:
    services = FakeServices({}, summaries=[function_summary()], files=[a_file("in/a")])
    assert run([*map(str, arguments)], services) == status
    return services


def scripts(payloads: Sequence[dict[str, object]]) -> list[str]:
    return [base64.b64decode(str(p.get("script", ""))).decode() for p in payloads]


@pytest.mark.parametrize("options", [[], ["-n", "gray"]])
def test_run_with_the_file_sends_its_run_script(cow: Path, options: list[str]) -> None:
    assert scripts(invoke("run", "-f", cow, *options).invoked) == [f"{HEAD}echo run\n"]


def test_an_asynchronous_run_sends_it_too(cow: Path) -> None:
    assert scripts(invoke("run", "-f", cow, "-a").queued) == [f"{HEAD}echo run\n"]


def test_an_edited_script_takes_effect_without_init(cow: Path) -> None:
    for text in ("v1", "v2"):
        (cow.parent / "run.sh").write_text(f"{HEAD}echo {text}\n")
        services = invoke("run", "-f", cow)
        assert scripts(services.invoked) == [f"{HEAD}echo {text}\n"]
        assert services.deployed == []


def test_another_script_replaces_it(cow: Path) -> None:
    (cow.parent / "other.sh").write_text("other\n")
    services = invoke("run", "-f", cow, "-s", cow.parent / "other.sh", "a")
    assert scripts(services.invoked) == ["other\n"]
    assert services.invoked[0]["cmd_args"] == ["a"]


def test_run_by_name_sends_no_script() -> None:
    services = invoke("run", "-n", "gray")
    assert [set(payload) for payload in services.invoked] == [{"Records"}]


@pytest.mark.parametrize(
    ("options", "member", "reason"),
    [
        (["-ib", "photos/in"], "Records", "events of files"),
        (["--", "ls", "-l"], "cmd_args", "ARGUMENTS are a command"),
    ],
)
def test_files_and_commands_run_without_it_and_this_is_said(
    cow: Path,
    options: list[str],
    member: str,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    services = invoke("run", "-f", cow, *options)
    assert [set(payload) for payload in services.invoked] == [{member}]
    error = capsys.readouterr().err
    assert "run_script run.sh is not sent" in error
    assert reason in error


def test_init_deploys_the_init_script_alone(cow: Path) -> None:
    ((function,),) = invoke("init", "-f", cow, "-y").deployed
    assert function.lambda_.init_script == cow.parent / "init.sh"


@pytest.mark.parametrize("option", ["-s", "run_script"])
@pytest.mark.parametrize(
    ("flags", "limit"),
    [([], limits.LAMBDA_SYNC_PAYLOAD), (["-a"], limits.LAMBDA_ASYNC_PAYLOAD)],
)
def test_a_script_above_the_limit_of_events_is_refused_with_the_remedy(
    cow: Path,
    option: str,
    flags: list[str],
    limit: limits.Limit,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Smaller than an event, but base64 makes four characters of three bytes.
    content = HEAD.ljust(limit.maximum * 4 // 5, "#")
    (cow.parent / "run.sh").write_text(content)
    by_option = ["-n", "gray", "-s", str(cow.parent / "run.sh")]
    arguments = by_option if option == "-s" else ["-f", str(cow)]
    services = invoke("run", *arguments, *flags, status=2)
    assert services.invoked == services.queued == []
    error = " ".join(capsys.readouterr().err.split())
    assert f"limit for an {'asynchronous ' if flags else ''}event" in error
    assert f"is {limit.maximum:,}" in error
    assert "Set it as init_script" in error


def test_validate_refuses_run_script_without_allow_script(
    cow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    invoke("validate", "-f", cow)
    cow.write_text(cow.read_text().replace("run_script:", "allow_script: false\n      run_script:"))
    invoke("validate", "-f", cow, status=3)
    assert "allow_script: false refuses scripts of events" in " ".join(
        capsys.readouterr().err.split()
    )


def test_notes_are_shown_where_the_function_is_deployed(
    cow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "  - lambda:\n      name: {}\n      container: {{image: x}}\n    api_gateway: {}\n"
    public = "{name: api, authentication: NONE}"
    text = "".join(entry.format(name, public) for name in ("gray", "other"))
    cow.write_text(f"functions:\n  aws:\n{text}")
    invoke("run", "-f", cow, "-n", "gray")
    assert "everybody who knows" not in capsys.readouterr().err
    services = FakeServices({}, summaries=[])
    run(["run", "-f", str(cow), "-n", "gray"], services)
    shown = capsys.readouterr().err
    assert "gray: everybody who knows" in shown
    assert "other: " not in shown
