"""The states of a multi-node job's nodes, and how Batch describes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from scar.local.batch import description
from scar.local.batch.model import (
    AttemptOutcome,
    BatchJob,
    JobAttempt,
    JobSpec,
    JobStatus,
    job_from_json,
    job_to_json,
)
from scar.local.batch.nodes import end_node, end_nodes, new_nodes, split_node_id, start_node
from scar.local.batch.scheduling.placement import (
    NO_SLOT,
    JobBlocked,
    JobStart,
    PlacementDecision,
    RunnableJob,
    place_jobs,
)
from scar.local.moto.batch_registry import ComputeEnvironmentRecord, JobQueueRecord
from scar.runs.jobs.model import parse_detail, parse_summary

SPEC = JobSpec(definition="arn:d/mesh:1", image="i", vcpus=2, memory_mb=64, nodes=3, main_node=1)
JOB = BatchJob(
    id="j", name="j", region="r", queue="arn:job-queue/q", spec=SPEC, created=1, log_stream="main"
)
STARTED = replace(JOB, status=JobStatus.STARTING, nodes=new_nodes(JOB, "mesh"))
OUTCOMES = st.sampled_from(
    [
        AttemptOutcome(status_reason="exited", exit_code=0),
        AttemptOutcome(status_reason="exited", exit_code=3),
        AttemptOutcome(status_reason="Host EC2 lost"),
        AttemptOutcome(status_reason="time", exit_code=0, is_final=True),
    ]
)


def place(max_vcpus: float, types: tuple[str, ...] = (), slots: int = 1) -> list[PlacementDecision]:
    environment = ComputeEnvironmentRecord(
        name="e", arn="e", enabled=True, max_vcpus=max_vcpus, instance_types=types
    )
    queue = JobQueueRecord(
        name="q", arn="q", region="r", enabled=True, priority=1, environments=(environment,)
    )
    gang = RunnableJob(sequence=1, id="j", queue="q", vcpus=6, memory=64, nodes=3)
    return place_jobs([gang], {"q": queue}, {}, slots)


def test_all_nodes_start_or_none_and_count_as_one_job_of_this_machine() -> None:
    assert isinstance(place(6)[0], JobStart)
    (blocked,) = place(5)
    assert isinstance(blocked, JobBlocked)
    # Each node needs an instance of two vCPUs, not one of six.
    assert isinstance(place(6, ("c5.large",))[0], JobStart)
    assert place(6, slots=0) == [JobBlocked("j", NO_SLOT)]


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | OUTCOMES)), OUTCOMES)
def test_whatever_the_nodes_do_all_have_ended_with_the_main_one(
    events: list[tuple[int, AttemptOutcome | None]], end: AttemptOutcome
) -> None:
    job = STARTED
    for now, (index, outcome) in enumerate(events):
        job = start_node(job, index, now) if outcome is None else end_node(job, index, outcome, now)
    ended = end_nodes(job, end, 100)
    assert all(node.status.is_final and node.stopped is not None for node in ended.nodes)
    assert ended.nodes[1].exit_code == end.exit_code
    assert (ended.nodes[1].status is JobStatus.SUCCEEDED) == end.is_success
    assert ended.status is job.status  # the state machine's, from the main node's outcome alone
    assert job_from_json(job_to_json(ended)) == ended
    listed = [
        entry
        for status in (JobStatus.SUCCEEDED, JobStatus.FAILED)
        for entry in description.node_summaries(ended, status)
    ]
    assert sorted(str(entry["jobId"]) for entry in listed) == ["j#0", "j#1", "j#2"]


def test_the_main_node_has_the_log_of_the_job_and_each_other_one_its_own() -> None:
    streams = [node.log_stream for node in STARTED.nodes]
    assert streams[1] == "main"
    assert len(set(streams)) == 3
    detail = description.node_detail(STARTED, 2)
    assert detail["jobId"] == "j#2"
    assert detail["nodeDetails"] == {"nodeIndex": 2, "isMainNode": False}


def test_the_attempts_of_a_node_are_its_own() -> None:
    """Those of the job are the main node's, with its log stream."""
    outcome = AttemptOutcome(status_reason="exited", exit_code=3)
    ended = end_nodes(end_node(STARTED, 2, outcome, 5), outcome, 7)
    attempt = JobAttempt(started=1, stopped=7, status_reason="exited", log_stream="main")
    ended = replace(ended, status=JobStatus.FAILED, attempts=(attempt,))
    of_main, of_other, killed = (parse_detail(_detail(ended, index)) for index in (1, 2, 0))
    assert of_main.log_streams == ("main",)
    assert of_other.log_streams == (STARTED.nodes[2].log_stream,)
    assert [(a.exit_code, a.stopped) for a in of_other.attempts] == [(3, 0.005)]
    assert killed.log_streams == (STARTED.nodes[0].log_stream,)
    running = parse_detail(_detail(STARTED, 2))
    assert running.log_streams == (STARTED.nodes[2].log_stream,)
    assert running.attempts == ()
    assert parse_detail(_detail(JOB, 2)).log_streams == ()


def test_a_multi_node_job_has_the_resources_of_each_node_and_a_node_no_nodes() -> None:
    whole = parse_detail(cast("Any", description.job_detail(STARTED)))
    assert (whole.resources, whole.job.nodes) == ({"VCPU": "2", "MEMORY": "64"}, 3)
    listed = description.node_summaries(STARTED, JobStatus.STARTING)
    assert [parse_summary(cast("Any", node), "q").nodes for node in listed] == [0, 0, 0]


def _detail(job: BatchJob, index: int) -> Any:  # noqa: ANN401 a document of AWS
    return description.node_detail(job, index)


def test_a_job_of_one_container_has_no_nodes() -> None:
    single = replace(JOB, spec=replace(SPEC, nodes=0, main_node=0))
    assert new_nodes(single, "x") == ()
    assert end_nodes(single, AttemptOutcome(status_reason="x"), 1) == single
    assert single.spec.total_vcpus == 2
    assert SPEC.total_vcpus == 6
    assert "container" in description.job_detail(single)


@given(st.text("j#0123", max_size=5))
def test_any_text_is_a_job_or_a_node(text: str) -> None:
    job, index = split_node_id(text)
    assert (f"{job}#{text.partition('#')[2]}" == text) if index is not None else job == text
