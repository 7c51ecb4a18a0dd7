"""Lifecycles of functions from the first ``init`` to ``rm``, as sequences of commands.

Add one to LIFECYCLES: the printed policy must allow its calls.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.image.compose.tree_images import build_image
from scar.image.formats.layer import LayerFile, build_layer
from supervisor.model import ImageDefaults
from tests.fakes.moto_compat import ACCOUNT, api_response
from tests.fakes.registries import faulty_registry
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.command_replay import (
    RealImageServices,
    Replay,
    batch_spec,
    function,
)
from tests.functional.aws.support.direct_requests import served_by_moto
from tests.functional.aws.support.endpoint_lifecycles import with_endpoints
from tests.functional.aws.support.factories import (
    a_function,
    a_role,
    deploy,
    fail_next_call,
    grant_extra_policies,
    simulate_running_job,
)
from tests.functional.aws.support.iam_recording import registry_permissions
from tests.functional.aws.support.manual_changes import CHANGES, remove_tags
from tests.functional.aws.support.pushed_images import PushedImages
from tests.functional.aws.support.scenarios import (
    GROUP,
    HOST,
    ROLES,
    cause_more_drift,
    deploy_as_a_role,
    deploy_in_sequence,
    fail_last_step,
    list_a_queued_job,
    make_bucket,
    make_encrypted_bucket,
    move_objects,
    use_registry_as_ecr,
    write_log,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.aws.support.direct_requests import RecordingPool


def in_lambda_mode(replay: Replay) -> None:
    deploy_in_sequence(
        replay,
        function(tags={"a": "1"}),
        function(
            memory=1024,
            retries=1,
            concurrency=1,
            allow_loop=True,
            tags={"b": "2"},
            container={"image": "busybox:2"},
            input=[{"path": "photos/elsewhere"}],
            cloudwatch={"log_retention_policy_in_days": 7},
        ),
        function(memory=1024),
    )


def on_compute_environments(replay: Replay) -> None:
    """Change the compute environment: a new one is created, and the unused one deleted."""
    deploy_in_sequence(
        replay,
        function("lambda-batch", batch=batch_spec("EC2", disk=50)),
        function("batch", batch=batch_spec("SPOT", disk=80, max_v_cpus=8)),
    )
    deploy_in_sequence(replay, function("batch", batch=batch_spec("FARGATE")))


def with_shares(replay: Replay) -> None:
    """Use two job queues with a scheduling policy; revert its drift; change its weights."""
    compute = {"preset": "dual", "shares": {"labA": 0.5}}
    batch = {"memory": 2048, "compute_resources": compute, "scheduling": {"share": "labA"}}
    replay.write_fdl(function("batch", batch=batch))
    replay.scar("init", "-f", "FILE")
    client = replay.unrecorded.client("batch")
    (policy,) = client.list_scheduling_policies()["schedulingPolicies"]
    client.update_scheduling_policy(arn=policy["arn"], fairsharePolicy={"shareDecaySeconds": 60})
    replay.scar("init", "--refresh", "-f", "FILE")
    heavier = {**batch, "compute_resources": {**compute, "shares": {"labA": 2}}}
    replay.write_fdl(function("batch", batch=heavier))
    replay.scar("init", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def with_another_store(replay: Replay) -> None:
    """Store the secrets of a MinIO server, change one, remove everything."""
    output = [{"storage_provider": "minio.lab", "path": "results/out"}]
    for secret in ("one", "two"):
        lab = {"endpoint": "http://127.0.0.1:1", "access_key": "me", "secret_key": secret}
        providers = {"storage_providers": {"minio": {"lab": lab}}}
        replay.write_fdl(function(output=output), **providers)
        replay.scar("init", "-f", "FILE")
    replay.scar("plan", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def in_vpc_with_efs_and_kms(replay: Replay) -> None:
    """Use a VPC, a file system, a bucket with a KMS key, and another repository prefix."""
    make_encrypted_bucket(replay)
    ec2 = replay.unrecorded.client("ec2")
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
    deploy_in_sequence(replay, described)


def with_a_file_system_in_jobs(replay: Replay) -> None:
    """Mount file systems in jobs, whose mount targets and their rules are read."""
    efs = replay.unrecorded.session.client("efs")
    subnet = replay.unrecorded.client("ec2").describe_subnets()["Subnets"][0]
    file_system = efs.create_file_system(CreationToken="data")["FileSystemId"]
    efs.create_mount_target(FileSystemId=file_system, SubnetId=subnet["SubnetId"])
    point = efs.create_access_point(ClientToken="data", FileSystemId=file_system)
    s3_files = f"arn:aws:s3files:eu-west-1:{ACCOUNT}:file-system/fs-0123456789abcdef0"

    def list_mount_targets(**_: object) -> tuple[object, dict[str, object]]:
        target = {"fileSystemId": s3_files, "vpcId": subnet["VpcId"]}
        return api_response(mountTargets=[target])  # moto does not have S3 Files

    events = replay.connection.session.events
    events.register("before-call.s3files", list_mount_targets)  # type: ignore[arg-type]
    mounts = [
        {"arn": point["AccessPointArn"], "path": "/mnt/data"},
        {"arn": f"{s3_files}/access-point/fsap-0123456789abcdef0", "path": "/mnt/s3"},
    ]
    batch = {**batch_spec("EC2"), "file_system": mounts}
    deploy_in_sequence(replay, function("batch", batch=batch))


def with_the_users_roles(replay: Replay) -> None:
    """Use roles of the user; the failure handler exists, deployed for another function."""
    deploy(replay.unrecorded, FakeImages(), a_function(name="cut"))
    deploy_as_a_role(replay)
    role = a_role(replay.unrecorded, "mine", "lambda", "ecs-tasks")
    service = a_role(replay.unrecorded, "batchs", "batch")
    iam = replay.unrecorded.client("iam")
    response = iam.create_instance_profile(InstanceProfileName="hosts")
    profile = response["InstanceProfile"]["Arn"]
    batch = {**batch_spec("EC2", instance_role=profile), "service_role": service}
    deploy_in_sequence(replay, function("lambda-batch", iam={"role": role}, batch=batch))


def with_permissions_boundary(replay: Replay) -> None:
    """Add the boundary, remove it, let an ``init`` that changes it fail, remove everything."""
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [anything]})
    response = replay.unrecorded.client("iam").create_policy(
        PolicyName="limit", PolicyDocument=document
    )
    limited = {"permissions_boundary": response["Policy"]["Arn"]}
    unlimited, bounded = function("lambda-batch"), function("lambda-batch", iam=limited)
    for described in (bounded, unlimited, bounded):
        replay.write_fdl(described)
        replay.scar("init", "-f", "FILE")
    grant_extra_policies(replay.unrecorded, *ROLES)
    other_input = [{"path": "photos/elsewhere"}]
    for described in (bounded, unlimited):
        replay.write_fdl({**described, "lambda": {**described["lambda"], "input": other_input}})
        fail_last_step(replay)
    replay.scar("init", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def drift_is_corrected(replay: Replay) -> None:
    """Correct every manual change, also of the failure handler."""
    replay.write_fdl(function("lambda-batch"))
    replay.scar("init", "-f", "FILE")
    for name, (change, _) in CHANGES.items():
        if name not in ("inline", "rules"):  # other changes need the same permissions
            change(replay.unrecorded)
    cause_more_drift(replay)
    replay.scar("plan", "-f", "FILE")
    replay.scar("init", "-f", "FILE")
    replay.scar("rm", "-f", "FILE")


def tags_are_restored(replay: Replay) -> None:
    """Restore tags that were removed manually; undo a deployment that adds one."""
    tagged = function("batch", tags={"project": "genomics"})
    replay.write_fdl(tagged)
    replay.scar("init", "-f", "FILE")
    remove_tags(replay.unrecorded, "project")
    replay.scar("plan", "-f", "FILE")
    replay.scar("init", "-f", "FILE")
    more = function(
        "batch",
        tags={"project": "genomics", "stage": "1"},
        input=[{"path": "photos/elsewhere"}],
    )
    replay.write_fdl(more)
    fail_last_step(replay)
    replay.scar("rm", "-f", "FILE")


def failed_steps_are_undone(replay: Replay) -> None:
    """Make the last step fail: all others are undone."""
    replay.write_fdl(function("lambda-batch", concurrency=1, batch=batch_spec("EC2", disk=50)))
    fail_last_step(replay)
    replay.scar("init", "-f", "FILE")
    grant_extra_policies(replay.unrecorded, *ROLES)
    for group in (GROUP, "/aws/batch/crop", "/aws/lambda/scar-failure-handler"):
        replay.unrecorded.client("logs").delete_retention_policy(logGroupName=group)
    larger = function("lambda-batch", memory=1024, retries=1, input=[{"path": "photos/elsewhere"}])
    replay.write_fdl(larger)
    fail_last_step(replay)


def unused_images_are_deleted(replay: Replay) -> None:
    """Delete images that no function or job uses; terminate a job with ``--force``."""
    images = replay.services.images  # type: ignore[attr-defined]
    pushed = PushedImages(replay.connection, images)
    replay.write_fdl(function("batch"))
    replay.scar("init", "-f", "FILE")
    unused = f"sha256:{'0' * 64}"
    images.push("scar/scar-failure-handler", unused)
    pushed.days[unused] = 2
    replay.write_fdl(function("batch", container={"image": "busybox:2"}))
    replay.scar("init", "-f", "FILE")
    simulate_running_job(replay.connection, "crop")
    replay.scar("rm", "-n", "crop", status=5)
    replay.scar("rm", "-n", "crop", "--force")


def with_real_images(replay: Replay) -> None:
    """Pull, build, push and mount real images; use one prebuilt image."""
    with faulty_registry() as registry:
        use_registry_as_ecr(replay, registry)
        base = build_image([{"bin/x": LayerFile(b"#!", 0o755)}], ImageDefaults(command=("/bin/x",)))
        registry.add_image(base, "1")
        bundle = replay.folder / "bundle.tar.gz"
        with build_layer({"opt/scar/launch": LayerFile(b"#!", 0o755)}).blob.open() as packed:
            bundle.write_bytes(packed.read())
        home = {"HOME": str(replay.folder)}
        replay.services = RealImageServices(home, replay.connection, bundle)
        container = {"image": f"{registry.host}/base:1"}
        replay.write_fdl(function(container=container))
        replay.scar("image", "inspect", container["image"])
        replay.scar("init", "-f", "FILE")
        replay.scar("image", "compose", "-f", "FILE")
        prebuilt = function("batch", container={"image": f"{HOST}/base:1"})
        replay.write_fdl(prebuilt)
        replay.check_permissions(
            registry_permissions(registry.requests, f"arn:aws:ecr:eu-west-1:{ACCOUNT}:")
        )
        managed = [{"Key": "scar:managed", "Value": "true"}]
        replay.unrecorded.client("ecr").create_repository(repositoryName="base", tags=managed)  # type: ignore[arg-type]
        prebuilt["lambda"]["container"]["create_image"] = False
        replay.write_fdl(prebuilt)
        replay.scar("plan", "-f", "FILE", status=1)


def runs_are_inspected(replay: Replay) -> None:
    """Upload and download files; run the function; inspect and retry failed runs."""
    with served_by_moto(replay) as pool:
        _inspect_runs(replay, pool)


def _inspect_runs(replay: Replay, pool: RecordingPool) -> None:
    make_bucket(replay)
    s3 = replay.unrecorded.client("s3")
    s3.put_object(Bucket="photos", Key="in/a", Body=b"a")
    s3.put_object(Bucket="photos", Key="in/b", Body=b"b")
    replay.write_fdl(function("lambda-batch"))
    replay.scar("init", "-f", "FILE")
    move_objects(replay, pool)
    for words in (["run", "-n", "crop"], ["run", "-f", "FILE", "x"], ["invoke", "-n", "crop"]):
        replay.scar(*words)
        replay.scar(*words[:3], "-a", *words[3:])
    write_log(replay, GROUP, "s1")
    write_log(replay, "/aws/batch/crop", "j1")
    failed = replay.write_run_records("in/a", "claim", "error", log=(GROUP, "s1"))
    queued = replay.write_run_records("in/b", "claim", "delegated")
    waiting = list_a_queued_job(replay, queued)
    replay.write_run_records(
        "in/c", "claim", "delegated", "attempt-1", "error", log=("/aws/batch/crop", "j1")
    )
    for words in (
        ["ls"],
        ["show", "-n", "crop"],
        ["show", "-f", "FILE"],
        ["status"],
        ["status", "-f", "FILE"],
        ["status", "--why-waiting"],
        ["why", failed],
        ["why", queued],
        ["why", "s3://photos/in/c"],
        ["logs", "-n", "crop"],
        ["logs", "-n", "crop", "--failed"],
        ["logs", "-n", "scar-failure-handler"],
        ["wait", queued, "--timeout", "0"],
        ["wait", "-n", "crop", "--timeout", "0"],
        ["retry", failed],
        ["cancel", queued],
        ["run", "-n", "crop", "--array", "--force", "--dry-run"],
        ["run", "-n", "crop", "--array", "--force"],
    ):
        replay.scar(*words, status=6 if words[0] == "wait" else 0)
    waiting.clear()
    replay.scar("rm", "-a", "-y")


def runs_are_cancelled(replay: Replay) -> None:
    """Cancel a run, retry it, and retry one whose event Lambda refuses: records are deleted."""
    make_bucket(replay)
    replay.unrecorded.client("s3").put_object(Bucket="photos", Key="in/a", Body=b"a")
    replay.write_fdl(function("lambda-batch"))
    replay.scar("init", "-f", "FILE")
    queued = replay.write_run_records("in/a", "claim", "delegated")
    waiting = list_a_queued_job(replay, queued)
    replay.scar("cancel", queued)
    waiting.clear()
    fail_next_call(replay.connection, "lambda", "Invoke")
    replay.scar("retry", queued, status=5)
    replay.scar("retry", queued)
    replay.scar("rm", "-a", "-y")


LIFECYCLES: dict[str, Callable[[Replay], None]] = {
    lifecycle.__name__: lifecycle
    for lifecycle in (
        in_lambda_mode,
        on_compute_environments,
        with_shares,
        with_another_store,
        with_endpoints,
        in_vpc_with_efs_and_kms,
        with_a_file_system_in_jobs,
        with_the_users_roles,
        with_permissions_boundary,
        drift_is_corrected,
        tags_are_restored,
        failed_steps_are_undone,
        unused_images_are_deleted,
        with_real_images,
        runs_are_inspected,
        runs_are_cancelled,
    )
}
