"""Plans are applied in order, in parallel where possible, and undone if a step fails."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy.apply import apply
from scar.aws.model.plan import plan
from scar.aws.model.resources import (
    Bucket,
    BucketNotification,
    ComputeEnvironment,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    LogGroup,
    ResourceKey,
    Role,
    StateBucket,
)
from scar.errors import OperationRefusedError
from tests.waiting import until

if TYPE_CHECKING:
    from scar.aws.model.resources import Resource

LOGS = LogGroup(name="/aws/lambda/crop")
ROLE = Role(name="crop-role")
TARGET = LogGroup(name="/aws/batch/crop")
FUNCTION = LambdaFunction(name="crop", role_arn="arn:aws:iam::1:role/scar/crop-role")


@dataclass
class FakeResourceClient:
    """Holds resources in memory; raises an error for the steps in ``denied``."""

    existing: dict[ResourceKey, Resource] = field(default_factory=dict)
    denied: set[tuple[str, str]] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, resource: Resource) -> Resource | None:
        return self.existing.get(resource.key)

    def create(self, resource: Resource) -> None:
        self._call("create", resource)
        assert not resource.needs & {ROLE.key} - self.existing.keys()
        self.existing[resource.key] = resource

    def update(self, observed: Resource, desired: Resource) -> None:
        self._call("update", desired)
        self.existing[desired.key] = desired

    def delete(self, resource: Resource) -> None:
        self._call("delete", resource)
        self.existing.pop(resource.key, None)

    def _call(self, verb: str, resource: Resource) -> None:
        with self.lock:
            self.calls.append(f"{verb} {resource.key}")
            if (verb, resource.name) in self.denied:
                raise OperationRefusedError(f"Cannot {verb} {resource.key}.", remedy="Nothing.")


def test_dependencies_are_created_first() -> None:
    client = FakeResourceClient()
    reported: list[str] = []
    apply(plan([FUNCTION, ROLE, LOGS], {}), client, reported.append)
    assert client.calls.index("create role crop-role") < client.calls.index("create function crop")
    assert client.existing.keys() == {FUNCTION.key, ROLE.key, LOGS.key}
    assert sorted(reported) == [
        "+ function crop",
        "+ log-group /aws/lambda/crop",
        "+ role crop-role",
    ]


def test_independent_steps_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=300)

    class RoleMeetsLogs(FakeResourceClient):
        def _call(self, verb: str, resource: Resource) -> None:
            if resource in (ROLE, LOGS):
                meeting.wait()

    apply(plan([ROLE, LOGS, FUNCTION], {}), RoleMeetsLogs(), lambda _: None)


def test_the_step_that_most_others_depend_on_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scar.aws.deploy.apply.PARALLEL", 1)
    environment = ComputeEnvironment(name="scar-1")
    queue = JobQueue(name="scar-1", environments=("scar-1",))
    client = FakeResourceClient(existing={ROLE.key: ROLE})
    apply(plan([LOGS, replace(LOGS, name="a"), queue, environment], {}), client, lambda _: None)
    assert client.calls[0] == "create compute-environment scar-1"


def test_an_inactive_resource_is_created_in_parallel_with_its_dependencies() -> None:
    meeting = threading.Barrier(2, timeout=300)

    class FunctionMeetsLogs(FakeResourceClient):
        def _call(self, verb: str, resource: Resource) -> None:
            if resource in (FUNCTION, LOGS):
                meeting.wait()

    apply(plan([LOGS, FUNCTION], {}), FunctionMeetsLogs(existing={ROLE.key: ROLE}), lambda _: None)


def test_an_existing_resource_is_updated_after_its_dependencies_and_deleted_before_them() -> None:
    before = {r.key: r for r in (FUNCTION, replace(LOGS, retention_days=7))}
    client = FakeResourceClient(existing=dict(before))
    apply(plan([LOGS, replace(FUNCTION, memory=1024)], before), client, lambda _: None)
    assert client.calls == ["update log-group /aws/lambda/crop", "update function crop"]
    client.calls.clear()
    apply(plan([], client.existing), client, lambda _: None)
    assert client.calls == ["delete function crop", "delete log-group /aws/lambda/crop"]


def test_a_trigger_is_created_after_everything_that_it_needs() -> None:
    queue = JobQueue(name="scar-1", environments=("scar-1",))
    definition = JobDefinition(name="crop", tags=(("scar:queue", "scar-1"),))
    rule = BucketNotification(name="photos/x", function_arn="arn:aws:lambda:eu-west-1:1:f:crop")

    class SlowJobQueue(FakeResourceClient):
        def _call(self, verb: str, resource: Resource) -> None:
            # By then every step that does not depend on the queue has been called.
            if isinstance(resource, JobQueue):
                until(lambda: len(self.calls) >= 3)
            super()._call(verb, resource)

    client = SlowJobQueue(existing={ROLE.key: ROLE})
    apply(plan([rule, FUNCTION, definition, queue, LOGS], {}), client, lambda _: None)
    assert client.calls[-2:] == ["create job-queue scar-1", "create notification photos/x"]


def test_a_failure_deletes_created_resources_and_restores_changed_ones() -> None:
    before = {LOGS.key: replace(LOGS, retention_days=7)}
    client = FakeResourceClient(existing=dict(before), denied={("create", "crop")})
    reported: list[str] = []
    with pytest.raises(OperationRefusedError, match="create function crop"):
        apply(plan([FUNCTION, TARGET, LOGS], before), client, reported.append)
    assert client.existing == before
    assert reported[-4] == "Rolling back the changes…"
    assert {f"- {TARGET.key}", "~ log-group /aws/lambda/crop restored"} <= set(reported)


def test_roles_and_buckets_that_are_as_described_stay() -> None:
    bucket, state = Bucket(name="photos", folders=("in/",)), StateBucket(name="scar-1")
    client = FakeResourceClient(denied={("create", "crop")})
    reported: list[str] = []
    with pytest.raises(OperationRefusedError, match="create function crop"):
        apply(plan([FUNCTION, ROLE, bucket, state, TARGET], {}), client, reported.append)
    assert client.existing.keys() == {ROLE.key, bucket.key, state.key}
    assert reported[-1].startswith("Kept: bucket photos, role crop-role. The next `scar init`")


@pytest.mark.parametrize(
    ("resource", "observed", "stays"),
    [
        (ROLE, None, False),
        (ROLE, replace(ROLE, policy="other"), False),
        (ROLE, ROLE, True),  # created, and the response was lost
        (Bucket(name="photos", folders=("in/",)), Bucket(name="photos"), True),
        (Bucket(name="photos"), None, False),
        (LOGS, LOGS, False),
    ],
)
def test_a_resource_whose_creation_failed_stays_only_if_it_is_usable(
    resource: Resource, observed: Resource | None, stays: bool
) -> None:
    class HalfDone(FakeResourceClient):
        def create(self, resource: Resource) -> None:
            if observed is not None:
                self.existing[resource.key] = observed
            super().create(resource)

    client = HalfDone(denied={("create", resource.name)})
    with pytest.raises(OperationRefusedError):
        apply(plan([resource], {}), client, lambda _: None)
    assert (f"delete {resource.key}" in client.calls) is not stays


def test_a_resource_that_cannot_be_read_does_not_stay() -> None:
    class Unreadable(FakeResourceClient):
        def read(self, resource: Resource) -> Resource | None:
            raise OperationRefusedError(f"Cannot read {resource.key}.", remedy="-")

    client = Unreadable(denied={("create", ROLE.name)})
    with pytest.raises(OperationRefusedError, match="create role"):
        apply(plan([ROLE], {}), client, lambda _: None)
    assert client.calls[-1] == f"delete {ROLE.key}"


def test_resources_created_in_parallel_are_undone_in_order_of_dependency() -> None:
    queue = JobQueue(name="scar-1", environments=("scar-1",))
    definition = JobDefinition(name="crop", tags=(("scar:queue", "scar-1"),))
    function = replace(FUNCTION, role_arn="arn:aws:iam::1:role/mine")
    client = FakeResourceClient(denied={("create", "crop/x")})
    permission = InvokePermission(name="crop/x")
    with pytest.raises(OperationRefusedError):
        apply(plan([permission, definition, queue, function], {}), client, lambda _: None)
    deleted = [call.removeprefix("delete ") for call in client.calls if call.startswith("delete")]
    assert deleted.index("job-definition crop") < deleted.index("job-queue scar-1")
    assert deleted.index("permission crop/x") < deleted.index("function crop")


def test_a_failed_undo_is_reported() -> None:
    client = FakeResourceClient(denied={("create", "crop"), ("delete", TARGET.name)})
    reported: list[str] = []
    with pytest.raises(OperationRefusedError, match="create function crop"):
        apply(plan([FUNCTION, TARGET, LOGS], {}), client, reported.append)
    failed = f"! {TARGET.key} could not be rolled back: Cannot delete {TARGET.key}."
    assert failed in reported
    assert client.existing.keys() == {TARGET.key}


def test_a_removal_is_not_undone() -> None:
    present = {r.key: r for r in (FUNCTION, ROLE, LOGS)}
    client = FakeResourceClient(existing=dict(present), denied={("delete", "crop-role")})
    with pytest.raises(OperationRefusedError):
        apply(plan([], present), client, lambda _: None, undo=False)
    assert FUNCTION.key not in client.existing
    assert not [call for call in client.calls if call.startswith("create")]


def test_a_resource_is_deleted_after_its_replacement_exists() -> None:
    old = LogGroup(name="old")
    client = FakeResourceClient(existing={old.key: old})
    apply(plan([FUNCTION, ROLE, LOGS], {old.key: old}), client, lambda _: None)
    assert client.calls[-1] == "delete log-group old"
