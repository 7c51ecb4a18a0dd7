from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

from scar.local.http.messages import Request, Response
from scar.local.lambda_.model import SYNC_PAYLOAD
from scar.local.lambda_.runtime_api import RuntimeApiServer, RuntimeInvocation


def ask(api: RuntimeApiServer, method: str, path: str, body: bytes = b"") -> Response:
    return api.handle(
        Request(
            method=method,
            path=f"/2018-06-01/runtime{path}",
            query="",
            headers={},
            body=io.BytesIO(body),
        )
    )


def a_call(request_id: str = "r") -> RuntimeInvocation:
    return RuntimeInvocation(
        request_id=request_id,
        payload=b"{}",
        deadline_ms=1234,
        function_arn="arn",
        trace_id="Root=1",
    )


def take(api: RuntimeApiServer, request_id: str = "r") -> Response:
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(ask, api, "GET", "/invocation/next")
        assert api.wait_for_next(10)
        api.offer_invocation(a_call(request_id))
        return asked.result()


def test_next_waits_for_a_call_and_describes_it() -> None:
    response = take(RuntimeApiServer())
    assert response.body == b"{}"
    assert response.headers["lambda-runtime-aws-request-id"] == "r"
    assert response.headers["lambda-runtime-deadline-ms"] == "1234"
    assert response.headers["lambda-runtime-invoked-function-arn"] == "arn"
    assert response.headers["lambda-runtime-trace-id"].startswith("Root=1")


def test_an_answer_reaches_the_caller_once() -> None:
    api = RuntimeApiServer()
    take(api)
    assert ask(api, "POST", "/invocation/r/response", b"1").status == 202
    assert ask(api, "POST", "/invocation/r/response", b"2").status == 400
    answer, _ = api.wait_for_completion(0)
    assert answer is not None
    assert (answer.payload, answer.failure) == (b"1", None)


def test_an_invocation_is_complete_when_the_runtime_asks_for_the_next_one() -> None:
    api = RuntimeApiServer()
    take(api)
    ask(api, "POST", "/invocation/r/response", b"1")
    answer, asks = api.wait_for_completion(0)
    assert answer is not None
    assert not asks
    with ThreadPoolExecutor() as threads:
        threads.submit(ask, api, "GET", "/invocation/next")
        assert api.wait_for_completion(300) == (answer, True)
        api.mark_ended()


def test_a_runtime_may_ask_for_the_next_invocation_before_it_responds() -> None:
    api = RuntimeApiServer()
    take(api)
    with ThreadPoolExecutor() as threads:
        threads.submit(ask, api, "GET", "/invocation/next")
        assert api.wait_for_next(300)
        completion = threads.submit(api.wait_for_completion, 300)
        ask(api, "POST", "/invocation/r/response", b"1")
        answer, asks = completion.result(300)
        assert answer is not None
        assert asks
        api.mark_ended()


def test_a_late_answer_and_one_to_another_call_are_refused() -> None:
    api = RuntimeApiServer()
    take(api)
    assert ask(api, "POST", "/invocation/other/response", b"1").status == 400
    api.expire_invocation()
    assert ask(api, "POST", "/invocation/r/response", b"1").status == 400
    assert ask(api, "POST", "/invocation/r/error", b"1").status == 400
    assert api.wait_for_completion(0) == (None, False)


def test_an_answer_before_any_call_is_refused() -> None:
    assert ask(RuntimeApiServer(), "POST", "/invocation//response", b"1").status == 400


def test_an_answer_that_is_too_large_becomes_an_error() -> None:
    api = RuntimeApiServer()
    take(api)
    assert ask(api, "POST", "/invocation/r/response", b"x" * (SYNC_PAYLOAD + 1)).status == 413
    answer, _ = api.wait_for_completion(0)
    assert answer is not None
    assert answer.failure is not None
    assert answer.failure.error_type == "Function.ResponseSizeTooLarge"


def test_the_end_of_the_sandbox_ends_every_wait() -> None:
    api = RuntimeApiServer()
    threading.Timer(0.01, api.mark_ended).start()
    assert api.wait_for_completion(10) == (None, False)
    assert api.wait_for_next(10) is False
    assert ask(api, "GET", "/invocation/next").status == 410


def test_an_error_in_the_initialisation_ends_the_wait_for_readiness() -> None:
    api = RuntimeApiServer()
    assert ask(api, "POST", "/init/error", b'{"errorType":"Bad"}').status == 202
    assert api.wait_for_next(10) is False
    assert api.init_failure is not None
    assert api.init_failure.error_type == "Bad"


def test_what_is_not_in_the_runtime_api_is_not_found() -> None:
    assert ask(RuntimeApiServer(), "DELETE", "/invocation/next").status == 404
