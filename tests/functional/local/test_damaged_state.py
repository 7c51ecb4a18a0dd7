"""Each file of a used state folder is damaged in each way; then the local cloud starts.

It starts with nothing lost, or refuses to start and names the file; no stored body is removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import boto3
import pytest

from scar.errors import ConfigurationError
from scar.local.access_keys import AccessKeys
from scar.local.batch.model import BatchJob, JobSpec, JobStatus
from scar.local.batch.store import JobStore
from scar.local.cloud import LocalCloud
from scar.local.conditions.settings import ConditionsSettings
from scar.local.engines import process
from scar.local.home import LocalCloudHome
from scar.local.lambda_.event_queue import EventQueue
from scar.local.registry.store import RegistryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

Damage = Literal["missing", "empty", "half", "garbage", "directory", "fifo", "link", "device"]
BODIES = {"large": os.urandom(200_000), "other": os.urandom(70_000), "small": b"inline"}
LAYER, CONFIG = os.urandom(5000), b"{}"
SESSION = boto3.Session(region_name="us-east-1")  # once: it loads the services' descriptions
GARBAGE = b"\x93garbage \xff\xfe" * 700


def apply_damage(path: Path, damage: Damage) -> None:
    content = path.read_bytes()
    path.unlink()
    actions: dict[Damage, Callable[[], object]] = {
        "missing": lambda: None,
        "empty": path.touch,
        "half": lambda: path.write_bytes(content[: len(content) // 2]),
        "garbage": lambda: path.write_bytes(GARBAGE[: max(len(content), 10)]),
        "directory": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to(path.parent / "no such file"),
        "device": lambda: path.symlink_to("/dev/zero"),
    }
    actions[damage]()


def start(home: LocalCloudHome) -> LocalCloud:
    home.create()
    return LocalCloud(home, "", {}, ConditionsSettings(limits=False))


def client(cloud: LocalCloud, home: LocalCloudHome, service: Any) -> Any:  # noqa: ANN401
    keys = AccessKeys(home.load_secret()).credentials_for("test")
    return SESSION.client(
        service,
        endpoint_url=cloud.url,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
    )


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def push_image(store: RegistryStore) -> None:
    descriptors = []
    for data in (CONFIG, LAYER):
        file = store.create_temporary_file()
        file.write_bytes(data)
        store.add_blob("app", digest(data), file)
        descriptors.append({"digest": digest(data), "size": len(data)})
    manifest = {"schemaVersion": 2, "config": descriptors[0], "layers": descriptors[1:]}
    store.put_manifest("app", json.dumps(manifest).encode(), "v1")


def a_job() -> BatchJob:
    spec = JobSpec(definition="d", image="i", vcpus=1.0, memory_mb=1)
    return BatchJob(
        id="job",
        name="n",
        region="us-east-1",
        queue="q",
        spec=spec,
        created=1,
        status=JobStatus.SUCCEEDED,
        stopped=10**15,
    )


def fill(home: LocalCloudHome, cloud: LocalCloud) -> None:
    s3 = client(cloud, home, "s3")
    s3.create_bucket(Bucket="data")
    for key, body in BODIES.items():
        s3.put_object(Bucket="data", Key=key, Body=body)
    client(cloud, home, "iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    logs = client(cloud, home, "logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_log_events(
        logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 10**12, "message": "hello"}]
    )


@dataclass(frozen=True)
class UsedFolders:
    """State folders of a server that was stopped, and of one that was killed."""

    stopped: Path
    killed: Path


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> UsedFolders:
    folder = tmp_path_factory.mktemp("used")
    stopped, killed = folder / "stopped", folder / "killed"
    home = LocalCloudHome(stopped)
    home.create()
    home.keep_engine("process")
    cloud = start(home)
    fill(home, cloud)
    queue = EventQueue(home.data / "lambda.sqlite")
    queue.put("arn:aws:lambda:us-east-1:123456789012:function:f", "r", b"{}", delay=10**9)
    queue.close()
    jobs = JobStore(home.data / "batch" / "jobs.sqlite")
    jobs.add(a_job())
    push_image(RegistryStore(home.data / "registry"))
    shutil.copytree(stopped, killed)
    cloud.close()
    jobs.close()
    return UsedFolders(stopped, killed)


def read_state(home: LocalCloudHome, cloud: LocalCloud, *, without: str = "") -> dict[str, object]:
    """Return what a user sees of each service, without one object."""
    s3 = client(cloud, home, "s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="data")["Contents"]]
    status: Any = cloud.status()
    return {
        "objects": {
            key: s3.get_object(Bucket="data", Key=key)["Body"].read()
            for key in keys
            if key != without
        },
        "roles": [r["RoleName"] for r in client(cloud, home, "iam").list_roles()["Roles"]],
        "events": status["lambda"]["queued"],
        "jobs": status["batch"],
        "engine": cloud.engine.name,
    }


def read_log(home: LocalCloudHome, cloud: LocalCloud) -> list[str]:
    logs = client(cloud, home, "logs")
    return [e["message"] for e in logs.filter_log_events(logGroupName="g")["events"]]


def stored_bodies(home: LocalCloudHome) -> set[str]:
    """Return the hashes of all body files and blobs in the folder, wherever they are."""
    folders = (home.data / "s3", home.data / "registry")
    return {
        digest(path.read_bytes())
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size >= min(len(LAYER), 70_000)
    } & {digest(data) for data in (*BODIES.values(), LAYER)}


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def prepare_no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine compile nothing for runs, of which these tests have none: 0.3 s a start."""
    monkeypatch.setattr(process, "_start_supervisor", lambda _folder: ("false",))


def is_body(name: str) -> bool:
    return name.startswith(("data/s3/blobs", "data/registry/blobs"))


@pytest.fixture
def running() -> Iterator[list[LocalCloud]]:
    clouds: list[LocalCloud] = []
    yield clouds
    for cloud in clouds:
        cloud.close()


@pytest.mark.parametrize("damage", get_args(Damage))
@pytest.mark.parametrize("state", ["stopped", "killed"])
def test_a_damaged_file_loses_nothing_or_is_named(
    used: UsedFolders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: Literal["stopped", "killed"],
    damage: Damage,
) -> None:
    source = getattr(used, state)
    whole = examine(copy(source, tmp_path / "whole"))
    assert whole.problem == ""
    for number, name in enumerate(name for name in files(source) if not is_body(name)):
        home = copy(source, tmp_path / str(number))
        apply_damage(home.path / name, damage)
        with monkeypatch.context() as patches:
            if not name.startswith("data/engines"):
                prepare_no_supervisor(patches)
            seen = examine(home)
        case = f"{name}: {damage}, {state}"
        if seen.problem:
            database = name.removesuffix("-wal").removesuffix("-shm")
            assert database.rpartition("/")[2] in seen.problem, case
            assert "reset" not in seen.remedy, case
        elif name.startswith("data/logs"):
            assert seen.state == whole.state, case
        elif not name.startswith("data/registry/repositories"):
            assert (seen.state, seen.log) == (whole.state, whole.log), case
        assert stored_bodies(home) == stored_bodies(LocalCloudHome(source)), case


@dataclass(frozen=True)
class Seen:
    """The state after a start, or why it was refused."""

    problem: str = ""
    remedy: str = ""
    state: object = None
    log: object = None


def copy(source: Path, target: Path) -> LocalCloudHome:
    shutil.copytree(source, target)
    return LocalCloudHome(target)


def examine(home: LocalCloudHome) -> Seen:
    try:
        cloud = start(home)
    except ConfigurationError as error:
        return Seen(problem=error.problem, remedy=error.remedy)
    try:
        return Seen(state=read_state(home, cloud), log=read_log(home, cloud))
    finally:
        cloud.close()


@pytest.mark.parametrize("damage", [d for d in get_args(Damage) if d != "garbage"])
def test_a_damaged_body_is_an_error_for_its_object_alone(
    used: UsedFolders, tmp_path: Path, running: list[LocalCloud], damage: Damage
) -> None:
    home = copy(used.stopped, tmp_path / "home")
    (path,) = [p for p in (home.data / "s3/blobs").iterdir() if p.stat().st_size == 200_000]
    apply_damage(path, damage)
    running.append(start(home))
    s3 = client(running[0], home, "s3")
    with pytest.raises(s3.exceptions.ClientError, match="Upload the object again") as caught:
        s3.get_object(Bucket="data", Key="large")
    assert str(path) in str(caught.value)
    state = read_state(home, running[0], without="large")
    assert state["objects"] == {key: BODIES[key] for key in ("other", "small")}
    s3.put_object(Bucket="data", Key="large", Body=BODIES["large"])
    assert s3.get_object(Bucket="data", Key="large")["Body"].read() == BODIES["large"]


def remove_index(home: LocalCloudHome) -> None:
    for path in (home.data / "s3").glob("meta.db*"):
        path.unlink()


def empty_index(home: LocalCloudHome) -> None:
    remove_index(home)
    (home.data / "s3/meta.db").touch()


@pytest.mark.parametrize("lose", [remove_index, empty_index])
@pytest.mark.parametrize("inventory", ["kept", "gone"])
def test_a_new_index_beside_bodies_is_refused_until_the_user_permits_it(
    used: UsedFolders,
    tmp_path: Path,
    running: list[LocalCloud],
    lose: Callable[[LocalCloudHome], None],
    inventory: str,
) -> None:
    home = copy(used.stopped, tmp_path / "home")
    lose(home)
    if inventory == "gone":
        (home.data / "databases").unlink()
    bodies = stored_bodies(home)
    refused = examine(home)
    assert "s3/meta.db" in refused.problem
    assert examine(home) == refused  # the first attempt must not make the index look used
    # What the remedy says: the index is renamed, or the permit is created.
    index, permit = home.data / "s3/meta.db", home.data / "s3/meta.db.lost"
    assert str(permit) in refused.remedy
    index.rename(permit) if index.exists() else permit.touch()
    running.append(start(home))
    assert client(running[0], home, "s3").list_buckets()["Buckets"] == []
    assert stored_bodies(home) == bodies
    assert not permit.exists()
    (day,) = (home.data / "s3/lost").iterdir()
    assert {p.stat().st_size for p in day.iterdir()} == {200_000, 70_000}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("s3/meta.db", "logs/logs.sqlite"),
        ("lambda.sqlite", "logs/logs.sqlite"),
        ("moto/journal.sqlite", "batch/jobs.sqlite"),
        ("batch/jobs.sqlite", "s3/meta.db"),
    ],
)
def test_the_database_of_another_service_is_refused(
    used: UsedFolders, tmp_path: Path, name: str, other: str
) -> None:
    home = copy(used.stopped, tmp_path / "home")
    shutil.copy(home.data / other, home.data / name)
    with pytest.raises(ConfigurationError, match="is another database") as caught:
        start(home)
    assert str(home.data / name) in caught.value.problem
    assert stored_bodies(home) == stored_bodies(LocalCloudHome(used.stopped))


def test_a_damaged_log_database_is_put_aside_and_reported(
    used: UsedFolders, tmp_path: Path, running: list[LocalCloud]
) -> None:
    home = copy(used.stopped, tmp_path / "home")
    path = home.data / "logs/logs.sqlite"
    path.write_bytes(GARBAGE)
    running.append(start(home))
    (aside,) = path.parent.glob("logs.sqlite.damaged-*")
    assert aside.read_bytes() == GARBAGE
    status: Any = running[0].status()
    assert str(aside) in status["not_emulated"][0]


def test_blobs_without_a_manifest_are_kept_and_those_of_a_deleted_one_removed(
    tmp_path: Path,
) -> None:
    store = RegistryStore(tmp_path)
    push_image(store)
    (manifest,) = store.list_manifests("app")
    shutil.rmtree(tmp_path / "repositories" / "app" / "manifests")
    assert store.collect_garbage() == 0
    (day,) = (tmp_path / "lost").iterdir()
    assert {p.name for p in day.iterdir()} == {digest(d)[7:] for d in (LAYER, CONFIG)}
    push_image(store)
    store.delete_manifest("app", manifest)
    assert store.collect_garbage() == 2
    assert len(list(day.iterdir())) == 2
