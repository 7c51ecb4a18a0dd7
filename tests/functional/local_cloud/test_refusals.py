"""What cannot be deployed or started is refused, by name, and leaves the rest alone."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from scar.aws.compile.from_fdl import functions_of
from scar.aws.deploy import deploy
from scar.aws.model.names import FAILURE_HANDLER
from scar.aws.validation.deployment_checks import NotDeployableError
from scar.errors import ConfigurationError, ScarError
from scar.fdl.loader import load_document
from scar.fdl.problems import InvalidFdlError
from scar.image.compose.supervisor_bundle import find_bundle
from scar.local.cloud import PREFERRED_PORT
from scar.local.control import EXIT_LOCKED, LocalCloudControl, LocalCloudNotStartedError
from scar.local.home import LocalCloudHome
from tests.fakes.local_cloud import BUCKET, a_local_cloud, environment, function, scar
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.local_cloud import LocalCloudProcess


@pytest.fixture
def fresh() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process")


def test_two_commands_at_once_deploy_the_same_file(fresh: LocalCloudProcess) -> None:
    batch = {"compute_resources": {"max_v_cpus": 2}}
    path = fresh.write([function("one"), function("two", execution_mode="batch", batch=batch)])
    commands = [scar(fresh.folder, "init", "-f", str(path)) for _ in range(2)]
    outputs = [command.communicate(timeout=300) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], outputs
    fresh.put("one", 'echo 1 >"$TMP_OUTPUT_DIR/1"')
    fresh.put("two", 'echo 2 >"$TMP_OUTPUT_DIR/2"')
    assert fresh.read("out/one/1") == "1\n"
    assert fresh.read("out/two/2") == "2\n"
    assert not fresh.deploy(function("one"), function("two", execution_mode="batch", batch=batch))


def test_two_commands_at_once_start_one_local_cloud(fresh: LocalCloudProcess) -> None:
    fresh.control.stop()
    commands = [scar(fresh.folder, "ls") for _ in range(2)]
    outputs = [command.communicate(timeout=300) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], outputs
    assert (fresh.control.home.log.read_text()).count("listening at") == 2


def test_a_server_whose_announcement_is_damaged_is_found_again(fresh: LocalCloudProcess) -> None:
    before = fresh.control.home.running_server()
    (fresh.control.home.path / "server.json").write_text("{half")
    fresh.start_again()
    assert fresh.control.home.running_server() == before


def test_a_server_whose_folder_is_removed_ends_and_leaves_the_next_alone(
    fresh: LocalCloudProcess,
) -> None:
    before = fresh.control.home.running_server()
    assert before is not None
    shutil.rmtree(fresh.control.home.path)
    fresh.start_again()
    until(lambda: not before.is_alive())
    after = fresh.control.home.running_server()
    assert after is not None
    assert after.pid != before.pid


def test_overlapping_inputs_are_refused_and_the_first_function_stays(
    fresh: LocalCloudProcess,
) -> None:
    fresh.deploy(function("one"))
    inside = [{"path": f"{BUCKET}/in/one/deeper"}]
    with pytest.raises(NotDeployableError, match=r"data/in/one/deeper/ already go to .*one"):
        fresh.deploy(function("two", input=inside))
    with pytest.raises(InvalidFdlError, match="overlaps with data/in/one, an input of one"):
        fresh.deploy(function("one"), function("two", input=inside))
    fresh.put("one", 'echo 1 >"$TMP_OUTPUT_DIR/1"', "deeper/1")
    assert fresh.read("out/one/1") == "1\n"
    there = fresh.client("lambda").list_functions()["Functions"]
    assert {f["FunctionName"] for f in there} == {"one", FAILURE_HANDLER}


def test_an_unknown_image_is_named_with_what_was_tried(fresh: LocalCloudProcess) -> None:
    described = function("one")
    described["lambda"]["container"] = {"image": "no/such:image"}
    with pytest.raises(ScarError) as refused:
        fresh.deploy(described)
    assert "no/such:image was not found" in refused.value.problem
    assert "No Docker or Podman socket was found" in refused.value.problem
    assert not fresh.client("lambda").list_functions()["Functions"]


def test_a_missing_bundle_is_named_with_how_to_build_it(
    fresh: LocalCloudProcess, tmp_path: Path
) -> None:
    images = fresh.images(lambda architecture: find_bundle(architecture, tmp_path))
    functions = functions_of(load_document(fresh.write([function("one")])))
    with pytest.raises(ConfigurationError) as refused:
        deploy.init(functions, fresh.connection, lambda _: None, images=images)
    assert str(tmp_path) in refused.value.problem
    assert "make bundle" in refused.value.remedy


def test_a_second_server_on_the_same_folder_is_refused(fresh: LocalCloudProcess) -> None:
    home = fresh.control.home.path
    second = subprocess.run(
        [sys.executable, "-m", "scar.local.server", "--home", str(home), "--engine", "process"],
        env=environment(fresh.folder),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert second.returncode == EXIT_LOCKED
    assert f"Another local cloud is using {home}" in second.stderr
    assert fresh.control.status() is not None


def test_a_taken_port_is_passed_over(fresh: LocalCloudProcess) -> None:
    fresh.control.stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", PREFERRED_PORT))
            taken.listen()
            ours = True
        except OSError:
            ours = False  # another process has it now, and may release it
        fresh.start_again()
        found = fresh.control.find()
        assert found is not None
        assert not (ours and found.endpoint_url.endswith(f":{PREFERRED_PORT}"))
        assert fresh.client("s3").list_buckets()["Buckets"] == []


def test_reset_forgets_everything(fresh: LocalCloudProcess) -> None:
    fresh.deploy(function("one"))
    fresh.put("one", 'echo 1 >"$TMP_OUTPUT_DIR/1"')
    assert fresh.read("out/one/1") == "1\n"
    fresh.control.reset()
    assert [path.name for path in fresh.control.home.path.iterdir()] == ["lock"]
    fresh.start_again()
    assert fresh.client("s3").list_buckets()["Buckets"] == []
    assert fresh.client("lambda").list_functions()["Functions"] == []


def test_an_engine_that_cannot_work_is_named_with_its_reason(tmp_path: Path) -> None:
    nowhere = {**environment(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/absent.sock"}
    control = LocalCloudControl(LocalCloudHome(tmp_path / "home"), nowhere)
    with pytest.raises(LocalCloudNotStartedError) as refused:
        control.ensure_started("docker")
    assert "The docker engine cannot be used" in refused.value.problem
    assert f"{tmp_path}/absent.sock" in refused.value.problem
    until(lambda: control.find() is None)
