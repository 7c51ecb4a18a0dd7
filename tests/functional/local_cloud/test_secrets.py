"""Secrets of a function in Lambda and in Batch: the script has them, nothing stored has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud, function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

VALUE = "hunter2-never-shown"
SECRETS = {"secrets": {"DB": "ssm:/db"}}
# Not the value itself: what a script writes is its own.
SHOW = 'test "$DB" = "$(printf "hunter2-%s" never-shown)" && echo right > "$TMP_OUTPUT_DIR/$1"'


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud(
        "process",
        function("short", container=SECRETS),
        function("long", execution_mode="batch", container=SECRETS),
        function("without", container={"secrets": {"DB": "ssm:/absent"}}),
    )


@pytest.mark.parametrize("name", ["short", "long"])
def test_the_script_has_the_value_and_nothing_stored_has_it(
    cloud: LocalCloudProcess, name: str
) -> None:
    cloud.connection.session.client(
        "ssm", endpoint_url=cloud.connection.endpoint_url
    ).put_parameter(Name="/db", Value=VALUE, Type="SecureString", Overwrite=True)
    key = cloud.put(name, SHOW.replace("$1", name))
    assert cloud.ended(name, key).keys() >= {"done.json"}
    assert cloud.read(f"out/{name}/{name}") == "right\n"
    assert VALUE not in str(cloud.records(name, ""))
    assert VALUE not in str(cloud.jobs(name))
    assert VALUE not in str(cloud.client("batch").describe_job_definitions())
    events = cloud.client("logs").filter_log_events(
        logGroupName=f"/aws/{'batch' if name == 'long' else 'lambda'}/{name}"
    )
    assert VALUE not in str(events)
    for bucket in (BUCKET, STATE):
        for stored in cloud.keys("", bucket):
            body = cloud.client("s3").get_object(Bucket=bucket, Key=stored)["Body"].read()
            assert VALUE.encode() not in body


def test_a_missing_secret_fails_the_run_with_its_name(cloud: LocalCloudProcess) -> None:
    key = cloud.put("without", "exit 0")
    error = cloud.ended("without", key)["error.json"]
    assert error["kind"] == "SecretError"
    assert "The parameter /absent of the variable DB does not exist." in error["problem"]
