"""A full disk is reported by every service; nothing half written is left, and all works after."""

from __future__ import annotations

import base64
import functools
import http.client
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from scar.errors import ConfigurationError
from scar.local.access_keys import AccessKeys
from scar.local.cloud import LocalCloud
from scar.local.conditions.settings import ConditionsSettings
from scar.local.control import LocalCloudControl
from scar.local.home import LocalCloudHome
from tests.conformance.engine_harness import unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SESSION = boto3.Session(region_name="us-east-1")
ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield the folder of a file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        unavailable("a small file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to the last byte; return the file that does so."""
    path = folder / "filler"
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 65536)
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x")
    return path


class Clients:
    """Clients of a local cloud that repeat nothing."""

    def __init__(self, home: LocalCloudHome, cloud: LocalCloud) -> None:
        self._keys = AccessKeys(home.load_secret()).credentials_for("test")
        self._cloud = cloud

    def __getattr__(self, service: str) -> Any:  # noqa: ANN401
        return SESSION.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self._cloud.url,
            config=ONCE,
            aws_access_key_id=self._keys.access_key,
            aws_secret_access_key=self._keys.secret_key,
        )


@pytest.fixture
def home(disk: Path) -> LocalCloudHome:
    made = LocalCloudHome(disk / "home")
    made.create()
    return made


@pytest.fixture
def cloud(home: LocalCloudHome) -> Iterator[LocalCloud]:
    made = LocalCloud(home, "process", {}, ConditionsSettings(limits=False))
    yield made
    made.close()


def registry_request(
    cloud: LocalCloud, clients: Clients, method: str, path: str, body: bytes = b""
) -> tuple[int, bytes, str]:
    token = clients.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=300)
    connection.request(method, path, body, {"authorization": f"Basic {token}"})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content, response.headers.get("location", "")


def test_each_service_reports_a_full_disk_and_works_once_there_is_space(
    disk: Path, home: LocalCloudHome, cloud: LocalCloud
) -> None:
    clients = Clients(home, cloud)
    clients.s3.create_bucket(Bucket="data")
    clients.logs.create_log_group(logGroupName="g")
    clients.logs.create_log_stream(logGroupName="g", logStreamName="s")
    *_, upload = registry_request(cloud, clients, "POST", "/v2/app/blobs/uploads/")
    large = base64.b64encode(os.urandom(150_000)).decode()
    # Above and below 64 KiB: the first does not even get to its service.
    batches = [[{"timestamp": 10**12, "message": large[:size]}] for size in (120_000, 50_000)]
    role = {"Statement": [], "Id": large[:1900]}
    calls: list[Callable[[], object]] = [
        lambda: clients.s3.put_object(Bucket="data", Key="k", Body=large.encode()),
        lambda: clients.s3.put_object(Bucket="data", Key="inline", Body=large[:60_000].encode()),
        *(
            functools.partial(
                clients.logs.put_log_events,
                logGroupName="g",
                logStreamName="s",
                logEvents=events,
            )
            for events in batches
        ),
        lambda: clients.iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(role)),
        lambda: clients.ecr.create_repository(repositoryName="app"),
    ]
    filler = fill(disk)
    for number, call in enumerate(calls):
        with pytest.raises(ClientError, match="The disk is full") as caught:
            call()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 507, number
        assert str(home.data) in str(caught.value)
    status, content, _ = registry_request(cloud, clients, "PATCH", upload, os.urandom(200_000))
    assert (status, b"The disk is full" in content) == (507, True)
    # Nothing half written.
    assert list((home.data / "registry" / "incoming").iterdir()) == []
    assert list((home.data / "s3" / "blobs").iterdir()) == []
    assert clients.s3.list_objects_v2(Bucket="data")["KeyCount"] == 0
    assert [role["RoleName"] for role in clients.iam.list_roles()["Roles"]] == []
    assert clients.logs.get_log_events(logGroupName="g", logStreamName="s")["events"] == []
    filler.unlink()
    for call in calls:
        call()
    *_, upload = registry_request(cloud, clients, "POST", "/v2/app/blobs/uploads/")
    assert registry_request(cloud, clients, "PATCH", upload, b"x")[0] == 202
    assert [role["RoleName"] for role in clients.iam.list_roles()["Roles"]] == ["r"]
    assert clients.s3.list_objects_v2(Bucket="data")["KeyCount"] == 2


def test_a_start_on_a_full_disk_says_so(disk: Path, home: LocalCloudHome) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "SCAR_LOCAL_HOME": str(home.path),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    control = LocalCloudControl(home, environment)
    fill(disk)
    with pytest.raises(ConfigurationError, match="The disk is full") as caught:
        control.ensure_started("process")
    assert str(home.path) in caught.value.problem
    assert "SCAR_LOCAL_HOME" in caught.value.remedy


def test_a_new_folder_on_a_full_disk_says_so(disk: Path) -> None:
    fill(disk)
    code = (
        "import sys; from pathlib import Path; from scar.local.home import LocalCloudHome\n"
        "home = LocalCloudHome(Path(sys.argv[1])); home.create(); home.load_secret()"
    )
    made = subprocess.run(
        [sys.executable, "-c", code, str(disk / "new")], capture_output=True, check=False
    )
    assert b"ConfigurationError: The disk is full" in made.stderr
