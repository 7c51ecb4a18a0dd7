"""Lifecycles: what users do with a function from its first ``init`` to its ``rm``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.image.compose.tree_images import build_image
from scar.image.formats.layer import LayerFile, build_layer
from supervisor.model import ImageDefaults
from tests.fakes.moto_compat import ACCOUNT
from tests.fakes.registries import misbehaving
from tests.functional.aws.command_replay import RealImageServices, Replay, function, machines
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.factories import a_function, a_role, deploy, pretend_running, widen
from tests.functional.aws.iam_recording import pushed as pushed_to
from tests.functional.aws.manual_changes import CHANGES
from tests.functional.aws.pushed_images import Pushed
from tests.functional.aws.scenarios import (
    GROUP,
    HOST,
    ROLES,
    deploy_as_a_role,
    deploy_in_turn,
    disturb,
    fail_at_last,
    let_ecr_name,
    make_bucket,
    make_encrypted_bucket,
    move_objects,
    tell_of_a_job,
    write_log,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def in_lambda(replay: Replay) -> None:
    deploy_in_turn(
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
    deploy_in_turn(
        replay,
        function("lambda-batch", batch=machines("EC2", disk=50)),
        function("batch", batch=machines("SPOT", disk=80, max_v_cpus=8)),
    )
    deploy_in_turn(replay, function("batch", batch=machines("FARGATE")))


def elsewhere(replay: Replay) -> None:
    """In a VPC with a file system, with a bucket that has a key, under another prefix."""
    make_encrypted_bucket(replay)
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
    deploy_in_turn(replay, described)


def with_own_roles(replay: Replay) -> None:
    """Another team's function has the delegate; who deploys has a role for it."""
    deploy(replay.hand, FakeImages(), a_function(name="cut"))
    deploy_as_a_role(replay)
    role = a_role(replay.hand, "mine", "lambda", "ecs-tasks")
    service = a_role(replay.hand, "batchs", "batch")
    iam = replay.hand.client("iam")
    made = iam.create_instance_profile(InstanceProfileName="hosts")
    profile = made["InstanceProfile"]["Arn"]
    batch = {**machines("EC2", instance_role=profile), "service_role": service}
    deploy_in_turn(replay, function("lambda-batch", iam={"role": role}, batch=batch))


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
        fail_at_last(replay)
    replay.scar("init", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def put_right(replay: Replay) -> None:
    """Whatever others changed by hand is changed back, of the delegate too."""
    replay.describe(function("lambda-batch"))
    replay.scar("init", "-f", "FILE")
    for what, (by_hand, _) in CHANGES.items():
        if what not in ("inline", "rules"):  # others of the table ask for the same
            by_hand(replay.hand)
    disturb(replay)
    replay.scar("plan", "-f", "FILE")
    replay.scar("init", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def undone(replay: Replay) -> None:
    """The last step fails, and all others are undone."""
    replay.describe(function("lambda-batch", concurrency=1, batch=machines("EC2", disk=50)))
    fail_at_last(replay)
    replay.scar("init", "-f", "FILE")
    widen(replay.hand, *ROLES)
    for group in (GROUP, "/aws/batch/crop", "/aws/lambda/scar-delegate"):
        replay.hand.client("logs").delete_retention_policy(logGroupName=group)
    larger = function("lambda-batch", memory=1024, retries=1, input=[{"path": "photos/elsewhere"}])
    replay.describe(larger)
    fail_at_last(replay)


def of_old_images(replay: Replay) -> None:
    """An image that nobody needs any more goes; a job that waits is ended."""
    images = replay.services.images  # type: ignore[attr-defined]
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
        let_ecr_name(replay, registry)
        base = build_image([{"bin/x": LayerFile(b"#!", 0o755)}], ImageDefaults(command=("/bin/x",)))
        registry.keep(base, "1")
        bundle = replay.folder / "bundle.tar.gz"
        with build_layer({"opt/scar/launch": LayerFile(b"#!", 0o755)}).blob.open() as packed:
            bundle.write_bytes(packed.read())
        home = {"HOME": str(replay.folder)}
        replay.services = RealImageServices(home, replay.connection, bundle)
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
    make_bucket(replay)
    s3 = replay.hand.client("s3")
    s3.put_object(Bucket="photos", Key="in/a", Body=b"a")
    s3.put_object(Bucket="photos", Key="in/b", Body=b"b")
    replay.describe(function("lambda-batch"))
    replay.scar("init", "-f", "FILE")
    move_objects(replay)
    for words in (["run", "-n", "crop"], ["run", "-f", "FILE", "x"], ["invoke", "-n", "crop"]):
        replay.scar(*words)
        replay.scar(*words[:3], "-a", *words[3:])
    write_log(replay, GROUP, "s1")
    write_log(replay, "/aws/batch/crop", "j1")
    failed = replay.a_run("in/a", "claim", "error", log=(GROUP, "s1"))
    handed = replay.a_run("in/b", "claim", "delegated")
    waiting = tell_of_a_job(replay, handed)
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
