"""Remove everything that an acceptance run made, as its journal and its names tell; repeatable."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.acceptance.kit.commands import run_scar
from tests.acceptance.kit.leftovers import LISTERS, list_leftovers, state_bucket
from tests.acceptance.kit.run import function_prefix
from tests.acceptance.kit.users import delete_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.kit.leftovers import Leftovers
    from tests.acceptance.kit.run import AcceptanceRun

REMOVE_SECONDS = 1800.0
# Lambda deletes the network interfaces of a function some 20 minutes after the function (docs:
# Hyperplane ENIs); Auto Scaling groups and clusters of Batch end minutes after the environment.
SLOW_SECONDS = 1800.0
POLL_SECONDS = 20.0


def clean_up(run: AcceptanceRun, say: Callable[[str], None]) -> Leftovers:
    """Remove functions, stacks, buckets, endpoints and users of the run; return what is left.

    A failure of one removal is reported and does not prevent the others.
    """
    for what, action in _removals(run):
        try:
            action()
        except Exception as error:  # noqa: BLE001 - the other removals must be tried as well
            say(f"Not removed: {what}: {error}")
    left = _wait_for_slow_ones(run, say)
    for kind, name in left.left:
        run.journal.append("left", resource=kind, name=name)
    for kind, name in left.kept:
        run.journal.append("kept", resource=kind, name=name)
    for kind, code in left.unlisted:
        run.journal.append("unlisted", resource=kind, code=code)
    return left


def delete_bucket(run: AcceptanceRun, name: str, region: str) -> None:
    """Delete a bucket with all versions of all objects; do nothing if it is gone."""
    s3 = run.target.client("s3", region)
    try:
        _empty_bucket(run, s3, name)
        s3.delete_bucket(Bucket=name)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
    run.journal.append("bucket deleted", name=name)


def _empty_bucket(run: AcceptanceRun, s3: Any, name: str, prefix: str = "") -> None:  # noqa: ANN401
    # The local S3 has no versions, and refuses to list them.
    if run.settings.is_aws:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name, Prefix=prefix):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            keys = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            _delete_objects(s3, name, keys, BypassGovernanceRetention=True)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix):
        _delete_objects(s3, name, [{"Key": each["Key"]} for each in page.get("Contents", [])])


def _delete_objects(s3: Any, bucket: str, keys: list[dict[str, str]], **options: bool) -> None:  # noqa: ANN401
    if not keys:
        return
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}, **options)
    if failed := answer.get("Errors"):
        raise AssertionError(f"{len(failed)} objects stay: {failed[0].get('Code')}")


def _removals(run: AcceptanceRun) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what is to be removed, in order, each with the action that removes it."""
    for entry in run.journal.remaining("deployed", "removed"):
        yield f"functions of {entry['name']}", partial(_remove_functions, run, entry["name"])
    for name in _listed(run, "stack"):
        yield f"stack {name}", partial(_delete_stack, run, name)
    made = {entry["name"]: entry["region"] for entry in run.journal.entries("bucket")}
    regions = {**dict.fromkeys(_listed(run, "bucket"), run.target.region), **made}
    gone = {entry["name"] for entry in run.journal.entries("bucket deleted")}
    for name in sorted(regions.keys() - gone):
        yield f"bucket {name}", partial(delete_bucket, run, name, regions[name])
    for name in _listed(run, "VPC endpoint"):
        yield f"VPC endpoint {name}", partial(_delete_endpoint, run, name)
    for name in _listed(run, "HTTP API"):
        yield f"HTTP API {name}", partial(_delete_api, run, name)
    for entry in run.journal.remaining("queue", "queue deleted"):
        yield f"queue {entry['name']}", partial(_delete_queue, run, entry["name"])
    for entry in run.journal.remaining("user", "user deleted"):
        yield f"role {entry['name']}", partial(delete_user, run, entry["name"])
    yield "run records and bodies", partial(_delete_records, run)


def _listed(run: AcceptanceRun, kind: str) -> list[str]:
    try:
        return list(LISTERS[kind](run))
    except Exception:  # noqa: BLE001 - reported as unlisted at the end
        return []


def _remove_functions(run: AcceptanceRun, file: str) -> None:
    """Remove the functions of an FDL file as the operator."""
    run_scar(
        *("rm", "-f", file, "--force"),
        environment=run.target.environment(),
        folder=run.settings.folder,
        timeout=REMOVE_SECONDS,
    )
    run.journal.append("removed", name=file)


def _delete_stack(run: AcceptanceRun, name: str) -> None:
    client = run.target.client("cloudformation")
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name)


def _delete_queue(run: AcceptanceRun, url: str) -> None:
    sqs = run.target.client("sqs")
    with contextlib.suppress(sqs.exceptions.QueueDoesNotExist):
        sqs.delete_queue(QueueUrl=url)
    run.journal.append("queue deleted", name=url)


def _delete_endpoint(run: AcceptanceRun, name: str) -> None:
    run.target.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[name])


def _delete_api(run: AcceptanceRun, name: str) -> None:
    run.target.client("apigatewayv2").delete_api(ApiId=name)


def _delete_records(run: AcceptanceRun) -> None:
    """Delete what the run's functions have in the state bucket, which stays."""
    bucket, s3 = state_bucket(run), run.target.client("s3")
    if any(each["Name"] == bucket for each in s3.list_buckets()["Buckets"]):
        for folder in ("runs", "requests", "results"):
            _empty_bucket(run, s3, bucket, f"{folder}/{function_prefix(run.settings)}")


def _wait_for_slow_ones(run: AcceptanceRun, say: Callable[[str], None]) -> Leftovers:
    """List what is left; on AWS wait for what the services themselves still delete."""
    end = time.monotonic() + (SLOW_SECONDS if run.settings.is_aws else 0)
    slow = {"network interface", "Auto Scaling group", "ECS cluster", "instance"}
    while True:
        found = list_leftovers(run)
        waiting = [entry for entry in found.left if entry[0] in slow]
        if not waiting or time.monotonic() > end:
            return found
        say(f"Waiting until AWS has deleted {len(waiting)} resources, such as {waiting[0]}")
        time.sleep(POLL_SECONDS)
