"""Steps of the lifecycles: what users do, and what others change in the account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from scar.transfer.client import MULTIPART_THRESHOLD
from tests.fakes.moto_compat import ACCOUNT, api_response
from tests.functional.aws.support.factories import a_role, fail_next_call
from tests.functional.aws.support.manual_changes import TRUST

if TYPE_CHECKING:
    from tests.fakes.registries import FaultyRegistry
    from tests.functional.aws.support.command_replay import Replay
    from tests.functional.aws.support.direct_requests import RecordingPool

HOST = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
ROLES = ("crop-eu-west-1-job", "scar-failure-handler-eu-west-1-lambda", "scar-instances-eu-west-1")
GROUP = "/aws/lambda/crop"


def fail_last_step(replay: Replay) -> None:
    """Run an ``init`` whose last step, the bucket notification, is denied."""
    fail_next_call(replay.connection, "s3", "PutBucketNotificationConfiguration")
    replay.scar("init", "-f", "FILE", status=5)


def cause_more_drift(replay: Replay) -> None:
    """Change by hand what ``manual_changes`` does not: tags, code, roles, the job queue."""
    other = replay.unrecorded
    scanning: Any = {"scanOnPush": False}
    for name in ("crop", "scar-failure-handler"):
        other.client("ecr").put_image_scanning_configuration(
            repositoryName=f"scar/{name}", imageScanningConfiguration=scanning
        )
        arn = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}"
        other.client("lambda").tag_resource(Resource=arn, Tags={"scar:odd": "1"})
    other_image = f"{HOST}/scar/scar-failure-handler@sha256:{'0' * 64}"
    other.client("lambda").update_function_code(
        FunctionName="scar-failure-handler", ImageUri=other_image
    )
    other.client("lambda").update_function_configuration(
        FunctionName="scar-failure-handler", MemorySize=2048
    )
    profile, iam = "scar-instances-eu-west-1", other.client("iam")
    iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=profile)
    for role in (profile, "scar-failure-handler-eu-west-1-lambda"):
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=TRUST.replace("ec2.", "batch."))
    batch = other.client("batch")
    (queue,) = batch.describe_job_queues()["jobQueues"]
    batch.create_compute_environment(computeEnvironmentName="theirs", type="UNMANAGED")
    theirs: Any = [{"order": 1, "computeEnvironment": "theirs"}]
    batch.update_job_queue(jobQueue=queue["jobQueueName"], computeEnvironmentOrder=theirs)


def use_registry_as_ecr(replay: Replay, registry: FaultyRegistry) -> None:
    """Make ECR return this registry as its endpoint, with blob mounting between repositories."""
    registry.supports_mounts = True
    events = replay.connection.session.events

    def set_endpoint(parsed: dict[str, Any], **_: object) -> None:
        parsed["authorizationData"][0]["proxyEndpoint"] = registry.endpoint

    def enable_mounting(**_: object) -> tuple[object, dict[str, object]]:
        return api_response(name="BLOB_MOUNTING", value="ENABLED")

    events.register("after-call.ecr.GetAuthorizationToken", set_endpoint)
    events.register("before-call.ecr.GetAccountSetting", enable_mounting)  # type: ignore[arg-type]


def deploy_as_a_role(replay: Replay) -> None:
    """Make STS return a session of the role ``deployer`` as the caller."""
    a_role(replay.unrecorded, "deployer", "ec2")

    def set_caller(parsed: dict[str, Any], **_: object) -> None:
        parsed["Arn"] = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/session"

    replay.connection.session.events.register("after-call.sts.GetCallerIdentity", set_caller)


def deploy_in_sequence(replay: Replay, *versions: dict[str, Any]) -> None:
    """Deploy versions of a function one after the other, update the last one and remove it."""
    for version in versions:
        replay.write_fdl(version)
        replay.scar("init", "-f", "FILE")
    replay.scar("update", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def make_encrypted_bucket(replay: Replay) -> None:
    make_bucket(replay)
    kms = replay.unrecorded.session.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/photos", TargetKeyId=key)
    by_default: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/photos"}
    rule: Any = {"ApplyServerSideEncryptionByDefault": by_default}
    replay.unrecorded.client("s3").put_bucket_encryption(
        Bucket="photos", ServerSideEncryptionConfiguration={"Rules": [rule]}
    )


def make_bucket(replay: Replay) -> None:
    replay.unrecorded.client("s3").create_bucket(
        Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )


def move_objects(replay: Replay, pool: RecordingPool) -> None:
    """Upload, list and download files, one of them in parts; then let an upload fail."""
    (replay.folder / "small").write_bytes(b"a")
    with (replay.folder / "large").open("wb") as file:
        file.truncate(MULTIPART_THRESHOLD)
    for name in ("small", "large"):
        replay.scar("put", "-b", "photos/files", "-p", str(replay.folder / name))
    pool.denied.add("UploadPart")
    replay.scar("put", "-b", "photos/files", "-p", str(replay.folder / "large"), status=5)
    pool.denied.clear()
    replay.scar("ls", "-b", "photos/files")
    replay.scar("get", "-b", "photos/files", "-p", str(replay.folder / "back"))


def list_a_queued_job(replay: Replay, run: str) -> list[str]:
    """Make Batch list a queued job for the run; return the list of job names, to be changed."""
    waiting = [f"crop-{run}"]
    definition = f"arn:aws:batch:eu-west-1:{ACCOUNT}:job-definition/crop:1"

    def list_jobs(parsed: dict[str, Any], **_: object) -> None:
        parsed["jobSummaryList"] = [
            {"jobId": "j-1", "jobName": name, "jobDefinition": definition} for name in waiting
        ]

    def describe(parsed: dict[str, Any], **_: object) -> None:
        parsed["jobs"] = [{"jobId": "j-1", "jobName": n, "status": "RUNNABLE"} for n in waiting]

    events = replay.connection.client("batch").meta.events
    events.register("after-call.batch.ListJobs", list_jobs)
    events.register("after-call.batch.DescribeJobs", describe)
    return waiting


def write_log(replay: Replay, group: str, stream: str) -> None:
    logs = replay.unrecorded.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    line = {"timestamp": int(time.time() * 1000) - 60_000, "message": "START RequestId: r"}
    events: Any = [line]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
