"""Starting, scaling, listing and stopping clusters: which jobs are submitted and ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scar.cluster import cluster_jobs
from scar.cluster.cluster_function import (
    MemberSize,
    NoClusterFunctionError,
    choose_resources,
    find_cluster_function,
)
from scar.cluster.cluster_jobs import describe_states, list_member_jobs
from scar.cluster.control import (
    Cluster,
    ClusterSettings,
    NoClusterError,
    scale_cluster,
    start_cluster,
    stop_cluster,
)
from scar.cluster.staging import ClusterExistsError, ClusterStage
from scar.cluster.worker_wait import WorkerCount, no_workers_error
from tests.profiles import examples
from tests.unit.cluster.cluster_fakes import (
    BUCKET,
    PATH,
    RecordingBatch,
    StageS3,
    definition,
    definition_arn,
    new_jobs,
)

if TYPE_CHECKING:
    from scar.cluster.cluster_jobs import ClusterJobs


@dataclass
class Setup:
    batch: RecordingBatch = field(default_factory=RecordingBatch)
    s3: StageS3 = field(default_factory=StageS3)

    @property
    def jobs(self) -> ClusterJobs:
        return new_jobs(self.batch)

    @property
    def cluster(self) -> Cluster:
        stage = ClusterStage(s3=self.s3, bucket=BUCKET, path=PATH)  # type: ignore[arg-type]
        return Cluster(function=self.jobs.function, stage=stage, jobs=self.jobs)

    def running(self) -> list[str]:
        return sorted(
            job["jobName"] for job in self.batch.jobs.values() if job["status"] != "FAILED"
        )


def variables(request: dict[str, Any]) -> dict[str, str]:
    listed = request["containerOverrides"]["environment"]
    return {item["name"]: item["value"] for item in listed}


def test_a_started_cluster_has_one_scheduler_and_its_workers() -> None:
    setup = Setup()
    _, spec = start_cluster(setup.cluster, ClusterSettings(workers=3))
    scheduler, *workers = setup.batch.submitted
    assert scheduler["jobName"] == "grid-cluster-night-scheduler"
    # A scheduler that is lost has lost the state of the cluster; a worker is only repeated.
    assert scheduler["retryStrategy"] == {"attempts": 1}
    assert all("retryStrategy" not in worker for worker in workers)
    assert sorted(variables(w)["SCAR_WORKER_NAME"] for w in workers) == [
        "worker-0",
        "worker-1",
        "worker-2",
    ]
    assert all("resourceRequirements" not in w["containerOverrides"] for w in workers)
    sent = json.dumps(setup.batch.submitted)
    assert "PRIVATE" not in sent
    assert spec.key.startswith("-----BEGIN")
    assert spec.threads == 2
    assert setup.cluster.stage.read_spec() == spec
    # Batch fails jobs whose overrides exceed 8,192 characters.
    assert max(len(json.dumps(r["containerOverrides"])) for r in setup.batch.submitted) < 1000


def test_workers_with_other_resources_keep_them_when_the_cluster_grows() -> None:
    setup = Setup()
    start_cluster(setup.cluster, ClusterSettings(workers=1, vcpus=4, memory=8000))
    assert scale_cluster(setup.cluster, 2) == 1
    first, second = setup.batch.submitted[1:]
    wanted = [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "8000"}]
    for request in (first, second):
        assert request["containerOverrides"]["resourceRequirements"] == wanted
    assert "resourceRequirements" not in setup.batch.submitted[0]["containerOverrides"]


@pytest.mark.parametrize("fail_at", [0, 1, 2])
def test_a_start_that_fails_leaves_nothing(fail_at: int) -> None:
    setup = Setup(batch=RecordingBatch(fail_at=fail_at))
    with pytest.raises(InterruptedError):
        start_cluster(setup.cluster, ClusterSettings(workers=3))
    assert setup.running() == []
    assert not setup.s3.objects


def test_a_name_that_is_in_use_is_refused_before_a_job_is_submitted() -> None:
    setup = Setup()
    start_cluster(setup.cluster, ClusterSettings(workers=0))
    with pytest.raises(ClusterExistsError):
        start_cluster(setup.cluster, ClusterSettings(workers=1))
    assert len(setup.batch.submitted) == 1


@settings(max_examples=examples(20))  # each makes an RSA key
@given(st.lists(st.integers(0, 6), max_size=6))
def test_a_cluster_has_the_workers_of_the_last_scale(steps: list[int]) -> None:
    setup = Setup()
    start_cluster(setup.cluster, ClusterSettings(workers=2))
    for workers in steps:
        scale_cluster(setup.cluster, workers)
        assert len(setup.running()) == 1 + workers
    assert "grid-cluster-night-scheduler" in setup.running()
    names = [request["jobName"] for request in setup.batch.submitted]
    assert len(names) == len(set(names))
    # dask refuses a second worker of the same name.
    present = [
        variables(request)["SCAR_WORKER_NAME"]
        for request, job in zip(setup.batch.submitted, setup.batch.jobs.values(), strict=True)
        if job["status"] != "FAILED"
    ]
    assert len(present) == len(set(present))


def test_waiting_workers_are_ended_before_running_ones() -> None:
    setup = Setup()
    start_cluster(setup.cluster, ClusterSettings(workers=3))
    setup.batch.jobs["j-2"]["status"] = "RUNNING"
    scale_cluster(setup.cluster, 1)
    assert sorted(setup.batch.terminated) == ["j-3", "j-4"]


def test_stopping_deletes_the_key_first_and_ends_jobs_that_are_listed_late() -> None:
    setup = Setup()
    start_cluster(setup.cluster, ClusterSettings(workers=1))
    late = {
        "jobName": "grid-cluster-night-worker-7-abcdef",
        "jobDefinition": definition_arn("grid"),
        "status": "RUNNABLE",
    }

    class LateBatch(RecordingBatch):
        def end(self, job: str) -> None:
            assert not any(key.endswith("spec.json") for key in setup.s3.objects)
            if job != "j-9":
                self.jobs.setdefault("j-9", late)

    batch = LateBatch(jobs=setup.batch.jobs)
    setup.batch = batch

    def sleep(_: float) -> None:
        for job in batch.terminated:
            batch.jobs[job]["status"] = "FAILED"

    assert stop_cluster(setup.cluster, timeout=60, sleep=sleep) == 3
    assert batch.terminated[0] == "j-1"  # the scheduler
    assert len(batch.terminated) == len(set(batch.terminated))


def test_stopping_waits_for_a_bounded_time() -> None:
    setup = Setup()
    start_cluster(setup.cluster, ClusterSettings(workers=0))
    pauses: list[float] = []

    class StuckBatch(RecordingBatch):
        def end(self, job: str) -> None:
            """The job is not ended."""

    setup.batch = StuckBatch(jobs=setup.batch.jobs)
    assert stop_cluster(setup.cluster, timeout=10, sleep=pauses.append) == 1
    assert sum(pauses) == 10
    assert setup.batch.terminated == ["j-1"]


def test_there_must_be_a_cluster_to_scale_or_stop() -> None:
    with pytest.raises(NoClusterError):
        stop_cluster(Setup().cluster, timeout=0)
    with pytest.raises(NoClusterError):
        scale_cluster(Setup().cluster, 1)


def test_jobs_of_other_functions_and_runs_are_no_members() -> None:
    batch = RecordingBatch(queues=("scar-1", "scar-2", "theirs"))
    for number, name in enumerate(
        [
            "grid-cluster-night-scheduler",
            "grid-cluster-night-worker-0-abcdef",
            "grid-cluster-night-worker-0",
            "grid-cluster-night-worker-0-abcdef0",
            "GRID-cluster-night-scheduler",
            "grid-cluster-other-scheduler",
            "grid-0123456789abcdef",
        ]
    ):
        batch.jobs[str(number)] = {
            "jobName": name,
            "jobDefinition": definition_arn("grid"),
            "status": "RUNNING",
        }
    # The compute environment of the function has changed since it was submitted.
    batch.jobs["8"] = {
        "jobName": "grid-cluster-night-worker-1-abcdef",
        "jobDefinition": definition_arn("grid", revision=2),
        "queue": "scar-2",
    }
    function = new_jobs(batch).function
    found = {job.id for job in list_member_jobs(batch, function, "night")}  # type: ignore[arg-type]
    assert found == {"0", "1", "8"}
    every = {job.id for job in list_member_jobs(batch, function)}  # type: ignore[arg-type]
    assert every == {"0", "1", "5", "8"}
    assert batch.calls.count("list_jobs") == 4


def test_a_function_whose_name_begins_with_another_one_s_has_clusters_of_its_own() -> None:
    batch = RecordingBatch()
    for job, definition_of, cluster in (
        ("own", "grid", "x-cluster-night"),
        ("other", "grid-cluster-x", "night"),
    ):
        name = f"{definition_of}-cluster-{cluster}-scheduler"
        assert name == "grid-cluster-x-cluster-night-scheduler"
        batch.jobs[job] = {"jobName": name, "jobDefinition": definition_arn(definition_of)}
    function = new_jobs(batch).function
    for names in ("", "x-cluster-night"):
        found = list_member_jobs(batch, function, names)  # type: ignore[arg-type]
        assert [job.id for job in found] == ["own"]
    longer = replace(function, name="grid-cluster-x")
    found = list_member_jobs(batch, longer)  # type: ignore[arg-type]
    assert [(job.id, job.cluster) for job in found] == [("other", "night")]


def test_members_have_the_share_and_the_priority_of_the_function_s_jobs() -> None:
    batch = RecordingBatch()
    jobs = new_jobs(batch, share="teamA", priority=7)
    jobs.submit("scheduler", "scheduler", attempts=1)
    jobs.submit("worker-0-abcdef", "worker-0", MemberSize(vcpus=4, memory=8000, is_override=True))
    for request in batch.submitted:
        assert request["shareIdentifier"] == "teamA"
        assert request["schedulingPriorityOverride"] == 7
        assert request["tags"] == {"scar:function": "grid", "scar:cluster": "night"}
    plain = RecordingBatch()
    new_jobs(plain).submit("scheduler", "scheduler")
    assert not plain.submitted[0].keys() & {"shareIdentifier", "schedulingPriorityOverride"}


def test_a_thousand_jobs_are_described_in_ten_requests() -> None:
    batch = RecordingBatch()
    ids = [str(number) for number in range(1000)]
    batch.jobs = {job: {"jobName": "n", "status": "RUNNING", "statusReason": "r"} for job in ids}
    assert len(describe_states(batch, ids)) == 1000  # type: ignore[arg-type]
    assert batch.calls == ["describe_jobs"] * 10


@pytest.mark.parametrize(
    ("definitions", "problem"),
    [
        ([], "There is no function grid"),
        ([definition(1)], "There is no function grid"),
        ([definition(1, scar_function="other")], "There is no function grid"),
        ([definition(1, scar_function="grid")], "not allowed to form clusters"),
        (
            [
                {
                    **definition(1, scar_function="grid", scar_cluster="true"),
                    "nodeProperties": {"numNodes": 2},
                }
            ],
            "have several nodes",
        ),
        # The latest revision decides, in any order.
        (
            [
                definition(2, scar_function="grid"),
                definition(1, scar_function="grid", scar_cluster="true"),
            ],
            "not allowed to form clusters",
        ),
    ],
)
def test_a_function_that_cannot_form_clusters_is_named(
    definitions: list[dict[str, Any]], problem: str
) -> None:
    with pytest.raises(NoClusterFunctionError, match=problem):
        find_cluster_function(RecordingBatch(definitions=definitions), "grid")  # type: ignore[arg-type]


def test_queue_and_resources_are_those_of_the_job_definition() -> None:
    found = find_cluster_function(
        RecordingBatch(  # type: ignore[arg-type]
            definitions=[
                definition(1, scar_function="grid", scar_cluster="true", scar_queue="scar-1")
            ]
        ),
        "grid",
    )
    assert (found.queue, found.vcpus, found.memory) == ("scar-1", 2.0, 2048)
    assert choose_resources(found, None, None).threads == 2
    # A fraction of a vCPU on Fargate is one thread.
    assert choose_resources(found, 0.25, None).threads == 1


def test_an_object_that_a_role_may_not_list_is_absent() -> None:
    stage = ClusterStage(s3=StageS3(denied=True), bucket=BUCKET, path=PATH)  # type: ignore[arg-type]
    assert stage.read_spec() is None
    assert stage.read_scheduler() is None


def test_ids_of_members_are_names() -> None:
    from supervisor.runs.cluster_record import is_member_id

    ids = {cluster_jobs.new_member_id("worker-0") for _ in range(50)}
    assert len(ids) == 50
    assert all(map(is_member_id, ids))


def test_missing_workers_are_explained() -> None:
    ended = WorkerCount(wanted=2, present=0, states={"a": ("FAILED", "exit status 1")})
    assert ended.is_hopeless
    assert "1 FAILED (exit status 1)" in no_workers_error(ended, 9, "grid").problem
    assert "scar log -n grid" in no_workers_error(ended, 9, "grid").remedy
    waiting = WorkerCount(wanted=2, present=1, states={"a": ("RUNNABLE", ""), "b": ("FAILED", "")})
    assert not waiting.is_hopeless
    assert "1 of 2 workers joined within 30 s" in waiting.describe_incomplete(30)
    assert "RUNNABLE" in no_workers_error(waiting, 30, "grid").problem
    assert not WorkerCount(wanted=0, present=0, states={}).is_hopeless
