"""The server of a state folder: the engine it keeps, and few file descriptors."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.errors import ScarError
from scar.local.control import LocalCloudControl
from scar.local.home import LocalCloudHome
from tests.fakes.local_cloud import environment
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def control(tmp_path: Path) -> Iterator[LocalCloudControl]:
    # No Docker: the sandbox engine, or the one without isolation, is the best one that works.
    variables = {"DOCKER_HOST": f"unix://{tmp_path}/none", "XDG_RUNTIME_DIR": str(tmp_path)}
    control = LocalCloudControl(
        LocalCloudHome(tmp_path / "home"), environment(tmp_path) | variables
    )
    yield control
    control.stop()


def start(control: LocalCloudControl, engine: str = "") -> str:
    """Start the server from a process of its own; return its engine, or the error."""
    code = (
        "import os, sys; from scar.local.control import LocalCloudControl as Control\n"
        "from scar.local.home import LocalCloudHome as Home\n"
        "from scar.errors import ScarError\n"
        "try: print(Control(Home.from_environment(os.environ), os.environ)"
        ".ensure_started(sys.argv[1]).engine)\n"
        "except ScarError as error: print(error.problem, error.remedy)"
    )
    started = subprocess.run(
        [sys.executable, "-c", code, engine],
        env=dict(control.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return started.stdout.strip()


def kill(control: LocalCloudControl) -> None:
    running = control.home.running_server()
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: control.home.running_server() is None)


def test_the_engine_stays_after_a_stop_and_after_a_kill(control: LocalCloudControl) -> None:
    assert start(control, "process") == "process"
    kill(control)
    assert start(control) == "process"
    control.stop()
    assert start(control) == "process"


def test_an_engine_that_does_not_work_any_more_is_not_replaced_by_another(
    control: LocalCloudControl,
) -> None:
    assert start(control, "process") == "process"
    control.stop()
    control.home.keep_engine("docker")
    refusal = start(control)
    assert "uses the docker engine, which does not work now" in refusal
    assert "scar local start --engine" in refusal
    assert control.home.running_server() is None
    assert control.home.kept_engine() == "docker"
    # Only the user changes it.
    assert start(control, "process") == "process"
    control.stop()
    assert start(control) == "process"


def test_a_damaged_secret_is_told_and_its_remedy_works(control: LocalCloudControl) -> None:
    assert start(control, "process") == "process"
    control.stop()
    secret = control.home.path / "secret"
    secret.write_text("")
    assert f"{secret} is empty or damaged" in start(control)
    with pytest.raises(ScarError, match="is empty or damaged"):
        control.home.load_secret()
    secret.rename(f"{secret}.lost")
    assert start(control) == "process"


@pytest.mark.parametrize("kind", ["fifo", "folder", "dangling"])
@pytest.mark.parametrize("name", ["lock", "server.lock", "server.log", "server.json"])
def test_special_files_of_the_server_are_named_or_replaced(
    tmp_path: Path, name: str, kind: str
) -> None:
    home = LocalCloudHome(tmp_path / "home")
    control = LocalCloudControl(home, environment(tmp_path))
    home.create()
    path = home.path / name
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(tmp_path / "none" / "none")
    seen = start(control, "process")
    try:
        assert "Traceback" not in seen
        assert seen == "process" if name in {"server.log", "server.json"} else str(path) in seen
    finally:
        if name != "lock":
            control.stop()
    assert home.running_server() is None


def test_the_server_survives_clients_that_use_up_its_file_descriptors(
    control: LocalCloudControl,
) -> None:
    home = control.home
    home.create()
    with ExitStack() as stack:
        server = stack.enter_context(
            subprocess.Popen(
                [
                    "/bin/sh",
                    "-c",
                    'ulimit -n 80; exec "$@" 2>"$0"',
                    str(home.log),
                    sys.executable,
                    *("-m", "scar.local.server", "--home", str(home.path)),
                    *("--engine", "process", "--no-limits"),
                ],
                env=dict(control.environment),
            )
        )
        stack.callback(server.terminate)
        running = until(home.running_server)
        assert running is not None
        for _ in range(200):  # each sends half a request, and waits
            sock = socket.create_connection(("127.0.0.1", running.port), timeout=300)
            stack.callback(sock.close)
            sock.sendall(b"GET / HT")
        (home.path / "server.json").unlink()  # the server needs a descriptor to write it again
        cloud = until(control.find)
        assert cloud is not None
        assert home.running_server() == running
        session = boto3.Session(cloud.access_key, cloud.secret_key, region_name="us-east-1")
        s3 = session.client("s3", endpoint_url=cloud.endpoint_url)
        s3.create_bucket(Bucket="data")
        for number in range(20):
            s3.put_object(Bucket="data", Key=str(number), Body=b"x" * 100_000)
        assert s3.list_objects_v2(Bucket="data")["KeyCount"] == 20
        assert server.poll() is None
