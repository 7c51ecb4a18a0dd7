"""Plans are carried out in order, in parallel where that can be, and undone if they fail."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from scar.aws.apply import apply
from scar.aws.plan import plan
from scar.aws.resources import (
    BucketNotification,
    ComputeEnvironment,
    InstanceProfile,
    JobDefinition,
    JobQueue,
    Key,
    LambdaFunction,
    LogGroup,
    Role,
)
from scar.errors import Refused
from tests.waiting import until

if TYPE_CHECKING:
    from scar.aws.resources import Resource

LOGS = LogGroup(name="/aws/lambda/crop")
ROLE = Role(name="crop-role")
FUNCTION = LambdaFunction(name="crop", role_arn="arn:aws:iam::1:role/scar/crop-role")


@dataclass
class World:
    """Holds resources; refuses what it is told to refuse."""

    there: dict[Key, Resource] = field(default_factory=dict)
    refused: set[tuple[str, str]] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, resource: Resource) -> None:
        self._call("create", resource)
        assert not resource.needs & {ROLE.key} - self.there.keys()
        self.there[resource.key] = resource

    def update(self, observed: Resource, desired: Resource) -> None:
        self._call("update", desired)
        self.there[desired.key] = desired

    def delete(self, resource: Resource) -> None:
        self._call("delete", resource)
        self.there.pop(resource.key, None)

    def _call(self, verb: str, resource: Resource) -> None:
        with self.lock:
            self.calls.append(f"{verb} {resource.key}")
            if (verb, resource.name) in self.refused:
                raise Refused(f"Cannot {verb} {resource.key}.", remedy="Nothing.")


def test_what_is_needed_comes_first() -> None:
    world = World()
    said: list[str] = []
    apply(plan([FUNCTION, ROLE, LOGS], {}), world, said.append)
    assert world.calls.index("create role crop-role") < world.calls.index("create function crop")
    assert world.there.keys() == {FUNCTION.key, ROLE.key, LOGS.key}
    assert sorted(said) == ["+ function crop", "+ log-group /aws/lambda/crop", "+ role crop-role"]


def test_independent_steps_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=300)

    class Meeting(World):
        def _call(self, verb: str, resource: Resource) -> None:
            if resource in (ROLE, LOGS):
                meeting.wait()

    apply(plan([ROLE, LOGS, FUNCTION], {}), Meeting(), lambda _: None)


def test_what_most_steps_wait_for_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scar.aws.apply.PARALLEL", 1)
    environment = ComputeEnvironment(name="scar-1")
    queue = JobQueue(name="scar-1", environment="scar-1")
    world = World(there={ROLE.key: ROLE})
    apply(plan([LOGS, replace(LOGS, name="a"), queue, environment], {}), world, lambda _: None)
    assert world.calls[0] == "create compute-environment scar-1"


def test_what_nothing_sets_off_yet_is_made_along_with_what_it_uses() -> None:
    meeting = threading.Barrier(2, timeout=300)

    class Meeting(World):
        def _call(self, verb: str, resource: Resource) -> None:
            if resource in (FUNCTION, LOGS):
                meeting.wait()

    apply(plan([LOGS, FUNCTION], {}), Meeting(there={ROLE.key: ROLE}), lambda _: None)


def test_what_works_already_changes_after_what_it_uses_and_goes_before_it() -> None:
    before = {r.key: r for r in (FUNCTION, replace(LOGS, retention_days=7))}
    world = World(there=dict(before))
    apply(plan([LOGS, replace(FUNCTION, memory=1024)], before), world, lambda _: None)
    assert world.calls == ["update log-group /aws/lambda/crop", "update function crop"]
    world.calls.clear()
    apply(plan([], world.there), world, lambda _: None)
    assert world.calls == ["delete function crop", "delete log-group /aws/lambda/crop"]


def test_work_is_set_off_when_all_that_it_needs_is_there() -> None:
    queue = JobQueue(name="scar-1", environment="scar-1")
    definition = JobDefinition(name="crop", tags=(("scar:queue", "scar-1"),))
    rule = BucketNotification(name="photos/x", function_arn="arn:aws:lambda:eu-west-1:1:f:crop")

    class Slow(World):
        def _call(self, verb: str, resource: Resource) -> None:
            # Whatever does not wait for the queue has been called by then.
            if isinstance(resource, JobQueue):
                until(lambda: len(self.calls) >= 3)
            super()._call(verb, resource)

    world = Slow(there={ROLE.key: ROLE})
    apply(plan([rule, FUNCTION, definition, queue, LOGS], {}), world, lambda _: None)
    assert world.calls[-2:] == ["create job-queue scar-1", "create notification photos/x"]


def test_a_failure_undoes_what_was_made_and_restores_what_was_changed() -> None:
    before = {LOGS.key: replace(LOGS, retention_days=7)}
    world = World(there=dict(before), refused={("create", "crop")})
    said: list[str] = []
    with pytest.raises(Refused, match="create function crop"):
        apply(plan([FUNCTION, ROLE, LOGS], before), world, said.append)
    assert world.there == before
    assert said[-4] == "Undoing what was changed…"
    assert {"- role crop-role", "~ log-group /aws/lambda/crop as it was"} <= set(said)


def test_what_was_made_along_with_what_it_uses_is_undone_before_that() -> None:
    profile = InstanceProfile(name="scar-instances", role=ROLE.name)
    environment = ComputeEnvironment(name="scar-1", instance_profile="i/scar-instances")
    world = World(refused={("create", "scar-1")})
    with pytest.raises(Refused):
        apply(plan([environment, profile, ROLE], {}), world, lambda _: None)
    begun = sorted(world.calls[:2])
    assert begun == ["create instance-profile scar-instances", "create role crop-role"]
    assert world.calls[-2:] == ["delete instance-profile scar-instances", "delete role crop-role"]


def test_what_cannot_be_undone_is_said() -> None:
    world = World(refused={("create", "crop"), ("delete", "crop-role")})
    said: list[str] = []
    with pytest.raises(Refused, match="create function crop"):
        apply(plan([FUNCTION, ROLE, LOGS], {}), world, said.append)
    assert "! role crop-role is left as it is: Cannot delete role crop-role." in said
    assert world.there.keys() == {ROLE.key}


def test_a_removal_is_not_undone() -> None:
    there = {r.key: r for r in (FUNCTION, ROLE, LOGS)}
    world = World(there=dict(there), refused={("delete", "crop-role")})
    with pytest.raises(Refused):
        apply(plan([], there), world, lambda _: None, undo=False)
    assert FUNCTION.key not in world.there
    assert not [call for call in world.calls if call.startswith("create")]


def test_deleting_waits_for_what_replaces_it() -> None:
    old = LogGroup(name="old")
    world = World(there={old.key: old})
    apply(plan([FUNCTION, ROLE, LOGS], {old.key: old}), world, lambda _: None)
    assert world.calls[-1] == "delete log-group old"
