"""Events of stores that start a function directly: in which store their objects are."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.connections import (
    ProviderConfig,
)
from supervisor.errors import EventError, StoreNotSupported
from supervisor.events import event_stores
from supervisor.events.parser import parse_event
from supervisor.invocation import DirectInvocation, ObjectEvent
from supervisor.model import ExecutionMode, FunctionConfig, InputRule
from supervisor.runs import record_format
from tests.fakes.supervisor_factory import notification

if TYPE_CHECKING:
    from supervisor.invocation import Trigger

LAB, SITE = ProviderConfig(name="minio.lab"), ProviderConfig(name="minio.site")
OTHER_S3 = ProviderConfig(name="s3.other", options={"endpoint": "https://s3.example.org"})
CONFIG = FunctionConfig(
    name="fn",
    mode=ExecutionMode.LAMBDA,
    state_bucket="state",
    inputs=(
        InputRule(bucket="data", folder="in/"),
        InputRule(provider="minio.lab", bucket="lab", folder="in/", suffix=".csv"),
        InputRule(provider="s3.other", bucket="other", folder="in/"),
    ),
    providers=(LAB, OTHER_S3),
)


def minio(*keys: str, bucket: str = "lab", name: str = "s3:ObjectCreated:Put") -> dict[str, object]:
    event = notification(*keys, bucket=bucket)
    for record in event["Records"]:  # type: ignore[attr-defined]
        record |= {"eventSource": "minio:s3", "eventName": name, "eventVersion": "2.0"}
    return event


def assign(event: object, config: FunctionConfig = CONFIG) -> tuple[Trigger, ...]:
    return event_stores.assign_stores(parse_event(json.dumps(event).encode()), config)


def sources(triggers: tuple[Trigger, ...]) -> list[tuple[str, str]]:
    return [(t.source.provider, t.source.key) for t in triggers if isinstance(t, ObjectEvent)]


def test_an_object_of_minio_is_in_the_store_of_the_input_that_has_it() -> None:
    assert sources(assign(minio("in/a.csv", "in/b.csv"))) == [
        ("minio.lab", "in/a.csv"),
        ("minio.lab", "in/b.csv"),
    ]


@pytest.mark.parametrize(
    ("key", "bucket"), [("out/a.csv", "lab"), ("in/a.txt", "lab"), ("in/a.csv", "data")]
)
def test_an_object_of_minio_that_no_input_has_is_refused(key: str, bucket: str) -> None:
    with pytest.raises(EventError, match="no input of the function has it") as caught:
        assign(minio(key, bucket=bucket))
    assert "storage_provider" in caught.value.remedy


def test_an_object_that_inputs_on_two_servers_have_is_refused() -> None:
    rules = (*CONFIG.inputs, InputRule(provider="minio.site", bucket="lab", folder="in/"))
    config = replace(CONFIG, inputs=rules, providers=(LAB, SITE))
    with pytest.raises(EventError, match=r"minio\.lab, minio\.site"):
        assign(minio("in/a.csv"), config)


@pytest.mark.parametrize(
    ("bucket", "provider"), [("data", "s3"), ("elsewhere", "s3"), ("other", "s3.other")]
)
def test_an_object_of_s3_is_in_the_account_unless_only_another_store_has_it(
    bucket: str, provider: str
) -> None:
    assert sources(assign(notification("in/a", bucket=bucket))) == [(provider, "in/a")]


STORES = {
    "OneData": {"Key": "/space/f", "Records": [{"eventSource": "OneTrigger", "objectKey": "f"}]},
    "dCache": {"event": {"name": "i", "mask": ["IN_CREATE"]}, "subscription": "https://host/x"},
    "dCache, of the watched folder": {
        "event": {"mask": ["IN_DELETE_SELF", "IN_ISDIR"]},
        "subscription": "https://host:3880/api/v1/events/channels/c/subscriptions/inotify/x",
    },
    "Rucio": {"event_type": "close", "payload": {"scope": "user.x", "name": "d"}},
    "Rucio, as its daemon sends it": {
        "id": "1",
        "created_at": "2026-01-01",
        "event_type": "transfer-done",
        "payload": {"scope": "u", "name": "d", "bytes": 1},
        "services": None,
    },
    "Rucio, in a container": {
        "event_type": "register_cnt",
        "payload": {"scope": "u", "name": "c", "childscope": "u", "childname": "d"},
        "created_at": "2026-01-01",
    },
}
# Its other types that name files or data sets.
RUCIO_TYPES = [
    "CREATE_DTS",
    "CREATE_CNT",
    "ERASE",
    "ERASE_CNT",
    "DETACH",
    "OPEN",
    "INCOMPLETE",
    "LOST",
    "RULE_OK",
    "RULE_PROGRESS",
    "DATASETLOCK_OK",
    "deletion-done",
    "deletion-not-found",
    "deletion-failed",
    "transfer-queued",
    "transfer-submission_failed",
    "transfer-submitted",
    "transfer-failed",
    "stagein-done",
]


@pytest.mark.parametrize("event", STORES.values(), ids=STORES)
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"event": e}])
def test_events_of_other_stores_are_never_data(event: object, wrap: object) -> None:
    assert callable(wrap)
    with pytest.raises(StoreNotSupported, match="nothing was run"):
        assign(wrap(event))


@pytest.mark.parametrize("kind", RUCIO_TYPES)
def test_every_type_of_rucio_is_refused(kind: str) -> None:
    event = {"event_type": kind, "payload": {"scope": "u", "name": "d"}}
    with pytest.raises(StoreNotSupported, match="Rucio"):
        assign(event)


@pytest.mark.parametrize(
    "event",
    [
        {"event_type": "create_user", "payload": {"scope": "page", "name": "ana"}},
        {"event_type": "dataset_viewed", "payload": {"scope": "page", "name": "ana"}},
        {"event_type": "click", "payload": {"scope": "page", "name": "ana"}},
        {"event_type": "close", "payload": {"scope": "page", "name": "ana"}, "user": 1},
        {"event_type": "close", "payload": {"scope": ["page"], "name": "ana"}},
        {"subscription": "gold", "event": {"name": "party", "mask": ["cat"]}},
        {"subscription": "https://host/x", "event": {"name": "party", "mask": []}},
        {"subscription": "https://host/x", "event": {"name": "party", "mask": ["IN_THE_PARK"]}},
        {"event": {"name": "a.jpg", "mask": ["IN_CREATE"]}},
        {"subscription": "https://host/x", "event": {"name": "party", "mask": "IN_CREATE"}},
    ],
)
def test_data_with_members_of_the_same_names_is_data(event: object) -> None:
    (found,) = assign(event)
    assert isinstance(found, DirectInvocation)


def test_what_a_deployment_writes_to_try_a_server_starts_nothing() -> None:
    assert assign(minio("in/.scar-probe-1f.csv", "in/.scar-probe-")) == ()
    assert sources(assign(minio("in/x.scar-probe-.csv")))
    assert sources(assign(notification("in/.scar-probe-1")))


def test_a_run_of_another_store_is_not_that_of_the_same_key_in_s3() -> None:
    (of_s3,) = parse_event(json.dumps(notification("in/a", bucket="b")).encode())
    (of_minio,) = parse_event(json.dumps(minio("in/a", bucket="b")).encode())
    assert record_format.run_id("fn", of_s3, "") != record_format.run_id("fn", of_minio, "")
    # What `scar retry` finds without the function's configuration is the run's own id.
    assert isinstance(of_minio, ObjectEvent)
    assigned = replace(of_minio, source=replace(of_minio.source, provider="minio.lab"))
    assert record_format.run_id("fn", assigned, "") == record_format.run_id("fn", of_minio, "")


def test_the_ids_of_runs_of_s3_are_those_of_earlier_releases() -> None:
    (event,) = parse_event(json.dumps(notification("in/a", bucket="b")).encode())
    assert record_format.run_id("fn", event, "") == "9c0f756c294430b41270e16d8cd026cc"
