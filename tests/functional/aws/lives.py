"""What users do with a function from its first ``init`` to its ``rm``, feature by feature."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scar.image.build import build
from scar.image.layer import File, layer
from scar.transfer.client import LARGE
from supervisor.model import ImageDefaults
from tests.fakes.moto_gaps import ACCOUNT, answered
from tests.fakes.registries import misbehaving
from tests.functional.aws.by_hand import CHANGES
from tests.functional.aws.by_hand import TRUST as TRUST_OF_OTHERS
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.making import a_function, a_role, deploy, pretend_running, refuse, widen
from tests.functional.aws.pushed import Pushed
from tests.functional.aws.recording import pushed as pushed_to
from tests.functional.aws.replaying import RealImages, Replay, function, machines

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.registries import Misbehaving

HOST = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
ROLES = ("crop-eu-west-1-job", "scar-delegate-eu-west-1-lambda", "scar-instances-eu-west-1")
GROUP = "/aws/lambda/crop"


def in_lambda(replay: Replay) -> None:
    _changes(
        replay,
        function(tags={"a": "1"}),
        function(
            memory=1024,
            retries=1,
            concurrency=1,
            tags={"b": "2"},
            container={"image": "busybox:2"},
            input=[{"path": "photos/elsewhere"}],
            cloudwatch={"log_retention_policy_in_days": 7},
        ),
        function(memory=1024),
    )


def on_machines(replay: Replay) -> None:
    """Machines are shared by content: other ones are made, and the old ones go."""
    _changes(
        replay,
        function("lambda-batch", batch=machines("EC2", disk=50)),
        function("batch", batch=machines("SPOT", disk=80, max_v_cpus=8)),
    )
    _changes(replay, function("batch", batch=machines("FARGATE")))


def elsewhere(replay: Replay) -> None:
    """In a VPC with a file system, with a bucket that has a key, under another prefix."""
    _encrypted_bucket(replay)
    ec2 = replay.hand.client("ec2")
    (table,) = ec2.describe_route_tables()["RouteTables"]
    ec2.create_vpc_endpoint(
        VpcId=table["VpcId"],
        VpcEndpointType="Gateway",
        ServiceName="com.amazonaws.eu-west-1.s3",
        RouteTableIds=[table["RouteTableId"]],
    )
    subnets = [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]][:2]
    groups = [g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]][:1]
    point = f"arn:aws:elasticfilesystem:eu-west-1:{ACCOUNT}:access-point/fsap-0123456789abcdef0"
    described = function(
        vpc={"subnets": subnets, "security_group_ids": groups},
        file_system=[{"arn": point, "path": "/mnt/data"}],
        ecr={"prefix": "team/images"},
    )
    _changes(replay, described)


def with_own_roles(replay: Replay) -> None:
    """Another team's function has the delegate; who deploys has a role for it."""
    deploy(replay.hand, FakeImages(), a_function(name="cut"))
    _as_a_role(replay)
    role = a_role(replay.hand, "mine", "lambda", "ecs-tasks")
    service = a_role(replay.hand, "batchs", "batch")
    iam = replay.hand.client("iam")
    made = iam.create_instance_profile(InstanceProfileName="hosts")
    profile = made["InstanceProfile"]["Arn"]
    batch = {**machines("EC2", instance_role=profile), "service_role": service}
    _changes(replay, function("lambda-batch", iam={"role": role}, batch=batch))


def under_a_boundary(replay: Replay) -> None:
    """It comes, goes, comes back when a step fails, and goes for good."""
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [anything]})
    made = replay.hand.client("iam").create_policy(PolicyName="limit", PolicyDocument=document)
    limited = {"permissions_boundary": made["Policy"]["Arn"]}
    free, under = function("lambda-batch"), function("lambda-batch", iam=limited)
    for described in (under, free, under):
        replay.describe(described)
        replay.scar("init", "-f", "FILE")
    widen(replay.hand, *ROLES)
    elsewhere = [{"path": "photos/elsewhere"}]
    for described in (under, free):
        replay.describe({**described, "lambda": {**described["lambda"], "input": elsewhere}})
        _fail_at_last(replay)
    replay.scar("init", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def put_right(replay: Replay) -> None:
    """Whatever others changed by hand is changed back, of the delegate too."""
    replay.describe(function("lambda-batch"))
    replay.scar("init", "-f", "FILE")
    for what, (by_hand, _) in CHANGES.items():
        if what not in ("inline", "rules"):  # others of the table ask for the same
            by_hand(replay.hand)
    _disturb(replay)
    replay.scar("plan", "-f", "FILE")
    replay.scar("init", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def undone(replay: Replay) -> None:
    """The last step fails, and all others are undone."""
    replay.describe(function("lambda-batch", concurrency=1, batch=machines("EC2", disk=50)))
    _fail_at_last(replay)
    replay.scar("init", "-f", "FILE")
    widen(replay.hand, *ROLES)
    for group in (GROUP, "/aws/batch/crop", "/aws/lambda/scar-delegate"):
        replay.hand.client("logs").delete_retention_policy(logGroupName=group)
    larger = function("lambda-batch", memory=1024, retries=1, input=[{"path": "photos/elsewhere"}])
    replay.describe(larger)
    _fail_at_last(replay)


def of_old_images(replay: Replay) -> None:
    """An image that nobody needs any more goes; a job that waits is ended."""
    images = replay.world.images  # type: ignore[attr-defined]
    pushed = Pushed(replay.connection, images)
    replay.describe(function("batch"))
    replay.scar("init", "-f", "FILE")
    left = f"sha256:{'0' * 64}"
    images.push("scar/scar-delegate", left)
    pushed.days[left] = 2
    replay.describe(function("batch", container={"image": "busybox:2"}))
    replay.scar("init", "-f", "FILE")
    pretend_running(replay.connection, "crop")
    replay.scar("rm", "-n", "crop", status=5)
    replay.scar("rm", "-n", "crop", "--force")


def with_images(replay: Replay) -> None:
    """Images are really pulled, composed, pushed and taken over; here one is used as it is."""
    with misbehaving() as registry:
        _stands_for_ecr(replay, registry)
        base = build([{"bin/x": File(b"#!", 0o755)}], ImageDefaults(command=("/bin/x",)))
        registry.keep(base, "1")
        bundle = replay.folder / "bundle.tar.gz"
        with layer({"opt/scar/launch": File(b"#!", 0o755)}).blob.open() as packed:
            bundle.write_bytes(packed.read())
        home = {"HOME": str(replay.folder)}
        replay.world = RealImages(home, replay.connection, bundle)
        made = {"image": f"{registry.host}/base:1"}
        replay.describe(function(container=made))
        replay.scar("image", "inspect", made["image"])
        replay.scar("init", "-f", "FILE")
        replay.scar("image", "compose", "-f", "FILE")
        as_it_is = function("batch", container={"image": f"{HOST}/base:1"})
        replay.describe(as_it_is)
        replay.judge(pushed_to(registry.requests, f"arn:aws:ecr:eu-west-1:{ACCOUNT}:"))
        managed = [{"Key": "scar:managed", "Value": "true"}]
        replay.hand.client("ecr").create_repository(repositoryName="base", tags=managed)  # type: ignore[arg-type]
        as_it_is["lambda"]["container"]["create_image"] = False
        replay.describe(as_it_is)
        replay.scar("plan", "-f", "FILE", status=1)


def at_work(replay: Replay) -> None:
    """Files come and go, runs fail, and are looked at and repeated."""
    _own_bucket(replay)
    s3 = replay.hand.client("s3")
    s3.put_object(Bucket="photos", Key="in/a", Body=b"a")
    s3.put_object(Bucket="photos", Key="in/b", Body=b"b")
    replay.describe(function("lambda-batch"))
    replay.scar("init", "-f", "FILE")
    _objects(replay)
    for words in (["run", "-n", "crop"], ["run", "-f", "FILE", "x"], ["invoke", "-n", "crop"]):
        replay.scar(*words)
        replay.scar(*words[:3], "-a", *words[3:])
    _log(replay, GROUP, "s1")
    _log(replay, "/aws/batch/crop", "j1")
    failed = replay.a_run("in/a", "claim", "error", log=(GROUP, "s1"))
    handed = replay.a_run("in/b", "claim", "delegated")
    waiting = _waiting(replay, handed)
    replay.a_run("in/c", "claim", "delegated", "attempt-1", "error", log=("/aws/batch/crop", "j1"))
    for words in (
        ["ls"],
        ["show", "-n", "crop"],
        ["show", "-f", "FILE"],
        ["status"],
        ["status", "-f", "FILE"],
        ["why", failed],
        ["why", handed],
        ["why", "s3://photos/in/c"],
        ["logs", "-n", "crop"],
        ["logs", "-n", "crop", "--failed"],
        ["logs", "-n", "scar-delegate"],
        ["wait", handed, "--timeout", "0"],
        ["wait", "-n", "crop", "--timeout", "0"],
        ["retry", failed],
        ["cancel", handed],
    ):
        replay.scar(*words, status=6 if words[0] == "wait" else 0)
    waiting.clear()
    replay.scar("rm", "-a", "-y")


LIVES: dict[str, Callable[[Replay], None]] = {
    life.__name__: life
    for life in (
        in_lambda,
        on_machines,
        elsewhere,
        with_own_roles,
        under_a_boundary,
        put_right,
        undone,
        of_old_images,
        with_images,
        at_work,
    )
}


def _fail_at_last(replay: Replay) -> None:
    refuse(replay.connection, "s3", "PutBucketNotificationConfiguration")
    replay.scar("init", "-f", "FILE", status=5)


def _disturb(replay: Replay) -> None:
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


def _stands_for_ecr(replay: Replay, registry: Misbehaving) -> None:
    """Let ECR name this registry as its own, and let its repositories share layers."""
    registry.mounts = True
    events = replay.connection.session.events

    def tell(parsed: dict[str, Any], **_: object) -> None:
        parsed["authorizationData"][0]["proxyEndpoint"] = registry.endpoint

    def shared(**_: object) -> tuple[object, dict[str, object]]:
        return answered(name="BLOB_MOUNTING", value="ENABLED")

    events.register("after-call.ecr.GetAuthorizationToken", tell)
    events.register("before-call.ecr.GetAccountSetting", shared)  # type: ignore[arg-type]


def _as_a_role(replay: Replay) -> None:
    a_role(replay.hand, "deployer", "ec2")

    def tell(parsed: dict[str, Any], **_: object) -> None:
        parsed["Arn"] = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/session"

    replay.connection.session.events.register("after-call.sts.GetCallerIdentity", tell)


def _changes(replay: Replay, *described: dict[str, Any]) -> None:
    """Deploy one after the other, each twice, and remove the last one."""
    for one in described:
        replay.describe(one)
        replay.scar("init", "-f", "FILE")
    replay.scar("update", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def _encrypted_bucket(replay: Replay) -> None:
    _own_bucket(replay)
    kms = replay.hand.session.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/photos", TargetKeyId=key)
    by_default: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/photos"}
    rule: Any = {"ApplyServerSideEncryptionByDefault": by_default}
    replay.hand.client("s3").put_bucket_encryption(
        Bucket="photos", ServerSideEncryptionConfiguration={"Rules": [rule]}
    )


def _own_bucket(replay: Replay) -> None:
    replay.hand.client("s3").create_bucket(
        Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )


def _objects(replay: Replay) -> None:
    """Upload, list and download files, one of them in parts, and one whose upload breaks."""
    (replay.folder / "small").write_bytes(b"a")
    with (replay.folder / "large").open("wb") as file:
        file.truncate(LARGE)
    for name in ("small", "large"):
        replay.scar("put", "-b", "photos/there", "-p", str(replay.folder / name))
    _break_uploads(replay)
    replay.scar("put", "-b", "photos/there", "-p", str(replay.folder / "large"), status=5)
    replay.scar("ls", "-b", "photos/there")
    replay.scar("get", "-b", "photos/there", "-p", str(replay.folder / "back"))


def _break_uploads(replay: Replay) -> None:
    def fail(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "UploadPart")

    replay.connection.session.events.register("before-call.s3.UploadPart", fail)


def _waiting(replay: Replay, run: str) -> list[str]:
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


def _log(replay: Replay, group: str, stream: str) -> None:
    logs = replay.hand.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    line = {"timestamp": int(time.time() * 1000) - 60_000, "message": "START RequestId: r"}
    events: Any = [line]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
