"""Scripts arrive byte for byte, and objects whose keys end in a slash are files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.runs.invoke import invoke_function, script_payload
from tests.fakes.local_cloud import BUCKET, a_local_cloud, function
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

SCRIPTS = {
    "latin-1": b"#!/bin/sh\n# ann\xe9e: moyenne\necho ran\n",
    "latin-1 whose base64 is an assignment": b"#!/bin/sh\n# ann\xe9e: moyenne\necho ran.\n",
    "a control character": b"#!/bin/sh\necho ran #\b\n",
    "a binary tail": b"#!/bin/sh\necho ran\nexit 0\n\x1f\x8b\x08\x00\xff\xfe\n",
    "no interpreter line": b"echo ran",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("process", function("slashes", input=[{"path": f"{BUCKET}/in"}]))


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
def test_a_script_runs_as_it_is(cloud: LocalCloudProcess, script: bytes) -> None:
    response = invoke_function(cloud.connection, "slashes", script_payload(script, ()), timeout=60)
    assert response.status == 200
    assert b"ran" in response.output


def test_an_object_with_content_starts_a_run_whatever_its_key_ends_with(
    cloud: LocalCloudProcess,
) -> None:
    s3 = cloud.client("s3")
    s3.put_object(Bucket=BUCKET, Key="in/marker/", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="in/file/", Body=b'echo >"$TMP_OUTPUT_DIR/ran"')
    until(lambda: cloud.keys("out/slashes/"))
    assert cloud.keys("out/slashes/") == ["out/slashes/ran"]
