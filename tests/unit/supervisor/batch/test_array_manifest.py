"""A manifest's records: any event, any index, and clear errors for what is no record."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.batch import array_manifest
from supervisor.batch.array_manifest import ArrayPath, build_array_request, build_manifest
from supervisor.errors import EventError
from supervisor.events.json_values import compact_json
from supervisor.events.parser import parse_event
from supervisor.invocation import ObjectEvent, RunOwner
from supervisor.model import ComputeService, ObjectRef
from supervisor.runs import record_format
from supervisor.runtime import batch_job
from tests.fakes.object_store import MemoryStore

PATH = ArrayPath(function="fn", date="2026-11-29", array_id="array-0123456789ab")
BUCKET = "scar-123456789012-eu-west-1"
KEYS = st.text(min_size=1, max_size=60)


def _event(key: str) -> str:
    from urllib.parse import quote_plus

    item = {"key": quote_plus(key, safe="/", errors="surrogatepass"), "size": 1, "eTag": "ab"}
    return compact_json(
        {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "eventSource": "aws:s3",
                    "s3": {"bucket": {"name": "b"}, "object": item},
                }
            ]
        }
    )


def _store(body: bytes) -> MemoryStore:
    store = MemoryStore()
    store.write(ObjectRef("s3", BUCKET, PATH.key(array_manifest.MANIFEST)), body)
    return store


def _environment(width: int, index: int) -> dict[str, str]:
    return {
        "AWS_BATCH_JOB_ID": f"4ae4c1a4-0000-4000-8000-000000000000:{index}",
        "AWS_BATCH_JOB_ARRAY_INDEX": str(index),
        "SCAR_ARRAY_URL": f"s3://{BUCKET}/{PATH.key(array_manifest.MANIFEST)}",
        "SCAR_ARRAY_WIDTH": str(width),
    }


@given(st.lists(KEYS.map(_event), min_size=2, max_size=30), st.data())
def test_each_child_reads_its_own_event_with_one_ranged_request(
    events: list[str], data: st.DataObject
) -> None:
    manifest = build_manifest(events)
    assert len(manifest.body) == manifest.width * len(events) == manifest.width * manifest.count
    index = data.draw(st.sampled_from([0, len(events) - 1, len(events) // 2]))
    store = _store(manifest.body)
    store.calls.clear()
    environment = _environment(manifest.width, index)
    invocation = batch_job.read_invocation(environment, "fn", lambda _: store)
    assert invocation.event.decode() == events[index]
    assert len(store.calls) == 1
    assert array_manifest.parse_manifest(manifest.body, manifest.width) == [
        event.encode() for event in events
    ]


@given(st.binary(max_size=200), st.integers(2, 40), st.integers(0, 9999))
def test_what_is_no_record_is_an_event_error(body: bytes, width: int, index: int) -> None:
    record = body[index * width : (index + 1) * width]
    environment = _environment(width, index)
    is_record = len(record) == width and record.endswith(b"\n") and record.count(b"\n") == 1
    text = record[:-1].rstrip(b" ")
    if is_record and text.startswith(b"{") and text.endswith(b"}"):
        read = batch_job.read_invocation(environment, "fn", lambda _: _store(body))
        assert read.event == text
        return
    with pytest.raises(EventError, match="damaged or incomplete"):
        batch_job.read_invocation(environment, "fn", lambda _: _store(body))


@pytest.mark.parametrize("cut", [1, 20])
def test_a_truncated_manifest_fails_its_last_child_only(cut: int) -> None:
    manifest = build_manifest([_event("a"), _event("b")])
    store = _store(manifest.body[:-cut])
    assert batch_job.read_invocation(_environment(manifest.width, 0), "fn", lambda _: store).event
    with pytest.raises(EventError, match="damaged or incomplete"):
        batch_job.read_invocation(_environment(manifest.width, 1), "fn", lambda _: store)
    with pytest.raises(EventError, match="no multiple"):
        array_manifest.parse_manifest(manifest.body[:-cut], manifest.width)


def test_a_missing_manifest_is_named() -> None:
    with pytest.raises(EventError, match=r"arrays/2026-11-29/array-0123456789ab/manifest"):
        batch_job.read_invocation(_environment(100, 0), "fn", lambda _: MemoryStore())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCAR_ARRAY_URL", "https://host/x"),
        ("SCAR_ARRAY_URL", "s3://bucket"),
        ("SCAR_ARRAY_WIDTH", ""),
        ("SCAR_ARRAY_WIDTH", "0"),
        ("SCAR_ARRAY_WIDTH", "65537"),
        ("SCAR_ARRAY_WIDTH", "-5"),
        ("AWS_BATCH_JOB_ARRAY_INDEX", ""),
        ("AWS_BATCH_JOB_ARRAY_INDEX", "10000"),
        ("AWS_BATCH_JOB_ARRAY_INDEX", "x"),
    ],
)
def test_invalid_variables_are_an_event_error(name: str, value: str) -> None:
    environment = {**_environment(100, 0), name: value}
    with pytest.raises(EventError, match=name):
        batch_job.read_invocation(environment, "fn", lambda _: MemoryStore())


@pytest.mark.parametrize("count", [0, 1, 10_001])
def test_a_manifest_has_2_to_10000_records(count: int) -> None:
    with pytest.raises(EventError, match="2 to 10,000"):
        build_manifest(["{}"] * count)


@pytest.mark.parametrize("event", ['{"a":\n1}', json.dumps({"a": "x" * 65_536})])
def test_an_event_that_is_no_record_is_refused(event: str) -> None:
    with pytest.raises(EventError, match="cannot be a record"):
        build_manifest([event, "{}"])


def test_the_job_of_an_array_is_far_below_the_limit_of_overrides() -> None:
    path = ArrayPath(function="f" * 64, date="2026-11-29", array_id="array-0123456789ab")
    job = build_array_request(path, "b" * 63, build_manifest(["{}"] * 10_000))
    assert job.array_size == 10_000
    assert len(job.name) <= 128
    assert len(json.dumps(job.environment)) < 400


def test_a_child_has_the_run_of_its_event() -> None:
    (trigger,) = parse_event(_event("in/a.txt").encode())
    assert isinstance(trigger, ObjectEvent)
    in_lambda = record_format.run_id("fn", trigger, "request")
    manifest = build_manifest([_event("in/a.txt"), _event("in/b.txt")])
    environment = _environment(manifest.width, 0)
    child = batch_job.read_invocation(environment, "fn", lambda _: _store(manifest.body))
    (same,) = parse_event(child.event)
    assert record_format.run_id("fn", same, child.owner.request) == in_lambda
    assert not child.run_id


@given(st.integers(1, 10), st.integers(0, 9_999))
def test_the_attempt_of_a_child_names_its_array(attempt: int, index: int) -> None:
    parent = "4ae4c1a4-0000-4000-8000-000000000000"
    child = RunOwner(
        site=ComputeService.BATCH, request="r", job=f"{parent}:{index}", attempt=attempt
    )
    name = record_format.attempt_name(child)
    assert record_format.parse_attempt(name) == (str(attempt), parent, index)
    single = RunOwner(site=ComputeService.BATCH, request="r", job=parent, attempt=attempt)
    assert record_format.attempt_name(single) == f"attempt-{attempt}"
    assert record_format.parse_attempt(f"attempt-{attempt}") == (str(attempt), "", None)
    assert record_format.parse_attempt(f"attempt-2.{attempt}") == (f"2.{attempt}", "", None)


@given(st.integers(2, 10_000), st.booleans())
def test_a_submission_is_read_from_its_name(count: int, is_retry: bool) -> None:
    job = "4ae4c1a4-0000-4000-8000-000000000000"
    name = array_manifest.submission_name(job, count, is_retry=is_retry)
    assert array_manifest.parse_submission_name(name) == (job, count, is_retry)
    for other in (array_manifest.MANIFEST, array_manifest.DESCRIPTION, f"{name}.x"):
        assert array_manifest.parse_submission_name(other) is None


def test_a_supervisor_without_arrays_refuses_the_event_instead_of_running_the_script() -> None:
    environment = dict(build_array_request(PATH, BUCKET, build_manifest(["{}"] * 2)).environment)
    del environment["SCAR_ARRAY_URL"]  # what a release without arrays does not look at
    with pytest.raises(EventError, match="deployed by an older release"):
        batch_job.read_invocation(environment, "fn", lambda _: MemoryStore())
