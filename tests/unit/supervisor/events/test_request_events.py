"""Events of stores in the bodies of HTTP requests: which are delivered, refused, or data."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.connections import EndpointAuthentication, EndpointConfig, EndpointKind
from supervisor.errors import RequestRefused
from supervisor.events.parser import parse_event
from supervisor.events.request_events import RequestEvents, read_request
from supervisor.invocation import DirectInvocation, ObjectEvent
from supervisor.model import FunctionConfig, InputRule
from tests.fakes.supervisor_factory import notification
from tests.unit.supervisor.events.test_event_stores import CONFIG, LAB, SITE, STORES, minio

TOKENS = {"minio.lab": "lab's token", "minio.site": "site's token"}
IAM, NONE = EndpointAuthentication.IAM, EndpointAuthentication.NONE
TOKEN = "Bearer lab's token"


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


def read(event: object, config: FunctionConfig) -> RequestEvents | None:
    raw = json.dumps(event).encode()
    (found,) = parse_event(raw)
    assert isinstance(found, DirectInvocation)
    return read_request(found, config, raw, lambda provider: TOKENS.get(provider, ""))


def delivered(event: object, config: FunctionConfig) -> tuple[ObjectEvent, ...]:
    found = read(event, config)
    assert found is not None
    assert found.unused == ()
    return found.delivered


def sources(found: tuple[ObjectEvent, ...]) -> list[tuple[str, str]]:
    return [(event.source.provider, event.source.key) for event in found]


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"event": e}])
def test_a_signed_request_delivers_objects_of_inputs(wrap: object, encoded: bool) -> None:
    assert callable(wrap)
    for event, expected in (
        (minio("in/a.csv"), ("minio.lab", "in/a.csv")),
        (notification("in/x"), ("s3", "in/x")),
    ):
        found = delivered(request(wrap(event), encoded=encoded), endpoint(IAM))
        assert sources(found) == [expected]


@pytest.mark.parametrize("config", [endpoint(NONE), replace(CONFIG, endpoint=None)])
def test_without_authentication_an_event_of_s3_is_data(config: FunctionConfig) -> None:
    for token in ("", TOKEN):
        assert read(request(notification("in/x", "in/y"), token), config) is None


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"event": e}])
def test_a_signed_event_of_s3_is_refused_by_name_if_no_input_has_its_objects(wrap: object) -> None:
    assert callable(wrap)
    event = wrap(notification("private/y", "other/z"))
    with pytest.raises(RequestRefused) as caught:
        read(request(event), endpoint(IAM))
    assert caught.value.status == 400
    problem = caught.value.problem
    assert "s3://data/private/y and 1 other object" in problem
    assert "Its inputs in S3: data/in, s3.other:other/in." in problem
    assert "scar init" in caught.value.remedy


def test_the_refusal_names_a_suffix_and_that_there_are_no_inputs() -> None:
    rules = (InputRule(bucket="data", folder="in/", suffix=".csv"), InputRule(bucket="all"))
    for inputs, named in (
        (rules, "Its inputs in S3: data/in/*.csv, all."),
        ((InputRule(provider="minio.lab", bucket="lab"),), "It has no inputs in S3."),
        ((), "It has no inputs in S3."),
    ):
        with pytest.raises(RequestRefused) as caught:
            read(request(notification("in/x")), replace(endpoint(IAM), inputs=inputs))
        assert "The event names s3://data/in/x, and no input" in caught.value.problem
        assert caught.value.problem.endswith(named)


def test_of_a_signed_event_of_s3_the_objects_of_inputs_are_delivered() -> None:
    found = read(request(notification("in/x", "private/y", "in/z")), endpoint(IAM))
    assert found is not None
    assert sources(found.delivered) == [("s3", "in/x"), ("s3", "in/z")]
    assert sources(found.unused) == [("s3", "private/y")]


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "ObjectTagging:Put"])
def test_a_signed_event_of_s3_about_other_changes_starts_nothing(name: str) -> None:
    event = notification("in/x")
    event["Records"][0]["eventName"] = name  # type: ignore[index]
    assert delivered(request(event), endpoint(IAM)) == ()
    assert read(request(event), endpoint(NONE)) is None


def genuine(event: dict[str, object], rule: str = "scar-run:1") -> dict[str, object]:
    event["Records"][0]["s3"]["configurationId"] = rule  # type: ignore[index]
    return event


@pytest.mark.parametrize(
    ("event", "config", "token"),
    [
        (genuine(notification("in/x", sequencer="FFFFFFFFFFFFFFFF")), endpoint(IAM), ""),
        (genuine(notification("in/x"), "mine"), endpoint(IAM), ""),
        (genuine(minio("in/a.csv"), "Config"), endpoint(IAM), ""),
        (genuine(minio("in/a.csv")), endpoint(NONE), TOKEN),
    ],
)
def test_a_caller_chooses_neither_order_nor_id_of_a_run(
    event: object, config: FunctionConfig, token: str
) -> None:
    (found,) = delivered(request(event, token), config)
    assert found.is_recovered
    assert found.manual_run_id == ""
    # What the function, a job or `scar retry` parses again is the same.
    (again,) = parse_event(found.event.encode())
    assert isinstance(again, ObjectEvent)
    assert replace(again, source=found.source) == found


def test_the_token_of_a_server_confirms_the_order_of_its_events() -> None:
    (found,) = delivered(request(genuine(minio("in/a.csv"), "Config"), TOKEN), endpoint(NONE))
    assert not found.is_recovered


@pytest.mark.parametrize(("config", "token"), [(endpoint(IAM), ""), (endpoint(NONE), TOKEN)])
@pytest.mark.parametrize("key", ["in/x", "private/x"])
def test_objects_of_s3_beside_those_of_minio_are_refused(
    config: FunctionConfig, token: str, key: str
) -> None:
    both = [*minio("in/a.csv")["Records"], *notification(key)["Records"]]  # type: ignore[misc]
    with pytest.raises(RequestRefused, match="of S3 and of MinIO"):
        read(request({"Records": both}, token), config)


def test_a_request_selects_no_options_of_a_job() -> None:
    options = {"scar_job": {"vcpus": 64}}
    of_s3 = request({**notification("in/x"), **options})
    assert read(of_s3, endpoint(NONE)) is None
    for event, config in (
        (of_s3, endpoint(IAM)),
        (request({**minio("in/a.csv"), **options}, TOKEN), endpoint(NONE)),
    ):
        with pytest.raises(RequestRefused, match="scar_job"):
            read(event, config)


@pytest.mark.parametrize("header", ["Bearer lab's token", "bearer  lab's token "])
def test_a_webhook_with_its_token_is_served_without_authentication(header: str) -> None:
    found = delivered(request(minio("in/a.csv"), header), endpoint(NONE))
    assert sources(found) == [("minio.lab", "in/a.csv")]
    assert "token" not in found[0].event


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "lab's token", "Basic lab's token", "Bearer é"]
)
@pytest.mark.parametrize("key", ["in/a.csv", "elsewhere/a"])
def test_a_webhook_without_its_token_is_refused_before_anything_is_said_of_inputs(
    header: str, key: str
) -> None:
    with pytest.raises(RequestRefused, match="no token") as caught:
        read(request(minio(key), header), endpoint(NONE))
    assert caught.value.status == 401
    assert "webhook_token" in caught.value.remedy


def test_a_log_of_events_is_data() -> None:
    lines = "\n".join(json.dumps(minio("in/a.csv")) for _ in range(2))
    event = {**request(""), "body": lines}
    assert read(event, endpoint(NONE)) is None


@pytest.mark.parametrize(
    ("key", "bucket"), [("out/a.csv", "lab"), ("in/a.txt", "lab"), ("in/a.csv", "data")]
)
def test_an_object_of_minio_that_no_input_has_is_not_used(key: str, bucket: str) -> None:
    event = minio(key, bucket=bucket)
    for config, token in (
        (endpoint(IAM), ""),
        (endpoint(NONE), TOKEN),
        (replace(endpoint(NONE), providers=()), ""),
    ):
        found = read(request(event, token), config)
        assert found is not None
        assert found.delivered == ()
        assert sources(found.unused) == [("minio", key)]


def test_a_provider_without_a_token_accepts_no_webhook() -> None:
    raw = json.dumps(request(minio("in/a.csv"), "Bearer ")).encode()
    (found,) = parse_event(raw)
    assert isinstance(found, DirectInvocation)
    with pytest.raises(RequestRefused):
        read_request(found, endpoint(NONE), raw, lambda _: "")


def test_the_token_of_one_server_does_not_name_objects_of_another() -> None:
    rules = (*CONFIG.inputs, InputRule(provider="minio.site", bucket="site"))
    config = replace(endpoint(NONE), inputs=rules, providers=(LAB, SITE))
    assert sources(delivered(request(minio("a", bucket="site"), "Bearer site's token"), config))
    with pytest.raises(RequestRefused) as caught:
        read(request(minio("a", bucket="site"), "Bearer lab's token"), config)
    assert caught.value.status == 401


@pytest.mark.parametrize("token", [TOKEN, "Bearer site's token"])
def test_the_token_does_not_say_on_which_of_two_servers_an_object_is(token: str) -> None:
    rules = (*CONFIG.inputs, InputRule(provider="minio.site", bucket="lab"))
    config = replace(endpoint(NONE), inputs=rules, providers=(LAB, SITE))
    with pytest.raises(RequestRefused, match="inputs on several servers"):
        read(request(minio("in/a.csv"), token), config)


@pytest.mark.parametrize("authentication", [IAM, NONE])
@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda e: e,
        lambda e: {"event": e},
        lambda e: {"storage_provider": "webdav.x", "event": json.dumps(e)},
        lambda e: {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(e)}]},
    ],
)
def test_events_of_other_stores_are_refused_by_name(
    authentication: EndpointAuthentication, name: str, wrap: object
) -> None:
    assert callable(wrap)
    for token in ("", TOKEN):
        with pytest.raises(RequestRefused, match=name.partition(",")[0]) as caught:
            read(request(wrap(STORES[name]), token), endpoint(authentication))
        assert caught.value.status == 400
        assert "nothing was run" in caught.value.problem


SLACK = {"token": "x", "team_id": "T1", "type": "event_callback", "event_id": "Ev1"}
WEBHOOKS = {
    "Slack": SLACK | {"event": {"type": "message", "channel": "C1", "text": "hi", "ts": "1.2"}},
    "Slack's file": SLACK | {"event": {"type": "file_created", "file": {"id": "F1"}, "name": "a"}},
    "GitHub's hook": {"hook": {"events": ["push"], "name": "web"}, "zen": "Keep it simple."},
    "GitHub's subscription": {"action": "edited", "subscription": {"url": "https://host/x"}},
    "CloudEvents": {
        "specversion": "1.0",
        "type": "com.example.object.created",
        "source": "https://host/x",
        "subject": "a.jpg",
        "id": "1",
        "data": {"name": "a.jpg", "scope": "u"},
    },
    "CloudEvents of Azure": {
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": "/blobServices/default/containers/in/blobs/a",
        "data": {"api": "PutBlob", "url": "https://host/in/a"},
    },
    "Stripe": {
        "object": "event",
        "type": "customer.subscription.created",
        "data": {"object": {"object": "subscription", "name": "gold"}},
    },
    "PayPal": {"event_type": "PAYMENT.SALE.COMPLETED", "resource": {"name": "a"}, "id": "W-1"},
    "PagerDuty": {"event": {"id": "1", "event_type": "incident.triggered", "data": {"name": "a"}}},
    "Pub/Sub": {"subscription": "projects/p/subscriptions/s", "message": {"data": "e30="}},
    "a watched folder": {"event": {"name": "a", "mask": ["IN_CREATE"]}, "host": "pc"},
    "a service's own": {"event_type": "create_user", "payload": {"scope": "page", "name": "ana"}},
    "an order": {"event_type": "order-closed", "payload": {"scope": "shop", "name": "n"}},
    "analytics": {"event": "open", "event_type": "open", "payload": {"scope": "x", "name": "y"}},
}


@pytest.mark.parametrize("name", WEBHOOKS)
@pytest.mark.parametrize("authentication", [IAM, NONE])
def test_the_events_of_other_webhooks_are_data(
    name: str, authentication: EndpointAuthentication
) -> None:
    assert read(request(WEBHOOKS[name]), endpoint(authentication)) is None


def test_a_removed_object_of_minio_starts_nothing() -> None:
    event = minio("in/a.csv", name="s3:ObjectRemoved:Delete")
    assert delivered(request(event), endpoint(IAM)) == ()


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
    assert read(request(body), endpoint(NONE)) is None
    assert read(request(body), endpoint(IAM)) is None


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
        found = read(request(body), endpoint(authentication))
    except RequestRefused as refused:
        assert refused.remedy  # noqa: PT017
    else:
        # Without the token, and with no object of an input in it, nothing starts but the request.
        assert found is None or found.delivered == ()
