"""The requests to S3 of a whole run, on one connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.results import RunOutcome
from supervisor.storage import s3
from tests.fakes.supervisor_factory import STATE, lambda_invocation, new_harness, notification
from tests.functional.supervisor.scripted_server import Reply, scripted

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = Reply(headers={"etag": '"e"'})
EVENT = notification("in/a")


def test_a_run_with_one_output_is_four_requests_on_one_connection(tmp_path: Path) -> None:
    with scripted(
        WRITTEN, Reply(headers={"etag": '"i"'}, body=b"data"), WRITTEN, WRITTEN
    ) as server:
        environ = {
            "AWS_ENDPOINT_URL_S3": server.url,
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
        store = s3.connect(environ)
        supervisor = replace(
            new_harness(tmp_path, upload_threads=16).supervisor, open_store=lambda _: store
        )
        (result,) = supervisor.handle(lambda_invocation(EVENT)).results
        store.close()
    assert result.state is RunOutcome.DONE
    seen = [(request.method, request.target, request.connection) for request in server.requests]
    folder = f"/{STATE}/runs/fn/2026-09-21/{result.run.run_id}"
    assert seen == [
        ("PUT", f"{folder}/claim.json", 1),
        ("GET", "/data/in/a", 1),
        ("PUT", "/data/out/a", 1),
        ("PUT", f"{folder}/done.json", 1),
    ]
    conditions = [request.headers.get("if-none-match") for request in server.requests]
    assert conditions == ["*", None, "*", "*"]
