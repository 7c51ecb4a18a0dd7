"""Completion: what a shell receives after TAB."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from scar.aws.inventory.functions import FunctionSummary, InputFolder
from scar.cli.completion import values
from scar.cli.main import run
from scar.errors import ScarError
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection

    Complete = Callable[..., list[str]]

FUNCTIONS = [
    function_summary("gray", inputs=(InputFolder("photos/in"), InputFolder("photos/raw"))),
    function_summary("green", inputs=(InputFolder("scans/in\x1b[2J"),)),
    function_summary("crop", inputs=()),
]


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    """Return a function that completes the last word, as bash requests it."""

    def words(*line: str, services: FakeServices | None = None) -> list[str]:
        monkeypatch.setenv("_SCAR_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", " ".join(("scar", *line)))
        monkeypatch.setenv("COMP_CWORD", str(len(line)))
        assert run([], services or FakeServices({}, summaries=list(FUNCTIONS))) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return [line.partition(",")[2] for line in out.splitlines() if line]

    return words


def test_commands_subcommands_and_options_are_completed(complete: Complete) -> None:
    assert complete("stat") == ["status"]
    assert complete("local", "sta") == ["start", "status"]
    assert "--dry-run" in complete("init", "--d")
    assert complete("--regi") == ["--region"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("place", ["", "x"], ids=["missing", "no number"])
def test_a_request_without_a_word_to_complete_writes_nothing(
    shell: str, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_SCAR_COMPLETE", f"{shell}_complete")
    for name in ("COMP_WORDS", "COMP_CWORD"):
        monkeypatch.delenv(name, raising=False)
    if place and shell != "fish":  # whose COMP_CWORD is the word itself
        monkeypatch.setenv("COMP_WORDS", "scar put")
        monkeypatch.setenv("COMP_CWORD", place)
    assert run([], FakeServices({})) == 1
    assert capsys.readouterr() == ("", "")


def test_functions_and_folders_are_those_of_the_account(complete: Complete) -> None:
    assert complete("rm", "-n", "gr") == ["gray", "green"]
    assert complete("put", "-b", "photos/r") == ["photos/raw"]


@pytest.mark.parametrize("command", ["get", "ls"])
def test_buckets_and_the_folders_in_them_are_completed_for_what_reads(
    complete: Complete, command: str
) -> None:
    summary = function_summary(
        "gray", inputs=(InputFolder("photos/in"),), buckets=("photos", "results")
    )
    services = FakeServices({}, summaries=[summary], folders=["results/gray", "other/x"])
    assert complete(command, "-b", "", services=services) == ["photos", "photos/in", "results"]
    assert complete(command, "-b", "results/", services=services) == ["results/gray"]
    assert complete(command, "-b", "other/", services=services) == []
    assert complete("put", "-b", "", services=services) == ["photos/in"]
    services = FakeServices({}, summaries=[summary], folders=ScarError("denied", remedy="none"))
    assert complete(command, "-b", "photos/", services=services) == ["photos/in"]


def test_import_completes_the_functions_that_scar_4_made(complete: Complete) -> None:
    services = FakeServices({}, summaries=list(FUNCTIONS), of_scar4=["grid", "old", "green-old"])
    assert complete("import", "-n", "gr", services=services) == ["green-old", "grid"]
    assert complete("rm", "-n", "gr", services=services) == ["gray", "green"]


def test_names_with_control_characters_are_left_out(complete: Complete) -> None:
    assert complete("put", "-b", "s") == []


def test_regions_and_profiles_are_completed(
    complete: Complete, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile genomics]\nregion = eu-west-1\n[profile video]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    assert complete("ls", "--profile", "g") == ["genomics"]
    assert "eu-west-1" in complete("ls", "--region", "eu-w")


def test_an_account_that_cannot_be_read_completes_nothing(complete: Complete) -> None:
    error = ScarError("no credentials", remedy="none")
    assert complete("rm", "-n", "gr", services=FakeServices({}, error=error)) == []
    assert complete("rm", "-n", "gr", services=FakeServices({}, error=RuntimeError("bug"))) == []


def test_an_account_that_does_not_respond_completes_nothing(
    complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    responds = threading.Event()

    class SlowServices(FakeServices):
        def list_functions(self, connection: AwsConnection) -> Sequence[FunctionSummary]:
            responds.wait(60)
            return super().list_functions(connection)

    monkeypatch.setattr(values, "MAX_SECONDS", 0.05)
    assert complete("rm", "-n", "gr", services=SlowServices({}, summaries=list(FUNCTIONS))) == []
    responds.set()


def test_completion_starts_no_local_cloud(complete: Complete, tmp_path: Path) -> None:
    home = tmp_path / "cloud"
    services = FakeServices({"SCAR_LOCAL_HOME": str(home)}, summaries=list(FUNCTIONS))
    assert complete("--local", "rm", "-n", "gr", services=services) == []
    assert services.targets == []
    assert not home.exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_code_for_each_shell_requests_completions(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell], FakeServices({})) == 0
    assert f"_SCAR_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_bash_completes_with_the_printed_code(tmp_path: Path) -> None:
    scar = tmp_path / "scar"
    scar.write_text(f'#!/bin/sh\nexec {sys.executable} -m scar "$@"\n')
    scar.chmod(0o755)
    script = (
        f'PATH="{tmp_path}:$PATH"; eval "$(scar completion bash)"; COMP_WORDS=(scar inv);'
        ' COMP_CWORD=1; _scar_completion scar; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.stdout, done.stderr) == ("invoke\n", "")
