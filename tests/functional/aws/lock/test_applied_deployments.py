"""A second ``init`` reads a part of what exists if the first one applied the same state."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

import scar
from scar.aws.deploy import deploy as deployment
from scar.aws.deploy.applied import digest_of, parse_applied
from scar.aws.deploy.applied_record import (
    CHANGES_KEPT,
    RECORD_KEY,
    AppliedRecord,
    AppliedRecords,
)
from scar.aws.deploy.lock import DeployLock
from scar.aws.deploy.lock_record import LOCK_KEY, read_lock
from scar.aws.deploy.recorded_changes import RecordedChanges
from scar.aws.model import names
from scar.aws.model.resources import Bucket, SecretParameter, StateBucket
from scar.errors import OperationRefusedError
from scar.fdl.model import StorageSpec
from scar.hidden_text import HiddenText
from tests.fakes.functions import changed
from tests.functional.aws.support import manual_changes
from tests.functional.aws.support.factories import (
    a_function,
    deploy,
    fail_next_call,
    remove,
    simulate_running_job,
)
from tests.functional.aws.support.fault_injection import ProcessDied

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import OperationModel

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from scar.aws.model.plan import Plan
    from scar.aws.model.resources import Resource
    from tests.functional.aws.conftest import FakeImages

pytestmark = pytest.mark.long

NOTHING = "Nothing to change."
# Read in full only: what a role may do.
FULL = "GetRolePolicy"


@pytest.fixture
def calls(connection: AwsConnection) -> Counter[str]:
    """Count the calls of every client by operation."""
    counted: Counter[str] = Counter()

    def note(model: OperationModel, **_: object) -> None:
        counted[model.name] += 1

    connection.session.events.register("before-call", note)
    return counted


def ignore(message: str) -> None:
    del message


def again(connection: AwsConnection, images: FakeImages, *functions: Function) -> Plan:
    """Deploy as ``scar init`` does without ``--refresh``."""
    return deploy(connection, images, *functions, refresh=False)


def many(count: int, mode: str = "lambda") -> list[Function]:
    return [a_function(mode, name=f"crop{number}") for number in range(count)]


@pytest.mark.parametrize(("mode", "most"), [("lambda", 12), ("lambda-batch", 22), ("batch", 22)])
def test_a_second_init_of_one_function_makes_few_calls(
    connection: AwsConnection, images: FakeImages, calls: Counter[str], mode: str, most: int
) -> None:
    deploy(connection, images, a_function(mode))
    calls.clear()
    assert str(again(connection, images, a_function(mode))) == NOTHING
    assert calls.total() <= most, calls
    assert calls[FULL] == 0


@pytest.mark.parametrize("mode", ["lambda", "lambda-batch"])
def test_each_further_function_costs_a_second_init_one_call(
    connection: AwsConnection, images: FakeImages, calls: Counter[str], mode: str
) -> None:
    totals = []
    for functions in (many(1, mode), many(20, mode)):
        deploy(connection, images, *functions)
        calls.clear()
        assert str(again(connection, images, *functions)) == NOTHING
        totals.append(calls.total())
        assert calls["GetFunction"] == len(functions) + 1  # the failure handler
    assert totals[1] - totals[0] == 19
    assert totals[1] <= 60


def test_refresh_and_plan_read_all_resources(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    deploy(connection, images, a_function())
    for dry_run in (False, True):
        calls.clear()
        deployment.init(
            [a_function()], connection, ignore, images=images, dry_run=dry_run, refresh=not dry_run
        )
        assert calls[FULL] == 2
        assert calls["PutObject"] == 0  # the record is the same


def clear_environment(connection: AwsConnection) -> None:
    connection.client("lambda").update_function_configuration(
        FunctionName="crop", Environment={"Variables": {}}
    )


NOTICED = {
    "environment": clear_environment,
    "function": lambda c: c.client("lambda").delete_function(FunctionName="crop"),
    "failure handler": lambda c: c.client("lambda").delete_function(
        FunctionName=names.FAILURE_HANDLER
    ),
    "notification": lambda c: c.client("s3").put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={}
    ),
    "repository": lambda c: c.client("ecr").delete_repository(
        repositoryName="scar/crop", force=True
    ),
    "role": lambda c: (
        c.client("iam").delete_role_policy(RoleName="crop-eu-west-1-lambda", PolicyName="scar"),
        c.client("iam").delete_role(RoleName="crop-eu-west-1-lambda"),
    ),
    "compute environment": manual_changes.disable_compute_environment,
    "job definition": lambda c: c.client("batch").deregister_job_definition(
        jobDefinition=c.client("batch").describe_job_definitions(status="ACTIVE")["jobDefinitions"][
            0
        ]["jobDefinitionArn"]
    ),
}


@pytest.mark.parametrize("name", NOTICED)
def test_what_users_would_miss_at_once_is_noticed_and_corrected(
    connection: AwsConnection, images: FakeImages, name: str
) -> None:
    function = a_function("lambda-batch")
    deploy(connection, images, function)
    change: Callable[[AwsConnection], object] = NOTICED[name]
    change(connection)
    assert str(again(connection, images, function)) != NOTHING
    assert str(deploy(connection, images, function)) == NOTHING


def test_a_bucket_that_was_deleted_is_noticed(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    s3 = connection.client("s3")
    for item in s3.list_objects_v2(Bucket="photos").get("Contents", []):
        s3.delete_object(Bucket="photos", Key=item["Key"])
    s3.delete_bucket(Bucket="photos")
    assert "+ bucket photos" in str(again(connection, images, a_function()))


@pytest.mark.parametrize("name", manual_changes.CHANGES)
def test_init_corrects_every_manual_change_that_a_plan_has_shown(
    connection: AwsConnection, images: FakeImages, name: str
) -> None:
    change, _ = manual_changes.CHANGES[name]
    function = a_function("lambda-batch")
    deploy(connection, images, function)
    change(connection)
    assert deployment.init([function], connection, ignore, images=images, dry_run=True)
    assert str(again(connection, images, function)) != NOTHING
    assert str(deploy(connection, images, function)) == NOTHING


def test_a_plan_that_may_not_write_names_the_option(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    messages: list[str] = []
    fail_next_call(connection, "s3", "PutObject")
    function = changed(a_function(), memory=2048)
    assert deployment.init([function], connection, messages.append, images=images, dry_run=True)
    assert "scar init --refresh" in messages[-1]


@pytest.mark.parametrize(("hours", "reads_all"), [(23, 0), (25, 2), (-1, 2)], ids=str)
def test_after_a_day_all_resources_are_read(
    connection: AwsConnection,
    images: FakeImages,
    calls: Counter[str],
    hours: int,
    reads_all: int,
) -> None:
    def shift(parsed: dict[str, Any], **_: object) -> None:
        headers = parsed["ResponseMetadata"]["HTTPHeaders"]
        date = parsedate_to_datetime(headers["date"]) + timedelta(hours=hours)
        headers["date"] = format_datetime(date)

    deploy(connection, images, a_function())
    connection.client("s3").meta.events.register_last("after-call.s3.GetObject", shift)
    calls.clear()
    assert str(again(connection, images, a_function())) == NOTHING
    assert calls[FULL] == reads_all


def test_another_release_reads_all_resources(
    connection: AwsConnection,
    images: FakeImages,
    calls: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy(connection, images, a_function())
    monkeypatch.setattr(scar, "__version__", "9.9")
    calls.clear()
    again(connection, images, a_function())
    assert calls[FULL] == 2


def read_record(connection: AwsConnection) -> AppliedRecord:
    bucket = names.state_bucket_name(connection.account)
    return AppliedRecords(connection.client("s3"), bucket).read()


def is_recorded(connection: AwsConnection, *functions: str) -> bool:
    bucket = names.state_bucket_name(connection.account)
    generation = read_lock(connection.client("s3"), bucket).generation
    return read_record(connection).find_applied(functions, generation) is not None


@pytest.mark.parametrize(
    ("variant", "operation"),
    [
        ({"memory": 2048}, "lambda.UpdateFunctionConfiguration"),
        ({"log_retention_policy_in_days": 7}, "logs.PutRetentionPolicy"),
    ],
    ids=["function", "log group"],
)
def test_no_digest_is_recorded_while_changes_are_made(
    connection: AwsConnection, images: FakeImages, variant: dict[str, Any], operation: str
) -> None:
    deploy(connection, images, a_function())
    assert [a.functions for a in read_record(connection).applied] == [("crop",)]
    recorded: list[object] = []

    def note(**_: object) -> None:
        recorded.append(read_record(connection).applied)

    for client in (connection.client("lambda"), connection.client("logs")):
        client.meta.events.register(f"before-call.{operation}", note)
    again(connection, images, changed(a_function(), **variant))
    assert {*recorded} == {()}
    assert is_recorded(connection, "crop")


@pytest.mark.parametrize("dies", [False, True], ids=["rolled back", "killed"])
def test_a_deployment_that_fails_records_nothing(
    connection: AwsConnection, images: FakeImages, calls: Counter[str], dies: bool
) -> None:
    deploy(connection, images, a_function())

    def fail(**_: object) -> None:
        if dies:
            raise ProcessDied
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "x")

    client = connection.client("lambda")
    event = "before-call.lambda.UpdateFunctionConfiguration"
    client.meta.events.register(event, fail)
    with pytest.raises(ProcessDied if dies else OperationRefusedError):
        again(connection, images, changed(a_function(), memory=2048))
    client.meta.events.unregister(event, fail)
    assert not is_recorded(connection, "crop")
    calls.clear()
    again(connection, images, a_function())
    assert calls[FULL] == 2
    assert is_recorded(connection, "crop")


def test_a_deployment_of_another_set_of_functions_reads_all(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    one, other = a_function(name="one"), a_function(name="other")
    deploy(connection, images, one, other)
    again(connection, images, changed(one, memory=2048))
    assert not is_recorded(connection, "one", "other")
    calls.clear()
    assert "~ function one" in str(again(connection, images, one, other))
    assert calls[FULL] == 3


def test_changes_of_shared_resources_remove_what_is_recorded_of_other_functions(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function(name="one"))
    own = changed(a_function(name="other"), memory=2048)
    deploy(connection, images, own)
    assert is_recorded(connection, "one")
    assert is_recorded(connection, "other")
    state_bucket = names.state_bucket_name(connection.account)
    connection.client("s3").delete_public_access_block(Bucket=state_bucket)
    assert "~ state-bucket" in str(deploy(connection, images, own))
    assert not is_recorded(connection, "one")
    assert is_recorded(connection, "other")


def test_rm_removes_the_record(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    deploy(connection, images, a_function())
    remove(connection, "crop")
    assert not is_recorded(connection, "crop")
    assert "+ function crop" in str(again(connection, images, a_function()))


def records_of(connection: AwsConnection) -> AppliedRecords:
    return AppliedRecords(connection.client("s3"), names.state_bucket_name(connection.account))


def before_next_record(connection: AwsConnection, work: Callable[[], object]) -> None:
    """Run ``work`` right before the next write of the record."""
    events = connection.client("s3").meta.events

    def run(params: dict[str, Any], **_: object) -> None:
        if params["url"].endswith(RECORD_KEY):
            events.unregister("before-call.s3.PutObject", run)
            work()

    events.register("before-call.s3.PutObject", run)


@pytest.mark.parametrize("ends", [False, True], ids=["still running", "ended"])
@pytest.mark.parametrize("memory", [512, 2048], ids=["nothing to change", "update"])
def test_a_deployment_that_another_overtakes_records_nothing(
    connection: AwsConnection, images: FakeImages, memory: int, ends: bool
) -> None:
    """It has read everything, and the other one begins before it writes what it found."""
    deploy(connection, images, a_function())
    records = records_of(connection)
    records.forget(records.read(), ["crop"])

    def overtake() -> None:
        records.begin("other", ["crop"], records.read())
        if ends:
            records.end("other", ["crop"], records.read(), None)

    before_next_record(connection, overtake)
    deploy(connection, images, changed(a_function(), memory=memory))
    assert records.read().applied == ()


def test_what_changes_other_functions_meanwhile_does_not_matter(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    records = records_of(connection)
    for memory in (2048, 4096):

        def overtake(owner: str = f"{memory}") -> None:
            records.begin(owner, ["other"], records.read())

        before_next_record(connection, overtake)
        deploy(connection, images, changed(a_function(), memory=memory))
        assert is_recorded(connection, "crop")


@pytest.mark.parametrize("key", ["memory", "log_retention_policy_in_days"])
def test_updates_of_functions_do_not_wait_for_the_lock(
    connection: AwsConnection, images: FakeImages, key: str
) -> None:
    one, other = a_function(name="one"), a_function(name="other")
    deploy(connection, images, one)
    deploy(connection, images, other)
    s3, bucket = connection.client("s3"), names.state_bucket_name(connection.account)
    messages: list[str] = []
    with DeployLock(s3=s3, bucket=bucket, report=ignore):
        for function in (one, other):
            updated = changed(function, **{key: {"memory": 2048}.get(key, 7)})
            assert deployment.init([updated], connection, messages.append, images=images)
    assert not [m for m in messages if "Waiting" in m]


def test_twenty_updates_at_once_are_all_recorded(connection: AwsConnection) -> None:
    """As the jobs of a CI matrix do: each writes the record before and after its changes."""
    records = records_of(connection)
    connection.client("s3").create_bucket(
        Bucket=records.bucket,
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )

    def update(number: int) -> None:
        name, observed = f"crop{number}", records.read()
        with RecordedChanges(records, [name], observed) as recorded:
            recorded.require_begun()
            recorded.finish("digest", "generation", observed)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(update, range(20)))
    found = {a.functions for a in records.read().applied}
    assert found == {(f"crop{number}",) for number in range(20)}


def test_what_a_killed_deployment_changed_is_read_for_an_hour(
    connection: AwsConnection, images: FakeImages
) -> None:
    deploy(connection, images, a_function())
    records = records_of(connection)
    records.begin("killed", ["crop"], records.read())
    assert str(again(connection, images, a_function())) == NOTHING
    assert not is_recorded(connection, "crop")
    later = replace(records.read(), served=records.read().served + CHANGES_KEPT * 1.1)
    assert later.changes_of(["crop"]) == ()


def test_what_is_recorded_is_not_trusted_while_another_deployment_holds_the_lock(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    deploy(connection, images, a_function())
    s3, bucket = connection.client("s3"), names.state_bucket_name(connection.account)
    calls.clear()
    with DeployLock(s3=s3, bucket=bucket, report=ignore):
        again(connection, images, a_function())
    assert calls[FULL] == 2


def test_a_deployment_that_waited_removes_what_is_recorded_meanwhile(
    connection: AwsConnection, images: FakeImages
) -> None:
    """The plan made after the wait changes shared resources, the one before did not."""
    deploy(connection, images, a_function(name="one"))
    deploy(connection, images, a_function(name="other"))
    s3, bucket = connection.client("s3"), names.state_bucket_name(connection.account)
    recorded: list[bool] = []

    def overtake(params: dict[str, Any], **_: object) -> None:
        if params["url"].endswith(LOCK_KEY):
            s3.meta.events.unregister("before-call.s3.PutObject", overtake)
            with DeployLock(s3=s3, bucket=bucket, report=ignore):
                s3.delete_public_access_block(Bucket=bucket)

    def note(**_: object) -> None:
        recorded.append(is_recorded(connection, "one"))

    s3.meta.events.register("before-call.s3.PutObject", overtake)
    s3.meta.events.register("before-call.s3.PutPublicAccessBlock", note)
    output = (StorageSpec(path="photos/further"),)
    plan = deploy(connection, images, changed(a_function(name="other"), output=output))
    assert "~ state-bucket" in str(plan)
    assert recorded == [False]
    assert not is_recorded(connection, "one")
    assert is_recorded(connection, "other")


def test_a_function_with_secrets_of_stores_has_no_digest() -> None:
    resources = [StateBucket(name="state")]
    assert digest_of(resources, ())
    secret = SecretParameter(name="/scar/crop/key", value=HiddenText("12345"))
    assert digest_of([*resources, secret], ()) == ""


def test_a_digest_covers_every_resource_and_the_disabled_functions() -> None:
    state, bucket = StateBucket(name="state"), Bucket(name="photos")
    variants: list[tuple[list[Resource], list[str]]] = [
        ([state], []),
        ([state, bucket], []),
        ([state, replace(bucket, folders=("in/",))], []),
        ([state, bucket], ["crop"]),
        ([replace(state, keep_days=1), bucket], []),
    ]
    assert len({digest_of(*each) for each in variants}) == len(variants)
    assert digest_of([state, bucket], ()) == digest_of([bucket, state], ())


@pytest.mark.parametrize(
    "record",
    [
        None,
        "x",
        [1],
        [{"digest": "d"}],
        [{"digest": "d", "time": "x", "functions": []}],
        [{"digest": "d", "time": 1e300, "functions": []}],
    ],
    ids=str,
)
def test_a_record_of_an_unknown_form_is_ignored(record: object) -> None:
    assert parse_applied(record) == ()


def test_queues_with_jobs_are_looked_for_again(
    connection: AwsConnection, images: FakeImages, calls: Counter[str]
) -> None:
    """A job queue stays while it has jobs; each init looks whether they have ended."""
    deploy(connection, images, a_function("batch"))
    running = simulate_running_job(connection, "crop")
    deploy(connection, images, a_function("lambda"))
    assert not is_recorded(connection, "crop")
    running.clear()
    assert "- job-queue" in str(again(connection, images, a_function("lambda")))
    assert is_recorded(connection, "crop")
