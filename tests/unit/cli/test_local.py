"""The commands of the local cloud."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from scar.local.control import RANDOM_SEED, LocalCloudControl, LocalCloudEndpoint
from scar.local.home import LocalCloudHome
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS = {
    "url": "http://127.0.0.1:1",
    "engine": "process",
    "guarantees": {"filesystem": False, "notes": ["Memory is looked at."]},
    "counts": {"queued": 0},
    "not_emulated": ["GPUs: refused."],
    "batch": {},
}


@dataclass(frozen=True, slots=True)
class FakeControl(LocalCloudControl):
    running: bool = True
    done: list[str] = field(default_factory=list)

    def ensure_started(self, engine: str = "", chaos: str = "") -> LocalCloudEndpoint:
        self.done.append(f"start {engine} {chaos}".rstrip(" "))
        return LocalCloudEndpoint(
            endpoint_url="http://127.0.0.1:1",
            access_key="AK",
            secret_key="it's",
            region="eu-west-1",
            engine="process",
            chaos="7" if chaos == RANDOM_SEED else chaos,
        )

    def find(self) -> LocalCloudEndpoint | None:
        return self.ensure_started() if self.running else None

    def status(self) -> Mapping[str, object] | None:
        return STATUS if self.running else None

    def stop(self) -> bool:
        return self.running

    def reset(self) -> None:
        self.done.append("reset")


@dataclass(frozen=True)
class LocalCloudServices(FakeServices):
    controlled: FakeControl = field(
        default_factory=lambda: FakeControl(LocalCloudHome(Path("/nowhere")), {})
    )

    def local_cloud(self) -> LocalCloudControl:
        return self.controlled


def local_services(*, running: bool = True) -> LocalCloudServices:
    return LocalCloudServices(
        {}, controlled=FakeControl(LocalCloudHome(Path("/nowhere")), {}, running=running)
    )


def test_status_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "status"], local_services()) == 0
    assert capsys.readouterr().out.splitlines() == [
        "url     http://127.0.0.1:1",
        "engine  process",
        "batch   none",
        "",
        "Guarantees:",
        "  filesystem  no",
        "  Notes:",
        "    - Memory is looked at.",
        "",
        "Counts:",
        "  queued  0",
        "",
        "Not emulated:",
        "  - GPUs: refused.",
    ]


@pytest.mark.parametrize("running", [True, False])
def test_status_as_json(running: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "status", "-j"], local_services(running=running)) == 0
    assert json.loads(capsys.readouterr().out)["running"] is running


def test_env_is_for_eval(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "env"], local_services()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "export AWS_ENDPOINT_URL=http://127.0.0.1:1"
    assert """export AWS_SECRET_ACCESS_KEY='it'"'"'s'""" in lines
    assert "export AWS_REGION=eu-west-1" in lines


def test_env_of_nothing_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "env"], local_services(running=False)) == 1
    assert "scar local start" in capsys.readouterr().err


def test_start_names_engine_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    services = local_services()
    assert run(["local", "start", "--engine", "sandbox"], services) == 0
    assert services.controlled.done == ["start sandbox"]
    assert "http://127.0.0.1:1" in capsys.readouterr().err


def test_stop_reports_whether_it_ran(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "stop"], local_services(running=False)) == 0
    assert capsys.readouterr().err == "The local cloud was not running.\n"


def test_reset_wants_a_yes() -> None:
    services = local_services()
    assert run(["local", "reset"], services) == 2
    assert services.controlled.done == []
    assert run(["local", "reset", "--yes"], services) == 0
    assert services.controlled.done == ["reset"]


def test_a_no_to_reset_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    services, keyboard = local_services(), io.StringIO("n\n")
    monkeypatch.setattr(keyboard, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", keyboard)
    assert run(["local", "reset"], services) == 130
    assert services.controlled.done == []
    assert capsys.readouterr().err.endswith("Nothing was deleted.\n")


@pytest.mark.parametrize(
    ("arguments", "seed"), [(["--chaos"], "random"), (["--chaos=42"], "42"), ([], "")]
)
def test_start_passes_the_seed_of_chaos_on(arguments: list[str], seed: str) -> None:
    services = local_services()
    assert run(["local", "start", *arguments], services) == 0
    assert services.controlled.done == [f"start  {seed}".rstrip()]


def test_start_prints_how_to_repeat_a_run_with_chaos(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "start", "--chaos"], local_services()) == 0
    message = capsys.readouterr().err
    assert "(process engine, --chaos=7)" in message
    assert "scar local reset --yes && scar local start --chaos=7" in message


def test_an_empty_seed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["local", "start", "--chaos="], local_services()) == 2
    assert "--chaos= has no seed" in capsys.readouterr().err
