"""Step 8: buckets with settings, owners and rules of other people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(8)


def check_one_file(
    run: AcceptanceRun, deploy: Deploy, described: dict[str, Any], name: str
) -> None:
    """Deploy the function, process one file, find no drift, and remove the function."""
    one = deploy(name, described)
    one.init()
    assert one.drift(0) == []
    one.put(run.file(f"{name}/one.txt", name))
    one.wait()
    assert one.get() == {"one.txt": name.encode()}
    assert one.states()["done"] == 1
    one.remove()


def test_a_bucket_that_exists_and_has_objects_is_used_as_it_is(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    bucket = run.make_bucket("older")
    run.target.client("s3").put_object(Bucket=bucket, Key="before", Body=b"x")
    check_one_file(run, deploy, function("older", "older"), "older")
    keys = run.target.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert "before" in {each["Key"] for each in keys}


@pytest.mark.not_shown_here("the local cloud has no KMS")
def test_a_bucket_with_a_kms_key(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    kms, bucket = run.target.client("kms"), run.make_bucket("kms")
    key = kms.create_key(Description=f"acceptance {run.settings.run}")["KeyMetadata"]["Arn"]
    try:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        rule = {"ApplyServerSideEncryptionByDefault": default}
        run.target.client("s3").put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
        )
        check_one_file(run, deploy, function("kms", "kms"), "kms")
    finally:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


@pytest.mark.not_shown_here("the local S3 keeps no versions")
def test_a_versioned_bucket(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    bucket = run.make_bucket("versions")
    run.target.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    check_one_file(run, deploy, function("versions", "versions"), "versions")


@pytest.mark.not_shown_here("the local S3 has no Object Lock")
def test_a_bucket_with_object_lock_and_a_default_retention(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    bucket = run.make_bucket("lock", ObjectLockEnabledForBucket=True)
    retention = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    run.target.client("s3").put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention},
    )
    check_one_file(run, deploy, function("lock", "lock"), "lock")


@pytest.mark.not_shown_here("the local cloud accepts one bucket name in every Region")
def test_an_input_bucket_of_another_region_is_refused_before_the_first_change(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    run.make_bucket("far", region="eu-north-1" if run.target.region == "eu-west-1" else "eu-west-1")
    far = deploy("far", function("far", "far"))
    assert "Region" in far.init(status=3).stderr


@pytest.mark.not_shown_here("the local cloud has one account")
def test_an_output_bucket_of_another_account(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    if not run.settings.foreign_bucket:
        pytest.skip("not shown here: no bucket was given (ACCEPTANCE_FOREIGN_BUCKET)")
    output = [{"path": f"{run.settings.foreign_bucket}/{run.settings.run}"}]
    foreign = deploy("foreign", function("foreign", "foreign", output=output))
    result = foreign.scar("plan", "-f", "FILE")
    run.observe("plan with a bucket of another account", result.stderr[-500:])


def test_a_dead_rule_of_somebody_else_is_named(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    """S3 checks all destinations of a bucket at each change of one rule."""
    bucket, client = run.make_bucket("dead"), run.target.client("lambda")
    other = deploy("other", function("other", "dead", input=[{"path": f"{bucket}/other"}]))
    other.init()
    add_rule_of_somebody_else(run, bucket, other.functions[0]["name"])
    client.delete_function(FunctionName=other.functions[0]["name"])
    try:
        mine = deploy("mine", function("mine", "dead"))
        refused = mine.init(status=5)
        run.observe("message about a dead rule", refused.stderr[-1000:])
        named = ("somebody-else", other.functions[0]["name"])
        assert any(word in refused.stderr for word in named)
    finally:
        run.target.client("s3").put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={}
        )


def add_rule_of_somebody_else(run: AcceptanceRun, bucket: str, function: str) -> None:
    """Replace the function's own rule by one that scar did not make."""
    s3 = run.target.client("s3")
    (rule,) = s3.get_bucket_notification_configuration(Bucket=bucket)[
        "LambdaFunctionConfigurations"
    ]
    assert rule["LambdaFunctionArn"].endswith(function)
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [{**rule, "Id": "somebody-else"}]
        },
    )
