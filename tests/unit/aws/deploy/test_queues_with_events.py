"""The queue of a function that gathers no longer stays until its events are processed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.placeholders import compile_with_placeholders
from scar.aws.deploy.queues_with_events import keep_queues_with_events
from scar.aws.model import names
from scar.aws.model.account import Account
from scar.aws.model.plan import Create, Delete, Update, plan
from scar.aws.model.resources import (
    BucketNotification,
    EventSource,
    InvokePermission,
    LambdaFunction,
    Role,
    SourceQueue,
)
from scar.aws.requests.creation import creation_requests
from scar.aws.requests.validator import check
from scar.fdl.model import ArraySpec, BatchSpec, StorageSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import new_function

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.model.resources import Resource

ACCOUNT = Account("123456789012", "eu-west-1")


def compiled(array: ArraySpec | None, timeout: int = 300) -> list[Resource]:
    function = new_function(
        name="crop",
        image="x",
        timeout=timeout,
        execution_mode=ExecutionMode.BATCH,
        input=(StorageSpec(path="photos/in"), StorageSpec(path="films", suffix=(".mp4",))),
        batch=BatchSpec(array=array),
    )
    return list(compile_with_placeholders([function], ACCOUNT))


DIRECT, GATHERED = compiled(None), compiled(ArraySpec())


def by_key(resources: Iterable[Resource]) -> dict[object, Resource]:
    return {r.key: r for r in resources}


def with_events(count: int) -> dict[object, Resource]:
    return by_key(replace(r, waiting=count) if isinstance(r, SourceQueue) else r for r in GATHERED)


def test_the_notification_moves_in_one_update_after_the_queue_and_before_the_deletions() -> None:
    changes = plan(GATHERED, by_key(DIRECT)).changes  # type: ignore[arg-type]
    kinds = [(type(c), type(c.resource)) for c in changes]
    moved = max(i for i, kind in enumerate(kinds) if kind == (Update, BucketNotification))
    assert kinds.index((Create, SourceQueue)) < kinds.index((Create, EventSource)) < moved
    assert moved < kinds.index((Delete, InvokePermission))
    assert (Create, BucketNotification) not in kinds
    assert (Delete, BucketNotification) not in kinds


def test_a_queue_that_a_notification_names_stays_with_what_it_needs() -> None:
    kept, notes = keep_queues_with_events(DIRECT, with_events(0))  # type: ignore[arg-type]
    (queue,) = (r for r in kept if isinstance(r, SourceQueue))
    assert any(isinstance(r, EventSource) for r in kept)
    (function,) = (r for r in kept if isinstance(r, LambdaFunction) and r.name == "crop")
    assert dict(function.tags)[names.EVENT_QUEUE_TAG] == queue.name
    (role,) = (r for r in kept if isinstance(r, Role) and r.name == "crop-eu-west-1-lambda")
    actions = [s["Action"] for s in json.loads(role.policy)["Statement"]]
    assert ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"] in actions
    assert len(notes) == 1


def test_an_empty_queue_without_notification_is_deleted_after_its_mapping() -> None:
    observed = {
        **by_key(DIRECT),
        **{k: r for k, r in with_events(0).items() if isinstance(r, SourceQueue | EventSource)},
    }
    kept, notes = keep_queues_with_events(DIRECT, observed)  # type: ignore[arg-type]
    assert list(kept) == DIRECT
    assert notes == []
    deleted = [type(c.resource) for c in plan(kept, observed).changes if isinstance(c, Delete)]  # type: ignore[arg-type]
    assert deleted == [EventSource, SourceQueue]


def test_events_in_a_queue_keep_it() -> None:
    observed = {
        **by_key(DIRECT),
        **{k: r for k, r in with_events(3).items() if isinstance(r, SourceQueue | EventSource)},
    }
    kept, _ = keep_queues_with_events(DIRECT, observed)  # type: ignore[arg-type]
    assert any(isinstance(r, SourceQueue) for r in kept)


@given(st.integers(0, 300), st.integers(2, 10_000), st.integers(1, 900))
def test_any_section_compiles_to_what_aws_takes_and_a_second_plan_is_empty(
    window: int, size: int, timeout: int
) -> None:
    if window == 0:
        size = min(size, 10)
    resources = compiled(ArraySpec(window=window, size=size), timeout)
    violations = [
        violation
        for resource in resources
        for service, operation, parameters in creation_requests(resource, ACCOUNT.region)
        for violation in check(service, operation, parameters)
    ]
    assert violations == []
    (queue,) = (r for r in resources if isinstance(r, SourceQueue))
    # Lambda refuses less than the timeout; a claim's lease must be over when SQS sends again.
    assert queue.visibility >= window + timeout + 60
    kept, _ = keep_queues_with_events(resources, by_key(resources))  # type: ignore[arg-type]
    assert not plan(kept, by_key(resources))  # type: ignore[arg-type]


def test_nothing_is_added_without_the_section() -> None:
    assert not any(isinstance(r, SourceQueue | EventSource) for r in DIRECT)
    assert "sqs" not in "".join(r.policy for r in DIRECT if isinstance(r, Role))
