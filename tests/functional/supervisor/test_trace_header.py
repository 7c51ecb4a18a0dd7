"""Every request to AWS has the trace id of the invocation that this process handles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervisor.aws.retry import Backoff
from supervisor.batch import submitter
from supervisor.job_model import BatchTarget, JobRequest
from supervisor.model import IfNoneMatch, ObjectRef, VersionPin
from supervisor.storage import s3
from supervisor.storage.s3_protocol import MIB
from supervisor.trace_ids import TRACE_VARIABLE
from tests.functional.supervisor.scripted_server import Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER = "x-amzn-trace-id"
TRACE = "Root=1-6a0b1c2d-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:1|b:2"
SENT = TRACE.replace("|", "%7C")
REF = ObjectRef("s3", "data", "out/key")
WRITTEN = Reply(headers={"etag": '"e1"'})
UPLOAD_ID = Reply(body=b"<R xmlns='x'><UploadId>u</UploadId></R>")
COMPLETED = Reply(body=b"<R xmlns='x'><ETag>&quot;e-2&quot;</ETag></R>")
JOB_ID = Reply(body=b'{"jobId": "job-1"}')


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv(TRACE_VARIABLE, TRACE)
    yield monkeypatch
    monkeypatch.undo()


def environ(url: str) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    return {"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-west-1", **keys}


@pytest.mark.usefixtures("trace")
def test_every_request_of_the_store_has_the_trace_id_unsigned(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(65 * MIB)
    parts = [WRITTEN] * 5  # of 16 MiB
    replies = (WRITTEN, WRITTEN, Reply(body=b"x"), UPLOAD_ID, *parts, COMPLETED)
    with scripted(*replies) as server:
        store = s3.connect(environ(server.url), Backoff(max_attempts=1))
        store.head(REF)
        store.write(REF, b"data", condition=IfNoneMatch())
        store.download(REF, tmp_path / "x", version=VersionPin())
        store.upload(large, REF)
        store.close()
    assert [r.method for r in server.requests] == [
        "HEAD",
        "PUT",
        "GET",
        "POST",
        *["PUT"] * 5,
        "POST",
    ]
    assert {r.headers[HEADER] for r in server.requests} == {SENT}
    assert all(HEADER not in r.headers["authorization"] for r in server.requests)


def test_each_submission_has_the_trace_id_of_its_own_time(trace: pytest.MonkeyPatch) -> None:
    target = BatchTarget(queue="q", definition="fn")
    job = JobRequest(name="fn-1", environment={})
    with scripted(JOB_ID, JOB_ID, JOB_ID) as server:
        batch = submitter.connect(target, environ(server.url))
        batch.submit(job)
        trace.setenv(TRACE_VARIABLE, "Root=2")
        batch.submit(job)
        trace.delenv(TRACE_VARIABLE)
        batch.submit(job)
    assert [r.headers.get(HEADER) for r in server.requests] == [SENT, "Root=2", None]


@pytest.mark.parametrize("text", ["a\r\nx-injected: 1", "a\nb", "é", "x" * 2000, "\udcff"])
def test_a_value_that_is_no_header_is_not_sent(trace: pytest.MonkeyPatch, text: str) -> None:
    trace.setenv(TRACE_VARIABLE, text)
    with scripted(WRITTEN) as server:
        s3.connect(environ(server.url)).head(REF)
    assert HEADER not in server.requests[0].headers


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=200))
def test_the_header_is_that_of_boto3(trace: pytest.MonkeyPatch, text: str) -> None:
    trace.setenv("AWS_LAMBDA_FUNCTION_NAME", "fn")
    trace.setenv(TRACE_VARIABLE, text)
    with scripted(WRITTEN, WRITTEN) as server:
        s3.connect(environ(server.url)).head(REF)
        client = boto3.client(
            "s3",
            "eu-west-1",
            endpoint_url=server.url,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        client.head_object(Bucket="data", Key="out/key")
        client.close()
    own, botos = server.requests
    assert own.headers[HEADER] == botos.headers[HEADER]
