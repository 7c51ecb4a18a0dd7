"""Secrets over HTTP: one request for each, kept for minutes, and never in an error."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.aws import secrets
from supervisor.aws.function_secrets import FunctionSecrets
from supervisor.aws.retry import Backoff
from supervisor.connections import ProviderConfig
from supervisor.errors import SecretError
from supervisor.logs import Log
from supervisor.model import ExecutionMode, FunctionConfig
from tests.functional.supervisor.scripted_server import Close, Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.functional.supervisor.scripted_server import ReceivedRequest

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
VALUE = "hunter2-never-shown"


def a_reader(
    url: str,
    references: Mapping[str, str],
    clock: Callable[[], float] = lambda: 1000.0,
    log: Log | None = None,
) -> secrets.SecretReader:
    environ = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    backoff = Backoff(max_attempts=3, sleep=lambda _: None)
    return secrets.connect(references, environ, backoff, clock=clock, log=log)


def secret(value: str, **more: object) -> Reply:
    return Reply(body=json.dumps({"ARN": ARN, "SecretString": value, **more}).encode())


def parameters(**values: str) -> Reply:
    found = [{"Name": f"/{name}", "Value": value} for name, value in values.items()]
    return Reply(body=json.dumps({"Parameters": found, "InvalidParameters": []}).encode())


def refusal(code: str, status: int = 400) -> Reply:
    body = json.dumps({"__type": code, "message": "no"}).encode()
    return Reply(status=status, body=body)


def sent(request: ReceivedRequest) -> tuple[str, object]:
    return request.headers["x-amz-target"], json.loads(request.body)


def test_secrets_and_parameters_are_read_with_one_request_each_or_ten() -> None:
    references = {"DB": ARN} | {f"P{n}": f"ssm:/p{n}" for n in range(11)}
    first = {f"p{n}": f"v{n}" for n in range(10)}
    with scripted(secret(VALUE), parameters(**first), parameters(p10="v10")) as server:
        found = a_reader(server.url, references).read()
        requests = [sent(request) for request in server.requests]
    assert found == {"DB": VALUE} | {f"P{n}": f"v{n}" for n in range(11)}
    assert requests == [
        ("secretsmanager.GetSecretValue", {"SecretId": ARN}),
        (
            "AmazonSSM.GetParameters",
            {"Names": [f"/p{n}" for n in range(10)], "WithDecryption": True},
        ),
        ("AmazonSSM.GetParameters", {"Names": ["/p10"], "WithDecryption": True}),
    ]


def test_a_value_is_kept_for_minutes_and_read_again_then() -> None:
    times = iter([0.0, 299.0, 301.0])
    now = [0.0]

    def clock() -> float:
        return now[0]

    with scripted(secret("old"), secret("new")) as server:
        reader = a_reader(server.url, {"DB": ARN}, clock)
        seen = []
        for time in times:
            now[0] = time
            seen.append(reader.read()["DB"])
        count = len(server.requests)
    assert seen == ["old", "old", "new"]
    assert count == 2


def test_one_secret_in_two_variables_is_read_once() -> None:
    with scripted(secret(VALUE)) as server:
        found = a_reader(server.url, {"ONE": ARN, "TWO": ARN}).read()
        count = len(server.requests)
    assert (found, count) == ({"ONE": VALUE, "TWO": VALUE}, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(json.dumps({"user": "ann", "port": 5}), "ann"), (json.dumps({"user": {"a": 1}}), '{"a": 1}')],
)
def test_a_key_of_a_secret_in_json_is_selected(text: str, expected: str) -> None:
    with scripted(secret(text)) as server:
        assert a_reader(server.url, {"U": f"{ARN}:user::"}).read() == {"U": expected}


@pytest.mark.parametrize(
    ("reply", "reference", "problem"),
    [
        (refusal("ResourceNotFoundException"), ARN, "The secret of the variable DB does not exist"),
        (refusal("AccessDeniedException"), ARN, "GetSecretValue failed for the variable DB"),
        (secret(VALUE), f"{ARN}:user::", "has no key user"),
        (secret(json.dumps([VALUE])), f"{ARN}:user::", "has no key user"),
        (Reply(body=json.dumps({"SecretBinary": VALUE}).encode()), ARN, "is binary"),
        (Reply(body=f'["{VALUE}"'.encode()), ARN, "is not a JSON object"),
        (secret(f"{VALUE}\0"), ARN, "has a NUL character"),
        (parameters(), "ssm:/p", "The parameter /p of the variable DB does not exist"),
        (None, "nonsense", "container.secrets.DB: 'nonsense' is no reference"),
    ],
)
def test_what_cannot_be_read_is_named_without_its_value(
    reply: Reply | None, reference: str, problem: str
) -> None:
    with (
        scripted(*([reply] if reply else [])) as server,
        pytest.raises(SecretError) as caught,
    ):
        a_reader(server.url, {"DB": reference}).read()
    error: BaseException | None = caught.value
    assert problem in str(error)
    assert caught.value.remedy
    while error is not None:
        assert VALUE not in f"{error} {error.args} {getattr(error, '__notes__', '')}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_throttled_requests_are_repeated_until_the_deadline_and_said_once() -> None:
    lines: list[bytes] = []
    throttled = [refusal("ThrottlingException") for _ in range(8)]
    with scripted(*throttled, parameters(p="v")) as server:
        reader = a_reader(server.url, {"P": "ssm:/p"}, log=Log(write=lines.append))
        assert reader.read(until=2000.0) == {"P": "v"}
        assert len(server.requests) == 9
    assert b"".join(lines).count(b"throttled; repeating") == 1


def test_after_the_deadline_a_throttled_request_is_the_run_s_failure() -> None:
    with (
        scripted(refusal("ThrottlingException")) as server,
        pytest.raises(SecretError, match="GetParameters failed"),
    ):
        a_reader(server.url, {"P": "ssm:/p"}).read(until=999.0)
    with scripted(Close(), Close(), Close()) as server, pytest.raises(SecretError):
        a_reader(server.url, {"P": "ssm:/p"}).read(until=2000.0)


def a_function(url: str, script: str, *, providers: tuple[str, ...]) -> FunctionSecrets:
    """Return the secrets of a function; each of its stores has two parameters."""
    stores = tuple(
        ProviderConfig(name=p, secrets={k: f"ssm:/{p}-{k}" for k in ("a", "webhook_token")})
        for p in providers
    )
    config = FunctionConfig(
        name="crop", mode=ExecutionMode.LAMBDA, state_bucket="s", secrets={"DB": script}
    )
    environ = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    return FunctionSecrets(replace(config, providers=stores), environ, Log("CRITICAL"))


def names_asked(requests: Iterable[ReceivedRequest]) -> list[list[str]]:
    return [json.loads(request.body)["Names"] for request in requests]


def test_all_parameters_of_a_function_are_read_in_one_request() -> None:
    values = {"db": "1", "m.x-a": "2", "m.x-webhook_token": "3", "w.y-a": "4"}
    with scripted(parameters(**values, **{"w.y-webhook_token": "5"})) as server:
        found = a_function(server.url, "ssm:/db", providers=("m.x", "w.y"))
        assert found.store_reader("w.y")() == {"a": "4", "webhook_token": "5"}
        assert found.store_reader("m.x")() == {"a": "2", "webhook_token": "3"}
        assert found.read_webhook_token("m.x", None) == "3"
        assert found.read_for_script(None) == {"DB": "1"}
        (asked,) = names_asked(server.requests)
    assert sorted(asked) == sorted([f"/{name}" for name in values] + ["/w.y-webhook_token"])


def test_dozens_of_parameters_need_a_request_for_ten() -> None:
    providers = tuple(f"m.x{n}" for n in range(15))
    values = {f"{p}-{k}": p for p in providers for k in ("a", "webhook_token")}
    with scripted(*[parameters(db="1", **values)] * 4) as server:
        found = a_function(server.url, "ssm:/db", providers=providers)
        for provider in providers:
            assert set(found.store_reader(provider)().values()) == {provider}
        found.read_for_script(None)
        asked = names_asked(server.requests)
    assert len(asked) == 4
    read = sorted(name for names in asked for name in names)
    assert read == sorted(f"/{name}" for name in [*values, "db"])


def test_another_store_s_missing_parameter_is_not_an_error_of_this_one() -> None:
    with scripted(parameters(**{"m.x-a": "2", "m.x-webhook_token": "3"}), parameters()) as server:
        found = a_function(server.url, "ssm:/db", providers=("m.x",))
        assert found.store_reader("m.x")() == {"a": "2", "webhook_token": "3"}
        with pytest.raises(SecretError, match="The parameter /db of the variable DB"):
            found.read_for_script(None)
        assert names_asked(server.requests)[1] == ["/db"]


def test_a_request_that_is_refused_for_the_others_is_sent_without_them() -> None:
    own = {"m.x-a": "2", "m.x-webhook_token": "3"}
    with scripted(refusal("AccessDeniedException"), parameters(**own)) as server:
        found = a_function(server.url, "ssm:/db", providers=("m.x",))
        assert found.store_reader("m.x")() == {"a": "2", "webhook_token": "3"}
        asked = names_asked(server.requests)
    assert asked == [["/m.x-a", "/m.x-webhook_token", "/db"], ["/m.x-a", "/m.x-webhook_token"]]
