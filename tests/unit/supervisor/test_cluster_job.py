"""A job of a cluster: what it refuses, starts and records."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import ConfigError, RecordError, Terminated
from supervisor.invocation import RunOwner
from supervisor.model import ComputeService, ExecutionMode
from supervisor.runs import cluster_record as cluster
from supervisor.runtime import cluster_job
from supervisor.runtime.cluster_job import SCHEDULER_PATIENCE, ClusterJob, run_cluster_job
from tests.fakes.supervisor_factory import STATE, SupervisorHarness, new_harness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from supervisor.invocation import ProcessSpec

PATH = cluster.ClusterPath(function="fn", cluster="night")
KEY = "the secret key\n"
SPEC = cluster.ClusterSpec(
    scheduler="tls://10.0.0.1:5", authority="CA", certificate="CERT", key=KEY, threads=4, memory=900
)
ENVIRON = {
    cluster.URL_VARIABLE: f"s3://{STATE}/{PATH.spec_key}",
    cluster.ID_VARIABLE: "worker-0-abcdef",
    cluster.NAME_VARIABLE: "worker-0",
    "AWS_BATCH_JOB_ID": "j-1",
    "AWS_BATCH_JOB_ATTEMPT": "1",
}


@dataclass
class FakeProcess:
    """Stands for dask's process: ``act`` returns its status and output."""

    act: Callable[[ProcessSpec], tuple[int, bytes]] = lambda _: (0, b"")
    started: list[ProcessSpec] = field(default_factory=list)

    def run(self, spec: ProcessSpec, *, timeout: float | None) -> tuple[int, bytes]:
        assert timeout is None
        self.started.append(spec)
        return self.act(spec)


def clustered(
    tmp_path: Path, process: FakeProcess, spec: cluster.ClusterSpec | None = SPEC
) -> SupervisorHarness:
    """Return a harness whose function's jobs may form clusters, with one that was staged."""
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH, runner=process)
    config = replace(harness.supervisor.config, cluster=True)
    # A Python of its own: what is found is a path in PATH.
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "python3").touch(0o755)
    harness.supervisor = replace(
        harness.supervisor, config=config, environ={**ENVIRON, "PATH": str(programs)}
    )
    if spec is not None:
        harness.store.put(PATH.spec_key, spec.encode(), STATE)
    return harness


def record(harness: SupervisorHarness, member: str = "worker-0-abcdef") -> cluster.MemberRecord:
    key = PATH.member_key(member)
    return cluster.parse_member(harness.store.keys(STATE)[key], key)


@pytest.mark.parametrize("member", ["worker-0-abcdef", cluster.SCHEDULER])
def test_every_member_has_the_secrets_of_the_function(member: str, tmp_path: Path) -> None:
    process = FakeProcess()
    harness = clustered(tmp_path, process)
    supervisor = replace(harness.supervisor, read_secrets=lambda until: {"TOKEN": f"{until} known"})
    assert run_cluster_job(supervisor, ENVIRON | {cluster.ID_VARIABLE: member}) == 0
    (spec,) = process.started
    assert spec.environment["TOKEN"] == "None known"


def test_a_secret_that_cannot_be_read_is_the_failure_of_the_member(tmp_path: Path) -> None:
    def fail(_: float | None) -> dict[str, str]:
        raise ConfigError("No secret.", remedy="Create it.")

    process = FakeProcess()
    harness = clustered(tmp_path, process)
    assert run_cluster_job(replace(harness.supervisor, read_secrets=fail), ENVIRON) == 1
    assert process.started == []
    assert (record(harness).state, record(harness).problem) == ("failed", "No secret.")


def test_a_worker_joins_the_scheduler_and_leaves_a_record(tmp_path: Path) -> None:
    states: list[str] = []
    modes: dict[str, int] = {}

    def act(spec: ProcessSpec) -> tuple[int, bytes]:
        states.append(record(harness).state)
        for name in ("ca.pem", "cert.pem", "key.pem"):
            modes[name] = stat.S_IMODE((spec.folder / name).stat().st_mode)
        assert (spec.folder / "key.pem").read_text() == KEY
        return 0, b""

    process = FakeProcess(act)
    harness = clustered(tmp_path, process)
    assert run_cluster_job(harness.supervisor, ENVIRON) == 0
    assert states == ["running"]
    assert set(modes.values()) == {0o600}
    (spec,) = process.started
    argv = spec.argv
    assert argv[:4] == (
        str(tmp_path / "bin" / "python3"),
        "-m",
        "distributed.cli.dask_worker",
        "tls://10.0.0.1:5",
    )
    options = dict(pairwise(argv))
    assert options["--name"] == "worker-0"
    assert options["--nthreads"] == "4"
    assert options["--memory-limit"] == "900MiB"
    assert options["--death-timeout"] == "60s"
    # The key is neither on the command line nor in the environment, nor are the job's variables.
    assert "secret" not in " ".join([*argv, *spec.environment.values()])
    assert not spec.environment.keys() & ENVIRON.keys() - {
        "AWS_BATCH_JOB_ID",
        "AWS_BATCH_JOB_ATTEMPT",
    }
    assert not list(harness.temporary.iterdir())
    ended = record(harness)
    assert (ended.kind, ended.state, ended.owner.job) == ("worker", "ended", "j-1")
    # No record of a run.
    assert all(key.startswith("runs/fn/clusters/night/") for key in harness.store.keys(STATE))


def test_a_scheduler_publishes_its_address_before_it_starts(tmp_path: Path) -> None:
    addresses: list[str] = []

    def act(_: ProcessSpec) -> tuple[int, bytes]:
        addresses.append(record(harness, "scheduler").address)
        return 0, b""

    process = FakeProcess(act)
    harness = clustered(tmp_path, process, replace(SPEC, scheduler="", idle_timeout=30))
    environ = {**ENVIRON, cluster.ID_VARIABLE: "scheduler"}
    assert run_cluster_job(harness.supervisor, environ) == 0
    (address,) = addresses
    host, _, port = address.removeprefix("tls://").rpartition(":")
    argv = process.started[0].argv
    assert "distributed.cli.dask_scheduler" in argv
    for name, value in (("--host", host), ("--port", port), ("--idle-timeout", "30s")):
        assert argv[argv.index(name) + 1] == value
    # The pages of dask have no password: they are for the same machine only.
    assert argv[argv.index("--dashboard-address") + 1] == "127.0.0.1:0"
    assert record(harness, "scheduler").kind == "scheduler"


def a_job(harness: SupervisorHarness, **more: object) -> ClusterJob:
    owner = RunOwner(site=ComputeService.BATCH, request="", job="j-1")
    fields = {"member": "worker-0-abcdef", "name": "worker-0", "owner": owner, **more}
    return ClusterJob(supervisor=harness.supervisor, path=PATH, **fields)  # type: ignore[arg-type]


def test_a_worker_waits_for_the_address_of_a_scheduler_in_a_job(tmp_path: Path) -> None:
    process = FakeProcess()
    harness = clustered(tmp_path, process, replace(SPEC, scheduler=""))
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            owner = RunOwner(site=ComputeService.BATCH, request="", job="j-0")
            found = cluster.MemberRecord(kind="scheduler", owner=owner, address="tls://10.0.0.9:7")
            harness.store.put(PATH.member_key("scheduler"), found.encode(), STATE)

    assert a_job(harness, sleep=sleep).run() == 0
    assert "tls://10.0.0.9:7" in process.started[0].argv
    assert pauses[0] == cluster_job.FIRST_PAUSE
    assert max(pauses) == cluster_job.LONGEST_PAUSE


def test_a_worker_whose_scheduler_never_starts_fails(tmp_path: Path) -> None:
    harness = clustered(tmp_path, FakeProcess(), replace(SPEC, scheduler=""))
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    assert a_job(harness, sleep=sleep, clock=lambda: clock[0]).run() == 1
    assert SCHEDULER_PATIENCE < clock[0] < SCHEDULER_PATIENCE + 2 * cluster_job.LONGEST_PAUSE
    assert "has not started" in record(harness).problem


@pytest.mark.parametrize("state", ["ended", "failed"])
def test_a_worker_ends_with_a_scheduler_that_has_ended(tmp_path: Path, state: str) -> None:
    process = FakeProcess()
    harness = clustered(tmp_path, process, replace(SPEC, scheduler=""))
    owner = RunOwner(site=ComputeService.BATCH, request="", job="j-0")
    ended = cluster.MemberRecord(kind="scheduler", owner=owner, state=state, address="tls://h:1")
    harness.store.put(PATH.member_key("scheduler"), ended.encode(), STATE)
    assert a_job(harness).run() == 0
    assert not process.started
    assert record(harness).state == "ended"


def test_a_job_of_a_stopped_cluster_ends_at_once(tmp_path: Path) -> None:
    process = FakeProcess()
    harness = clustered(tmp_path, process, None)
    assert run_cluster_job(harness.supervisor, ENVIRON) == 0
    assert not process.started


def test_a_cluster_that_is_stopped_meanwhile_has_no_scheduler_to_wait_for(tmp_path: Path) -> None:
    process = FakeProcess()
    harness = clustered(tmp_path, process, replace(SPEC, scheduler=""))

    def sleep(_: float) -> None:
        harness.store.objects.pop((STATE, PATH.spec_key))

    assert a_job(harness, sleep=sleep).run() == 0
    assert not process.started


@pytest.mark.parametrize(("job", "attempt"), [("j-2", "1"), ("j-2", "2"), ("j-1", "1")])
def test_the_second_job_of_one_submission_starts_nothing(
    tmp_path: Path, job: str, attempt: str
) -> None:
    process = FakeProcess()
    harness = clustered(tmp_path, process)
    run_cluster_job(harness.supervisor, ENVIRON)
    second = {**ENVIRON, "AWS_BATCH_JOB_ID": job, "AWS_BATCH_JOB_ATTEMPT": attempt}
    assert run_cluster_job(harness.supervisor, second) == 0
    assert len(process.started) == 1
    assert record(harness).owner.job == "j-1"


def test_the_next_attempt_of_a_job_continues(tmp_path: Path) -> None:
    process = FakeProcess()
    harness = clustered(tmp_path, process)
    run_cluster_job(harness.supervisor, ENVIRON)
    run_cluster_job(harness.supervisor, {**ENVIRON, "AWS_BATCH_JOB_ATTEMPT": "2"})
    assert len(process.started) == 2
    assert record(harness).owner.attempt == 2


def test_term_is_no_failure(tmp_path: Path) -> None:
    def act(_: ProcessSpec) -> tuple[int, bytes]:
        raise Terminated

    harness = clustered(tmp_path, FakeProcess(act))
    assert run_cluster_job(harness.supervisor, ENVIRON) == 0
    assert record(harness).state == "ended"


def test_a_record_that_another_took_is_left_alone(tmp_path: Path) -> None:
    def act(_: ProcessSpec) -> tuple[int, bytes]:
        harness.store.put(PATH.member_key("worker-0-abcdef"), b"other", STATE)
        return 0, b""

    harness = clustered(tmp_path, FakeProcess(act))
    assert run_cluster_job(harness.supervisor, ENVIRON) == 0
    assert harness.store.keys(STATE)[PATH.member_key("worker-0-abcdef")] == b"other"


@pytest.mark.parametrize(
    ("status", "output", "problem", "remedy"),
    [
        (1, b"python3: No module named distributed", "no dask.distributed", "pip install"),
        (1, b"ModuleNotFoundError: No module named 'dask'", "no dask.distributed", "pip install"),
        (1, b"Worker start timed out after 60s.", "did not reach the scheduler", "security group"),
        (137, b"", "SIGKILL", "memory"),
        (3, b"", "ended with status 3", ""),
    ],
)
def test_a_failed_process_names_its_cause(
    tmp_path: Path, status: int, output: bytes, problem: str, remedy: str
) -> None:
    harness = clustered(tmp_path, FakeProcess(lambda _: (status, output)))
    assert run_cluster_job(harness.supervisor, ENVIRON) == 1
    found = record(harness)
    assert found.state == "failed"
    assert problem in found.problem
    assert remedy in found.remedy
    assert any(problem in json.loads(line)["message"] for line in harness.log)


def test_an_image_without_python_is_named(tmp_path: Path) -> None:
    harness = clustered(tmp_path, FakeProcess())
    (tmp_path / "bin" / "python3").unlink()
    assert run_cluster_job(harness.supervisor, ENVIRON) == 1
    assert "There is no Python in the image" in record(harness).problem


@pytest.mark.parametrize(
    "url",
    [
        "s3://other/runs/fn/clusters/night/files/spec.json",
        f"s3://{STATE}/runs/other/clusters/night/files/spec.json",
        f"s3://{STATE}/runs/fn/2026-11-29/night/files/spec.json",
        f"s3://{STATE}/runs/fn/clusters/../x/clusters/night/files/spec.json",
        f"s3://{STATE}/runs/fn/clusters/night/members/spec.json",
        "runs/fn/clusters/night/files/spec.json ",
        "x",
    ],
)
def test_a_specification_from_elsewhere_is_refused(tmp_path: Path, url: str) -> None:
    process = FakeProcess()
    harness = clustered(tmp_path, process)
    with pytest.raises(ConfigError, match="not a cluster of fn"):
        run_cluster_job(harness.supervisor, {**ENVIRON, cluster.URL_VARIABLE: url})
    assert not harness.store.calls


@pytest.mark.parametrize("member", ["", "../claim", "a/b", "x" * 61])
def test_the_id_of_a_member_is_a_name(tmp_path: Path, member: str) -> None:
    harness = clustered(tmp_path, FakeProcess())
    with pytest.raises(ConfigError, match="not the id of a member"):
        run_cluster_job(harness.supervisor, {**ENVIRON, cluster.ID_VARIABLE: member})


def test_a_function_without_the_key_runs_no_worker(tmp_path: Path) -> None:
    harness = clustered(tmp_path, FakeProcess())
    config = replace(harness.supervisor.config, cluster=False)
    with pytest.raises(ConfigError) as caught:
        run_cluster_job(replace(harness.supervisor, config=config), ENVIRON)
    assert "batch.cluster: true" in caught.value.remedy


TEXTS = st.text(max_size=30)
NUMBERS = st.integers(0, 10**9)


@given(
    st.builds(
        cluster.ClusterSpec,
        scheduler=TEXTS, authority=TEXTS, certificate=TEXTS, key=TEXTS, job_vcpus=TEXTS,
        threads=NUMBERS, memory=NUMBERS, death_timeout=NUMBERS, idle_timeout=NUMBERS,
        job_memory=NUMBERS,
    )
)  # fmt: skip
def test_a_specification_is_read_as_it_was_written(spec: cluster.ClusterSpec) -> None:
    assert cluster.parse_spec(spec.encode(), "k") == spec


@given(
    st.builds(
        cluster.MemberRecord,
        kind=TEXTS, state=TEXTS, address=TEXTS, problem=TEXTS, remedy=TEXTS, log_stream=TEXTS,
        owner=st.builds(
            RunOwner, site=st.just(ComputeService.BATCH), request=TEXTS, job=TEXTS, attempt=NUMBERS
        ),
    )
)  # fmt: skip
def test_a_members_record_is_read_as_it_was_written(found: cluster.MemberRecord) -> None:
    assert cluster.parse_member(found.encode(), "k") == found


@given(
    st.from_regex(cluster.CLUSTER_NAME, fullmatch=True),
    st.text(min_size=1).filter(lambda t: "/" not in t),
)
def test_the_key_of_a_specification_names_its_cluster(name: str, function: str) -> None:
    path = cluster.ClusterPath(function=function, cluster=name)
    assert cluster.parse_spec_key(path.spec_key) == path


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format": 1}', b'{"format": 1, "threads": "x"}'])
def test_a_damaged_specification_is_named(data: bytes) -> None:
    with pytest.raises(RecordError):
        cluster.parse_spec(data, "k")
