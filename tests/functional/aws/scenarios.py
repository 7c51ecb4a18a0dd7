"""Scenarios: what users do with a function, and what others do in the account meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scar.transfer.client import MULTIPART_THRESHOLD
from tests.fakes.moto_compat import ACCOUNT, answered
from tests.functional.aws.factories import a_role, refuse
from tests.functional.aws.manual_changes import TRUST as TRUST_OF_OTHERS

if TYPE_CHECKING:
    from tests.fakes.registries import Misbehaving
    from tests.functional.aws.command_replay import Replay

HOST = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
ROLES = ("crop-eu-west-1-job", "scar-delegate-eu-west-1-lambda", "scar-instances-eu-west-1")
GROUP = "/aws/lambda/crop"


def fail_at_last(replay: Replay) -> None:
    refuse(replay.connection, "s3", "PutBucketNotificationConfiguration")
    replay.scar("init", "-f", "FILE", status=5)


def disturb(replay: Replay) -> None:
    """Change what drift's own tests leave alone."""
    hand = replay.hand
    scanning: Any = {"scanOnPush": False}
    for name in ("crop", "scar-delegate"):
        hand.client("ecr").put_image_scanning_configuration(
            repositoryName=f"scar/{name}", imageScanningConfiguration=scanning
        )
        arn = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}"
        hand.client("lambda").tag_resource(Resource=arn, Tags={"scar:odd": "1"})
    other = f"{HOST}/scar/scar-delegate@sha256:{'0' * 64}"
    hand.client("lambda").update_function_code(FunctionName="scar-delegate", ImageUri=other)
    hand.client("lambda").update_function_configuration(
        FunctionName="scar-delegate", MemorySize=2048
    )
    profile, iam = "scar-instances-eu-west-1", hand.client("iam")
    iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=profile)
    for role in (profile, "scar-delegate-eu-west-1-lambda"):
        iam.update_assume_role_policy(
            RoleName=role, PolicyDocument=TRUST_OF_OTHERS.replace("ec2.", "batch.")
        )
    batch = hand.client("batch")
    (queue,) = batch.describe_job_queues()["jobQueues"]
    batch.create_compute_environment(computeEnvironmentName="theirs", type="UNMANAGED")
    theirs: Any = [{"order": 1, "computeEnvironment": "theirs"}]
    batch.update_job_queue(jobQueue=queue["jobQueueName"], computeEnvironmentOrder=theirs)


def let_ecr_name(replay: Replay, registry: Misbehaving) -> None:
    """Let ECR name this registry as its own, and let its repositories share layers."""
    registry.mounts = True
    events = replay.connection.session.events

    def tell(parsed: dict[str, Any], **_: object) -> None:
        parsed["authorizationData"][0]["proxyEndpoint"] = registry.endpoint

    def shared(**_: object) -> tuple[object, dict[str, object]]:
        return answered(name="BLOB_MOUNTING", value="ENABLED")

    events.register("after-call.ecr.GetAuthorizationToken", tell)
    events.register("before-call.ecr.GetAccountSetting", shared)  # type: ignore[arg-type]


def deploy_as_a_role(replay: Replay) -> None:
    a_role(replay.hand, "deployer", "ec2")

    def tell(parsed: dict[str, Any], **_: object) -> None:
        parsed["Arn"] = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/session"

    replay.connection.session.events.register("after-call.sts.GetCallerIdentity", tell)


def deploy_in_turn(replay: Replay, *described: dict[str, Any]) -> None:
    """Deploy one after the other, each twice, and remove the last one."""
    for one in described:
        replay.describe(one)
        replay.scar("init", "-f", "FILE")
    replay.scar("update", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def make_encrypted_bucket(replay: Replay) -> None:
    make_bucket(replay)
    kms = replay.hand.session.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/photos", TargetKeyId=key)
    by_default: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/photos"}
    rule: Any = {"ApplyServerSideEncryptionByDefault": by_default}
    replay.hand.client("s3").put_bucket_encryption(
        Bucket="photos", ServerSideEncryptionConfiguration={"Rules": [rule]}
    )


def make_bucket(replay: Replay) -> None:
    replay.hand.client("s3").create_bucket(
        Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )


def move_objects(replay: Replay) -> None:
    """Upload, list and download files, one of them in parts, and one whose upload breaks."""
    (replay.folder / "small").write_bytes(b"a")
    with (replay.folder / "large").open("wb") as file:
        file.truncate(MULTIPART_THRESHOLD)
    for name in ("small", "large"):
        replay.scar("put", "-b", "photos/there", "-p", str(replay.folder / name))
    break_uploads(replay)
    replay.scar("put", "-b", "photos/there", "-p", str(replay.folder / "large"), status=5)
    replay.scar("ls", "-b", "photos/there")
    replay.scar("get", "-b", "photos/there", "-p", str(replay.folder / "back"))


def break_uploads(replay: Replay) -> None:
    def fail(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "UploadPart")

    replay.connection.session.events.register("before-call.s3.UploadPart", fail)


def tell_of_a_job(replay: Replay, run: str) -> list[str]:
    """Let Batch tell of a job for the run; return the jobs that it tells of."""
    waiting = [f"crop-{run}"]
    definition = f"arn:aws:batch:eu-west-1:{ACCOUNT}:job-definition/crop:1"

    def tell(parsed: dict[str, Any], **_: object) -> None:
        parsed["jobSummaryList"] = [
            {"jobId": "j-1", "jobName": name, "jobDefinition": definition} for name in waiting
        ]

    def describe(parsed: dict[str, Any], **_: object) -> None:
        parsed["jobs"] = [{"jobId": "j-1", "jobName": n, "status": "RUNNABLE"} for n in waiting]

    events = replay.connection.client("batch").meta.events
    events.register("after-call.batch.ListJobs", tell)
    events.register("after-call.batch.DescribeJobs", describe)
    return waiting


def write_log(replay: Replay, group: str, stream: str) -> None:
    logs = replay.hand.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    line = {"timestamp": int(time.time() * 1000) - 60_000, "message": "START RequestId: r"}
    events: Any = [line]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
