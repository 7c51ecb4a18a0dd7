from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scar.errors import ConfigurationError
from scar.local.home import LocalCloudHome, RunningServer
from scar.local.processes import start_time

if TYPE_CHECKING:
    from pathlib import Path


def running(pid: int) -> RunningServer:
    return RunningServer(
        pid=pid, started=start_time(pid) or 0, port=1, engine="process", version="1"
    )


def test_the_folder_is_chosen_by_the_environment(tmp_path: Path) -> None:
    assert LocalCloudHome.from_environment({"SCAR_LOCAL_HOME": str(tmp_path)}).path == tmp_path
    assert (
        LocalCloudHome.from_environment({"XDG_STATE_HOME": "/x"}).path.as_posix() == "/x/scar/local"
    )
    assert LocalCloudHome.from_environment({}).path.as_posix().endswith("/.local/state/scar/local")


def test_the_folder_and_its_secret_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    home = LocalCloudHome(tmp_path / "home")
    home.create()
    secret = home.load_secret()
    assert home.load_secret() == secret
    assert len(secret) == 64
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.path / "secret").stat().st_mode) == 0o600


def test_a_folder_of_another_layout_is_rejected_with_a_remedy(tmp_path: Path) -> None:
    home = LocalCloudHome(tmp_path)
    home.create()
    (tmp_path / "layout").write_text("99\n")
    with pytest.raises(ConfigurationError, match="layout 99") as caught:
        home.create()
    assert "Use that release" in caught.value.remedy


def test_a_server_with_a_record_is_found_while_it_runs(tmp_path: Path) -> None:
    home = LocalCloudHome(tmp_path)
    home.create()
    home.write_server_record(running(os.getpid()))
    assert home.running_server() == running(os.getpid())
    home.remove_server_record()
    assert home.running_server() is None


def test_a_reused_process_id_is_not_mistaken_for_the_server(tmp_path: Path) -> None:
    home = LocalCloudHome(tmp_path)
    home.create()
    record = running(os.getpid())
    (tmp_path / "server.json").write_text(
        json.dumps(
            {"pid": record.pid, "started": 1, "port": 1, "engine": "process", "version": "1"}
        )
    )
    assert home.running_server() is None


def test_a_server_that_ended_is_not_found(tmp_path: Path) -> None:
    home = LocalCloudHome(tmp_path)
    home.create()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        home.write_server_record(running(process.pid))
        assert home.running_server() is not None
        process.communicate(b"\n")
    assert home.running_server() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_an_invalid_server_record_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    assert LocalCloudHome(tmp_path).running_server() is None
