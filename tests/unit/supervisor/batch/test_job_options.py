"""What a job requests: overrides by object, options of the caller, growth."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from supervisor.batch.job_options import (
    find_options_problem,
    find_size_problem,
    fit_memory,
    match_override,
    plan_job,
)
from supervisor.batch.job_request import JOB_VARIABLE, build_job_request
from supervisor.batch.resubmission import (
    describe_next_job,
    find_rule,
    parse_run_job,
    plan_next_job,
)
from supervisor.config import config_to_json, parse_config
from supervisor.errors import ConfigError, EventError, OutOfMemory, ScriptFailed
from supervisor.events.parser import parse_event
from supervisor.invocation import RunJob, RunOwner, RunPath
from supervisor.job_model import (
    BatchTarget,
    ExitRetry,
    JobCapacity,
    JobOptions,
    JobOverride,
    NodeGroup,
)
from supervisor.model import ComputeService, ExecutionMode, FunctionConfig, ObjectRef
from tests.fakes.supervisor_factory import notification

EC2 = BatchTarget(
    queue="q",
    definition="fn",
    vcpus="1",
    memory=1024,
    larger=(("1", 2048), ("1", 4096), ("1", 7000)),
    queues={"default": "q", "priority": "q-p"},
    capacity=JobCapacity(shapes=((2.0, 7000, 0), (4.0, 6000, 1))),
    overrides=(
        JobOverride(options=JobOptions(memory=5000, timeout=600), suffix=(".bam",), min_size=100),
        JobOverride(options=JobOptions(vcpus="2"), suffix=(".bam", ".cram")),
        JobOverride(options=JobOptions(memory=2000), prefix=("big",)),
    ),
)
FARGATE = replace(
    EC2,
    memory=2048,
    overrides=(),
    capacity=JobCapacity(
        exact=True, shapes=((1.0, 2048, 0), (1.0, 8192, 0), (2.0, 16384, 0), (0.5, 1024, 0))
    ),
)
OWNER = RunOwner(site=ComputeService.BATCH, request="r", job="j1", attempt=1)
targets = st.sampled_from([EC2, FARGATE])


def a_config(target: BatchTarget = EC2, memory: int = 512) -> FunctionConfig:
    return FunctionConfig(
        name="fn", mode=ExecutionMode.BATCH, state_bucket="s", memory=memory, batch=target
    )


def an_event(key: str, size: int = 0, job: object = None) -> bytes:
    event = notification(key)
    records = event["Records"]
    assert isinstance(records, list)
    records[0]["s3"]["object"]["size"] = size
    return json.dumps(event if job is None else {**event, "scar_job": job}).encode()


@pytest.mark.parametrize(
    ("key", "size", "options"),
    [
        ("in/a.bam", 100, JobOptions(memory=5000, timeout=600)),
        ("in/a.bam", 99, JobOptions(vcpus="2")),
        ("in/a.bam", 0, JobOptions(vcpus="2")),
        ("in/big.cram", 1, JobOptions(vcpus="2")),
        ("in/big.txt", 1, JobOptions(memory=2000)),
        ("big/a.txt", 10**12, None),  # the name of the file, not of the folder
    ],
)
def test_the_first_override_that_matches_counts(
    key: str, size: int, options: JobOptions | None
) -> None:
    assert match_override(EC2, key, size) == options
    (trigger,) = parse_event(an_event(key, size))
    assert plan_job(None, a_config(), trigger) == options


def test_what_the_caller_requests_takes_precedence_over_the_override() -> None:
    (trigger,) = parse_event(an_event("in/a.bam", 100, {"memory": 6000, "queue": "priority"}))
    assert plan_job(None, a_config(), trigger) == JobOptions(
        memory=6000, timeout=600, queue="priority"
    )


@pytest.mark.parametrize(
    ("job", "problem"),
    [
        ({"memory": 9000}, "the largest has 2 vCPUs, 7,000 MiB"),
        ({"vcpus": "8"}, "no instance"),
        ({"vcpus": "1.5"}, "fractions"),
        ({"gpus": 2}, "2 GPUs"),
        ({"queue": "other"}, "default, priority"),
        ({"nodes": 3}, "multi-node"),
        ({"attempts": 11}, "at most 10"),
        ({"timeout": 30}, "60 seconds"),
    ],
)
def test_what_no_job_can_have_is_refused(job: dict[str, object], problem: str) -> None:
    (trigger,) = parse_event(an_event("in/x", 1, job))
    with pytest.raises(EventError, match=problem):
        plan_job(None, a_config(), trigger)


@pytest.mark.parametrize(
    "job",
    [
        *([], "x", {"memory": "many"}, {"memory": 0}, {"memory": True}, {"memory": -1}, {"cpu": 1}),
        *({"vcpus": "nan"}, {"vcpus": []}, {"vcpus": 0}, {"vcpus": "1e999"}, {"queue": 1}),
    ],
)
def test_malformed_options_are_refused_for_the_run_that_they_are_of(job: object) -> None:
    scripts = {"script": "#!/bin/sh", "scar_job": job}
    for event in (
        an_event("in/x", 1, job),
        json.dumps({"scar_job": job}).encode(),
        json.dumps(scripts).encode(),
    ):
        (trigger,) = parse_event(event)
        assert "scar_job" in str(trigger.refusal)
        assert trigger.job is None
        assert parse_event(trigger.event.encode())[0].event == trigger.event
        with pytest.raises(EventError, match="scar_job"):
            plan_job(None, a_config(), trigger)


FOUR = replace(
    FARGATE,
    vcpus="0.25",
    memory=512,
    capacity=JobCapacity(
        exact=True,
        shapes=tuple((0.25, m, 0) for m in (512, 1024, 2048))
        + tuple((4.0, m, 0) for m in range(8192, 30721, 1024)),
    ),
    overrides=(
        JobOverride(options=JobOptions(vcpus="4", memory=16384, timeout=172800), suffix=(".bam",)),
    ),
)


def test_an_option_replaces_one_key_of_an_override_and_keeps_the_others() -> None:
    (trigger,) = parse_event(an_event("in/a.bam", 1, {"memory": 8192}))
    assert plan_job(None, a_config(FOUR), trigger) == JobOptions(
        vcpus="4", memory=8192, timeout=172800
    )
    # Below the definition's vCPUs this memory does not exist; with those of the override it does.
    assert find_options_problem(FOUR, JobOptions(memory=8192))
    # A size that deployments accept as it may fit is no reason to refuse another option.
    close = replace(EC2, overrides=(JobOverride(options=JobOptions(memory=7100)),))
    (trigger,) = parse_event(an_event("in/a", 1, {"timeout": 90}))
    assert plan_job(None, a_config(close), trigger) == JobOptions(memory=7100, timeout=90)


@pytest.mark.parametrize(
    ("job", "problem"),
    [
        ({"memory": 4096}, r"4096 MiB with 4 vCPUs.* batch.overrides has vcpus 4 for this object"),
        ({"vcpus": "0.25"}, r"16384 MiB with 0.25 vCPUs.* has memory 16384 for this object"),
        ({"vcpus": "1", "memory": 2048}, r"have 0.25, 4 vCPUs here\.$"),
    ],
)
def test_an_option_that_does_not_fit_the_override_is_refused(
    job: dict[str, object], problem: str
) -> None:
    (trigger,) = parse_event(an_event("in/a.bam", 1, job))
    with pytest.raises(EventError, match=problem) as caught:
        plan_job(None, a_config(FOUR), trigger)
    assert "request its other keys too" in caught.value.remedy


NODES = replace(
    EC2,
    vcpus="2",
    nodes=NodeGroup(count=4, main=3, max_vcpus=16, instances=((2, 3800, 0), (4, 15000, 0))),
    capacity=JobCapacity(shapes=((4.0, 15000, 0),)),
    overrides=(JobOverride(options=JobOptions(memory=8000), suffix=(".bam",)),),
)


@pytest.mark.parametrize(
    ("key", "job", "problem"),
    [
        ("in/a", {"nodes": 9}, "9 nodes use 18 vCPUs, .* max_v_cpus is 16: enough for 8 nodes"),
        ("in/a", {"nodes": 1001}, "2 to 1000 nodes"),
        ("in/a", {"nodes": 1}, "2 to 1000 nodes"),
        ("in/a", {"nodes": 2}, "the main node is number 3"),
        ("in/a", {"nodes": 5, "vcpus": "4"}, "enough for 4 nodes"),
        ("in/a", {"nodes": 5, "memory": 6000}, "enough for 4 nodes"),
        ("in/a.bam", {"nodes": 5}, "4 nodes; batch.overrides has memory 8000"),
    ],
)
def test_nodes_that_can_never_start_together_are_refused(
    key: str, job: dict[str, object], problem: str
) -> None:
    (trigger,) = parse_event(an_event(key, 1, job))
    with pytest.raises(EventError, match=problem):
        plan_job(None, a_config(NODES), trigger)


def test_nodes_that_can_start_together_are_accepted() -> None:
    for job in ({"nodes": 8}, {"nodes": 4, "memory": 15000}, {"memory": 6000}):
        (trigger,) = parse_event(an_event("in/a", 1, job))
        assert plan_job(None, a_config(NODES), trigger) == JobOptions(**job)  # type: ignore[arg-type]
    assert parse_config(config_to_json(a_config(NODES))) == a_config(NODES)


def test_memory_does_not_grow_beyond_what_all_nodes_can_have() -> None:
    group = NodeGroup(count=8, main=3, max_vcpus=16, instances=((2, 3800, 0), (4, 15000, 0)))
    eight = replace(NODES, nodes=group)
    assert fit_memory(eight, JobOptions(), 6000, 1 << 30) == JobOptions(memory=3800)
    assert fit_memory(eight, JobOptions(nodes=4), 6000, 1 << 30).memory == 6000


def test_a_function_of_an_earlier_release_refuses_options() -> None:
    old = BatchTarget(queue="q", definition="fn", memory=1024)
    assert "scar init" in find_options_problem(old, JobOptions(memory=2048))


def test_the_options_stay_in_the_event_and_not_in_the_payload() -> None:
    (trigger,) = parse_event(b'{"scar_job": {"memory": 2048}, "a": 1}')
    assert trigger.job == JobOptions(memory=2048)
    assert getattr(trigger, "payload") == b'{"a":1}'  # noqa: B009 - a direct invocation
    assert parse_event(trigger.event.encode()) == (trigger,)
    (object_event,) = parse_event(an_event("in/x", 1, {"vcpus": 2}))
    assert object_event.job == JobOptions(vcpus="2")
    assert parse_event(object_event.event.encode()) == (object_event,)


def test_after_memory_ran_out_in_lambda_an_override_grows_too() -> None:
    error = OutOfMemory(137)
    (trigger,) = parse_event(an_event("in/big.txt", 1))
    config = a_config(memory=3000)
    assert plan_job(error, config, trigger) == JobOptions(memory=6000)
    assert plan_job(error, a_config(memory=500), trigger) == JobOptions(memory=2000)
    (plain,) = parse_event(an_event("in/x"))
    assert plan_job(error, config, plain) == JobOptions(vcpus="1", memory=7000)


@given(targets, st.integers(1, 20_000), st.integers(1, 20_000))
def test_fitted_memory_can_run_and_never_shrinks(
    target: BatchTarget, wanted: int, most: int
) -> None:
    fitted = fit_memory(target, JobOptions(), wanted, most)
    assert find_size_problem(target, fitted) == ""
    assert fitted.memory == 0 or target.memory < fitted.memory <= most


@given(
    targets,
    st.floats(1, 4),
    st.integers(0, 20_000),
    st.integers(0, 20_000),
    st.integers(2, 10),
    st.lists(st.sampled_from([137, 75]), min_size=12, max_size=12),
)
def test_a_run_has_at_most_as_many_jobs_as_its_rules_allow(
    target: BatchTarget, factor: float, memory: int, up_to: int, attempts: int, exits: list[int]
) -> None:
    grow = ExitRetry(exit_code=137, attempts=attempts, factor=factor, memory=memory, up_to=up_to)
    target = replace(target, retry=(grow, ExitRetry(exit_code=75, attempts=2)))
    job, sizes = RunJob(options=JobOptions()), [target.memory]
    for code in exits:
        rule = find_rule(target, ScriptFailed(code))
        assert rule is not None
        planned = plan_next_job(target, rule, job, OWNER)
        if isinstance(planned, str):
            break
        assert find_size_problem(target, planned.options) == ""
        assert planned.previous == ("j1", 1)
        if code == 137 and (factor > 1 or memory):
            assert (planned.options.memory or target.memory) > sizes[-1]
        job = planned
        sizes.append(job.options.memory or target.memory)
    assert job.number <= max(attempts, 2)
    assert sizes == sorted(sizes)
    assert not up_to or max(sizes) <= max(up_to, target.memory)


@pytest.mark.parametrize("target", [EC2, FARGATE])
@pytest.mark.parametrize("had", [4000, 5000, 7000])
def test_a_rule_with_memory_never_repeats_a_job_as_it_was(target: BatchTarget, had: int) -> None:
    rule = ExitRetry(exit_code=137, memory=4000, attempts=10)
    job = RunJob(options=JobOptions(memory=had))
    assert "the rule's memory is 4000" in str(plan_next_job(target, rule, job, OWNER))


def test_a_small_factor_grows_by_a_mebibyte_at_least() -> None:
    rule = ExitRetry(exit_code=137, factor=1.0001)
    planned = plan_next_job(EC2, rule, RunJob(options=JobOptions()), OWNER)
    assert isinstance(planned, RunJob)
    assert planned.options.memory == 1025


def test_memory_that_cannot_grow_is_no_reason_to_run_again() -> None:
    rule = ExitRetry(exit_code=137, factor=2, attempts=10)
    job = RunJob(options=JobOptions(memory=7000))
    assert "cannot have more" in str(plan_next_job(EC2, rule, job, OWNER))
    limited = replace(rule, up_to=1500)
    grown = plan_next_job(EC2, limited, RunJob(options=JobOptions()), OWNER)
    assert isinstance(grown, RunJob)
    assert grown.options.memory == 1500
    assert "up_to is 1500" in str(plan_next_job(EC2, limited, grown, OWNER))


@pytest.mark.parametrize(
    ("target", "up_to", "factor", "memory"),
    [
        (EC2, 0, 2.0, {"before": 1024, "after": 2048}),
        (EC2, 1500, 2.0, {"before": 1024, "after": 1500, "limited_by": "up_to is 1500"}),
        (
            EC2,
            0,
            9.0,
            {"before": 1024, "after": 7000, "limited_by": "no instance or size has more"},
        ),
        (
            EC2,
            8000,
            9.0,
            {"before": 1024, "after": 7000, "limited_by": "no instance or size has more"},
        ),
        (FARGATE, 0, 2.0, {"before": 2048, "after": 8192}),
        (FARGATE, 9000, 9.0, {"before": 2048, "after": 8192, "limited_by": "up_to is 9000"}),
        (EC2, 0, 1.0, None),
    ],
)
def test_the_record_of_the_next_job_names_its_memory_and_what_limits_it(
    target: BatchTarget, up_to: int, factor: float, memory: dict[str, object] | None
) -> None:
    rule = ExitRetry(exit_code=137, factor=factor, up_to=up_to)
    first = RunJob(options=JobOptions(timeout=600))
    planned = plan_next_job(target, rule, first, OWNER)
    assert isinstance(planned, RunJob)
    record = describe_next_job(target, rule, first, planned)
    assert record.get("memory") == memory
    requested = record["requested"]
    assert isinstance(requested, dict)
    assert requested["timeout"] == 600
    assert requested.get("memory") == (memory["after"] if memory else None)


@given(
    st.integers(1, 10),
    st.none() | st.tuples(st.text(min_size=1), st.integers(1, 10)),
    st.builds(JobOptions, memory=st.integers(0, 9), queue=st.text(), vcpus=st.text()),
)
def test_a_jobs_place_survives_its_environment(
    number: int, previous: tuple[str, int] | None, options: JobOptions
) -> None:
    job = RunJob(number=number, previous=previous, options=options)
    path = RunPath(function="fn", date="2026-01-01", run_id="r")
    request = build_job_request(path, "q", "{}", lambda _: ObjectRef("s3", "b", "k"), job)
    assert parse_run_job(request.environment[JOB_VARIABLE]) == job


@given(st.text() | st.sampled_from(['{"number":0,"options":{}}', "[]", '{"number":1}', "1"]))
def test_a_damaged_place_is_a_configuration_error(text: str) -> None:
    assume(text)
    with pytest.raises(ConfigError):
        parse_run_job(text)


def test_the_configuration_survives_its_format_and_stays_small_without_new_keys() -> None:
    target = replace(
        EC2,
        retry=(ExitRetry(exit_code=137, factor=2.0),),
        exit_rules=({"action": "EXIT", "onReason": "*"},),
        overridden={"A": "1"},
        batch_variables=("B",),
    )
    assert parse_config(config_to_json(a_config(target))) == a_config(target)
    plain = json.loads(config_to_json(a_config(BatchTarget(queue="q", definition="fn"))))
    assert plain["batch"].keys() == {"queue", "definition", "memory", "larger"}
