"""The CloudWatch Logs operations, called through boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from scar.local.http.server import HttpServer
from scar.local.logs.service import LogsService
from scar.local.logs.store import LogStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    store = LogStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def logs(store: LogStore) -> Iterator[CloudWatchLogsClient]:
    server = HttpServer(LogsService(store, group_exists=lambda name: name != "absent"))
    endpoint = f"http://127.0.0.1:{server.start()}"
    session = boto3.Session("a", "b", region_name="us-east-1")
    yield session.client("logs", endpoint_url=endpoint)
    server.close(0.2)


def all_pages(
    logs: CloudWatchLogsClient,
    **parameters: Any,  # noqa: ANN401 - passed on to boto3
) -> list[str]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName="g", **parameters)
    return [event["message"] for page in pages for event in page["events"]]


def test_events_are_put_and_read(logs: CloudWatchLogsClient) -> None:
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    events: list[InputLogEventTypeDef] = [{"timestamp": n, "message": f"m{n}"} for n in range(5)]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    answer = logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)
    assert [e["message"] for e in answer["events"]] == ["m0", "m1", "m2", "m3", "m4"]


def test_reading_forward_ends_with_an_unchanged_token_and_continues_later(
    logs: CloudWatchLogsClient, store: LogStore
) -> None:
    store.append("g", "s", [(n, f"m{n}") for n in range(5)])
    messages: list[str] = []
    answer = logs.get_log_events(logGroupName="g", logStreamName="s", limit=2, startFromHead=True)
    token = ""
    while answer["nextForwardToken"] != token and len(messages) < 10:
        messages += [event["message"] for event in answer["events"]]
        token = answer["nextForwardToken"]
        answer = logs.get_log_events(logGroupName="g", logStreamName="s", limit=2, nextToken=token)
    assert messages == ["m0", "m1", "m2", "m3", "m4"]
    store.append("g", "s", [(9, "later")])
    answer = logs.get_log_events(logGroupName="g", logStreamName="s", nextToken=token)
    assert [event["message"] for event in answer["events"]] == ["later"]


def test_reading_starts_at_the_end_and_goes_backwards(
    logs: CloudWatchLogsClient, store: LogStore
) -> None:
    store.append("g", "s", [(n, f"m{n}") for n in range(5)])
    answer = logs.get_log_events(logGroupName="g", logStreamName="s", limit=2)
    assert [event["message"] for event in answer["events"]] == ["m3", "m4"]
    answer = logs.get_log_events(
        logGroupName="g", logStreamName="s", limit=2, nextToken=answer["nextBackwardToken"]
    )
    assert [event["message"] for event in answer["events"]] == ["m1", "m2"]


def test_filtering_pages_through_all_streams_in_order_of_time(
    logs: CloudWatchLogsClient, store: LogStore
) -> None:
    store.append("g", "a", [(n, f"a{n} {'x' * 400}") for n in range(0, 3000, 2)])
    store.append("g", "b", [(n, f"b{n} {'x' * 400}") for n in range(1, 3000, 2)])
    found = all_pages(logs, PaginationConfig={"PageSize": 700})
    assert [int(message.split()[0][1:]) for message in found] == list(range(3000))
    assert len(all_pages(logs)) == 3000
    assert len(all_pages(logs, filterPattern='"b1 "')) == 1
    assert len(all_pages(logs, logStreamNames=["a"], startTime=10, endTime=20)) == 5
    assert len(all_pages(logs, logStreamNamePrefix="b")) == 1500


def test_streams_are_described_newest_first_page_by_page(
    logs: CloudWatchLogsClient, store: LogStore
) -> None:
    for number in range(60):
        store.append("g", f"s{number:02d}", [(1000 - number, "x")])
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName="g", orderBy="LastEventTime", descending=True
    )
    streams = [stream for page in pages for stream in page["logStreams"]]
    assert [s["logStreamName"] for s in streams] == [f"s{n:02d}" for n in range(60)]
    assert streams[0]["lastEventTimestamp"] == 1000


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("filter_log_events", {"logGroupName": "absent"}, "ResourceNotFoundException"),
        (
            "get_log_events",
            {"logGroupName": "g", "logStreamName": "none"},
            "ResourceNotFoundException",
        ),
        (
            "filter_log_events",
            {"logGroupName": "g", "filterPattern": "{ $.a = 1 }"},
            "InvalidParameterException",
        ),
        (
            "filter_log_events",
            {"logGroupName": "g", "nextToken": "x"},
            "InvalidParameterException",
        ),
    ],
)
def test_faults_have_the_names_of_aws(
    logs: CloudWatchLogsClient, operation: str, arguments: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(logs, operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == code
