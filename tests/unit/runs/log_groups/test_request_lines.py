"""Lines of one request or job: whole ids, and a job's own log streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from scar.errors import UsageError
from scar.runs.log_groups.request_lines import read_request_lines, require_id

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection

JOB = "0f5d2c1e-1111-4222-8333-444455556666"


class FakeLogs:
    """Log streams with one line each, found by a part of the line, as CloudWatch Logs does."""

    def __init__(self, streams: dict[str, str]) -> None:
        self.streams = streams

    def get_paginator(self, operation: str) -> FakeLogs:
        assert operation == "filter_log_events"
        return self

    def paginate(self, **request: object) -> list[dict[str, Any]]:
        chosen = cast("list[str]", request.get("logStreamNames", list(self.streams)))
        pattern = str(request.get("filterPattern", "")).strip('"')
        return [
            {
                "events": [
                    {"timestamp": 1000 + n, "logStreamName": stream, "message": text}
                    for n, (stream, text) in enumerate(self.streams.items())
                    if stream in chosen and pattern in text
                ]
            }
        ]


class FakeBatch:
    """One job with two attempts."""

    def describe_jobs(self, jobs: list[str]) -> dict[str, Any]:
        attempts = [{"container": {"logStreamName": f"gray/default/{n}"}} for n in (1, 2)]
        job = {
            "jobId": JOB,
            "jobName": "gray-1",
            "jobQueue": "arn:aws:batch:us-east-1:123456789012:job-queue/q",
            "jobDefinition": "arn:aws:batch:us-east-1:123456789012:job-definition/gray:1",
            "status": "FAILED",
            "createdAt": 1,
            "attempts": attempts,
        }
        return {"jobs": [job] if jobs == [JOB] else []}


class FakeConnection:
    def __init__(self, streams: dict[str, str]) -> None:
        self.clients = {"logs": FakeLogs(streams), "batch": FakeBatch()}

    def client(self, service: str) -> object:
        return self.clients[service]


def selected(streams: dict[str, str], text: str, service: Any = "batch") -> list[str]:  # noqa: ANN401
    connection = cast("AwsConnection", FakeConnection(streams))
    return [line.message for line in read_request_lines(connection, service, "group", "", text)]


def test_a_job_is_found_by_its_id_though_its_log_does_not_name_it() -> None:
    streams = {"gray/default/1": "first attempt", "gray/default/2": "second", "gray/x/9": "other"}
    assert selected(streams, JOB) == ["first attempt", "second"]


def test_a_job_that_batch_has_forgotten_is_found_where_its_log_names_it() -> None:
    other = JOB.replace("0f", "1f")
    assert selected({"a": f'{{"job": "{other}"}}', "b": "-"}, other) == [f'{{"job": "{other}"}}']


def test_an_id_is_compared_as_a_whole() -> None:
    run = "ab" * 16
    streams = {"a": f"{run}1", "b": f"x{run}", "c": run, "d": f"{JOB}-2"}
    assert selected(streams, run) == [run]
    assert selected(streams, run, "lambda") == [run]
    assert selected({"d": f"a{JOB}"}, JOB) == []


@pytest.mark.parametrize("text", [JOB, f"{JOB}:3", f"{JOB}#0", "0" * 32])
def test_ids_have_a_form(text: str) -> None:
    require_id(text)


@pytest.mark.parametrize("text", ["x", "START", "minio", JOB[:-1], f"{JOB}:", "0" * 31, "g" * 32])
def test_a_word_is_no_id(text: str) -> None:
    with pytest.raises(UsageError, match="is no id of a request, run or job"):
        require_id(text)
