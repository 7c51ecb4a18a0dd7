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
from supervisor.model import (
    BatchTarget,
    ComputeService,
    ExecutionMode,
    ExitRetry,
    FunctionConfig,
    JobCapacity,
    JobOptions,
    JobOverride,
    ObjectRef,
)
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
def test_malformed_options_are_event_errors(job: object) -> None:
    for event in (an_event("in/x", 1, job), json.dumps({"scar_job": job}).encode()):
        with pytest.raises(EventError, match="scar_job"):
            parse_event(event)


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
        job = planned
        sizes.append(job.options.memory or target.memory)
    assert job.number <= max(attempts, 2)
    assert sizes == sorted(sizes)
    assert not up_to or max(sizes) <= max(up_to, target.memory)


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
