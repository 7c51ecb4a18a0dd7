"""Events of MinIO, and events of stores in the bodies of requests: which of them start runs."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.connections import (
    EndpointAuthentication,
    EndpointConfig,
    EndpointKind,
    ProviderConfig,
)
from supervisor.errors import EventError, RequestRefused, StoreNotSupported
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
TOKENS = {"minio.lab": "lab's token", "minio.site": "site's token"}
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
IAM, NONE = EndpointAuthentication.IAM, EndpointAuthentication.NONE


def minio(*keys: str, bucket: str = "lab", name: str = "s3:ObjectCreated:Put") -> dict[str, object]:
    event = notification(*keys, bucket=bucket)
    for record in event["Records"]:  # type: ignore[attr-defined]
        record |= {"eventSource": "minio:s3", "eventName": name, "eventVersion": "2.0"}
    return event


def request(body: object, token: str = "", *, encoded: bool = False) -> dict[str, object]:
    text = json.dumps(body)
    return {
        "version": "2.0",
        "rawPath": "/",
        "requestContext": {"http": {"method": "POST", "path": "/"}},
        "headers": {
            "content-type": "application/json",
            **({"authorization": token} if token else {}),
        },
        "body": base64.b64encode(text.encode()).decode() if encoded else text,
        "isBase64Encoded": encoded,
    }


def endpoint(authentication: EndpointAuthentication) -> FunctionConfig:
    return replace(
        CONFIG, endpoint=EndpointConfig(kind=EndpointKind.HTTP, authentication=authentication)
    )


def assign(event: object, config: FunctionConfig = CONFIG) -> tuple[Trigger, ...]:
    raw = json.dumps(event).encode()
    return event_stores.assign_stores(
        parse_event(raw), config, raw, lambda provider: TOKENS.get(provider, "")
    )


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
    for event in (minio(key, bucket=bucket), request(minio(key, bucket=bucket))):
        with pytest.raises(EventError, match="no input of the function has it") as caught:
            assign(event, endpoint(IAM))
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


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"event": e}])
def test_a_request_with_an_event_of_an_input_starts_its_runs(wrap: object, encoded: bool) -> None:
    assert callable(wrap)
    for event, found in (
        (minio("in/a.csv"), ("minio.lab", "in/a.csv")),
        (notification("in/x"), ("s3", "in/x")),
    ):
        assert sources(assign(request(wrap(event), encoded=encoded), endpoint(IAM))) == [found]


@pytest.mark.parametrize("authentication", [IAM, NONE])
def test_a_request_with_an_event_of_s3_that_no_input_has_is_data(
    authentication: EndpointAuthentication,
) -> None:
    event = notification("in/x", "private/y")
    (found,) = assign(request(event), endpoint(authentication))
    assert isinstance(found, DirectInvocation)
    assert found.payload == json.dumps(event).encode()


def test_the_order_that_an_open_endpoint_is_told_is_not_confirmed() -> None:
    event = notification("in/x", sequencer="FFFFFFFFFFFFFFFF")
    event["Records"][0]["s3"]["configurationId"] = "scar-run:1"  # type: ignore[index]
    for config, is_recovered in ((endpoint(NONE), True), (CONFIG, True), (endpoint(IAM), False)):
        (found,) = assign(request(event), config)
        assert isinstance(found, ObjectEvent)
        assert found.is_recovered is is_recovered
        assert bool(found.manual_run_id) is not is_recovered
        # What a job or `scar retry` parses again is the same.
        assert parse_event(found.event.encode()) == (found,)


@pytest.mark.parametrize("header", ["Bearer lab's token", "bearer  lab's token "])
def test_a_webhook_with_its_token_starts_runs_without_authentication(header: str) -> None:
    found = assign(request(minio("in/a.csv"), header), endpoint(NONE))
    assert sources(found) == [("minio.lab", "in/a.csv")]
    assert not any("token" in trigger.event for trigger in found)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "lab's token", "Basic lab's token", "Bearer é"]
)
@pytest.mark.parametrize("key", ["in/a.csv", "elsewhere/a"])
def test_a_webhook_without_its_token_is_refused_before_anything_is_said_of_inputs(
    header: str, key: str
) -> None:
    with pytest.raises(RequestRefused, match="no token") as caught:
        assign(request(minio(key), header), endpoint(NONE))
    assert caught.value.status == 401
    assert "webhook_token" in caught.value.remedy


def test_a_log_of_events_is_data() -> None:
    lines = "\n".join(json.dumps(minio("in/a.csv")) for _ in range(2))
    event = {**request(""), "body": lines}
    (found,) = assign(event, endpoint(NONE))
    assert isinstance(found, DirectInvocation)
    assert found.payload == lines.encode()


def test_a_function_without_servers_says_so_to_everybody() -> None:
    config = replace(endpoint(NONE), providers=())
    with pytest.raises(RequestRefused, match="no input of the function has it"):
        assign(request(minio("in/a.csv", bucket="data")), config)


def test_a_provider_without_a_token_accepts_no_webhook() -> None:
    raw = json.dumps(request(minio("in/a.csv"), "Bearer ")).encode()
    with pytest.raises(RequestRefused):
        event_stores.assign_stores(parse_event(raw), endpoint(NONE), raw, lambda _: "")


def test_the_token_of_one_server_does_not_name_objects_of_another() -> None:
    rules = (*CONFIG.inputs, InputRule(provider="minio.site", bucket="site"))
    config = replace(endpoint(NONE), inputs=rules, providers=(LAB, SITE))
    assert sources(assign(request(minio("a", bucket="site"), "Bearer site's token"), config))
    with pytest.raises(RequestRefused) as caught:
        assign(request(minio("a", bucket="site"), "Bearer lab's token"), config)
    assert caught.value.status == 401


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [{"eventSource": "OneTrigger", "objectKey": "f"}]},
        {"event": {"name": "i", "mask": ["IN_CREATE"]}, "subscription": "https://x"},
        {"event_type": "close", "payload": {"scope": "u", "name": "d"}},
        {"event": {"event_type": "close", "payload": {"scope": "u", "name": "d"}}},
    ],
)
def test_events_of_other_stores_are_never_data(event: object) -> None:
    with pytest.raises(StoreNotSupported):
        assign(event)
    with pytest.raises(RequestRefused, match="nothing was run") as caught:
        assign(request(event), endpoint(NONE))
    assert caught.value.status == 400


def test_a_removed_object_of_minio_starts_nothing() -> None:
    event = minio("in/a.csv", name="s3:ObjectRemoved:Delete")
    assert assign(event) == assign(request(event), endpoint(IAM)) == ()


@pytest.mark.parametrize(
    "body",
    [
        {"Records": [{"s3": {}}]},
        {"Records": [{"eventSource": "aws:kinesis"}]},
        {"Records": []},
        {"event": "x"},
        {"script": "date", "event": 1},
        ["Records"],
        {"source": "aws.s3", "detail-type": "Object Created", "Records": 1},
    ],
)
def test_other_bodies_are_data(body: object) -> None:
    (found,) = assign(request(body), endpoint(NONE))
    assert isinstance(found, DirectInvocation)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["minio:s3", "OneTrigger", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Records",
                    "event",
                    "event_type",
                    "payload",
                    "scope",
                    "name",
                    "mask",
                    "s3",
                    "bucket",
                    "eventSource",
                    "object",
                    "key",
                    "subscription",
                    "detail",
                    "source",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([IAM, NONE]))
def test_any_body_is_data_or_runs_or_is_refused_with_a_remedy(
    body: object, authentication: EndpointAuthentication
) -> None:
    try:
        found = assign(request(body), endpoint(authentication))
    except RequestRefused as refused:
        assert refused.remedy  # noqa: PT017
    else:
        # Without the token, and with no object of an input in it, nothing starts but the request.
        assert all(isinstance(trigger, DirectInvocation) for trigger in found)


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
