"""Buckets whose policies deny writes without an encryption header, with a whole local cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fakes.local_cloud import BUCKET, ROOT, STATE, a_local_cloud, environment, function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

FUNCTIONS = (
    function("sealed", sse="AES256"),
    function("plain"),
    function("parted", output=[{"path": f"{BUCKET}/out/parted", "sse": "aws:kms"}]),
)


def require_header(cloud: LocalCloudProcess, *buckets: str) -> None:
    for bucket in buckets:
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
            "Condition": {"Null": {"s3:x-amz-server-side-encryption": "true"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        cloud.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    for cloud in a_local_cloud("process", *FUNCTIONS):
        require_header(cloud, BUCKET)
        yield cloud


def scar(
    cloud: LocalCloudProcess, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scar", "--local", *arguments],
        env=environment(cloud.folder) | {"PATH": os.environ["PATH"]} | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def upload(cloud: LocalCloudProcess, name: str, script: str, key: str) -> None:
    (cloud.folder / key).write_text(script)
    done = scar(
        cloud, "put", "-b", f"{BUCKET}/in/{name}", "-p", str(cloud.folder / key), "--sse", "AES256"
    )
    assert done.returncode == 0, done.stderr


def test_put_without_the_header_names_the_option(cloud: LocalCloudProcess) -> None:
    (cloud.folder / "a").write_text("x")
    arguments = ("put", "-b", f"{BUCKET}/other", "-p", str(cloud.folder / "a"))
    denied = scar(cloud, *arguments)
    assert denied.returncode == 5
    assert "explicit deny in a resource-based policy" in denied.stderr
    assert "--sse AES256" in denied.stderr
    assert scar(cloud, *arguments, SCAR_SSE="aws:kms").returncode == 0
    head = cloud.client("s3").head_object(Bucket=BUCKET, Key="other/a")
    assert head["ServerSideEncryption"] == "aws:kms"


def test_outputs_and_records_are_written_with_the_header(cloud: LocalCloudProcess) -> None:
    require_header(cloud, STATE)
    try:
        upload(cloud, "sealed", 'echo well >"$TMP_OUTPUT_DIR/made"', "sealed.sh")
        records = cloud.ended("sealed", "in/sealed/sealed.sh")
    finally:
        cloud.client("s3").delete_bucket_policy(Bucket=STATE)
    assert "done.json" in records
    assert cloud.read("out/sealed/made") == "well\n"


def test_the_encryption_of_an_output_is_that_of_its_object(cloud: LocalCloudProcess) -> None:
    upload(cloud, "parted", 'echo well >"$TMP_OUTPUT_DIR/made"', "parted.sh")
    assert "done.json" in cloud.ended("parted", "in/parted/parted.sh")
    head = cloud.client("s3").head_object(Bucket=BUCKET, Key="out/parted/made")
    assert head["ServerSideEncryption"] == "aws:kms"


def test_a_denied_output_is_explained(cloud: LocalCloudProcess) -> None:
    upload(cloud, "plain", 'echo well >"$TMP_OUTPUT_DIR/made"', "plain.sh")
    error = cloud.ended("plain", "in/plain/plain.sh")["error.json"]
    assert "explicit deny in a resource-based policy" in error["problem"]
    assert "set sse (AES256 or aws:kms) of the output" in error["remedy"]
    assert not cloud.keys("out/plain/made")


def test_a_deployment_writes_with_the_header(cloud: LocalCloudProcess) -> None:
    require_header(cloud, STATE)
    try:
        cloud.deploy(function("later", sse="AES256"))
        (cloud.folder / "refused.yaml").write_text(cloud.write([function("refused")]).read_text())
        refused = scar(cloud, "init", "-f", str(cloud.folder / "refused.yaml"))
    finally:
        cloud.client("s3").delete_bucket_policy(Bucket=STATE)
    assert cloud.client("s3").head_object(Bucket=BUCKET, Key="in/later/")["ContentLength"] == 0
    assert refused.returncode == 5
    assert "lambda.sse" in refused.stderr
