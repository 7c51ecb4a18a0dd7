"""Other processes of the machine find the ports of Runtime APIs, and get nothing from them."""

from __future__ import annotations

import http.client
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scar.local.http.server import HttpServer
from scar.local.lambda_.runtime_access import SandboxOnlyApp
from scar.local.lambda_.runtime_api import RuntimeApiServer, RuntimeInvocation
from supervisor.runtime.lambda_loop import RuntimeApiClient, RuntimeApiError
from tests.functional.local.lambda_.fakes import a_cloud, a_function

if TYPE_CHECKING:
    from collections.abc import Iterator

NEXT = "/2018-06-01/runtime/invocation/next"


def listening_ports() -> list[int]:
    """Return the loopback ports on which this process listens, from /proc/net/tcp (proc(5))."""
    own = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            own.add(str(link.readlink()))
        except FileNotFoundError:
            continue
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [
        int(row[1].partition(":")[2], 16)
        for row in rows
        if row[3] == "0A" and row[1].startswith("0100007F") and f"socket:[{row[9]}]" in own
    ]


def ask(port: int, method: str, path: str, host: str) -> int:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        client.request(method, path, b"" if method == "POST" else None, {"host": host})
        return client.getresponse().status
    finally:
        client.close()


def test_a_process_without_the_token_takes_no_event_and_answers_none(tmp_path: Path) -> None:
    cloud = a_cloud(tmp_path, a_function())
    try:
        before = json.loads(cloud.service.invoke("f", b'{"n": 1}').payload)
        environment = json.loads(cloud.service.invoke("f", b'{"do": "environment"}').payload)
        host, _, token = environment["AWS_LAMBDA_RUNTIME_API"].partition("/")
        port = int(host.partition(":")[2])
        assert port in listening_ports()
        for name in ("evil.example", host):
            # A GET of the next event would wait for it, and take it.
            assert ask(port, "GET", NEXT, name) == 404
            assert ask(port, "POST", f"{NEXT[:-5]}/x/response", name) == 404
            assert ask(port, "POST", "/2018-06-01/runtime/init/error", name) == 404
        after = json.loads(cloud.service.invoke("f", b'{"n": 2}').payload)
        assert after == {"pid": before["pid"], "event": {"n": 2}}
        process = Path("/proc", str(before["pid"]))
        assert token.encode() not in (process / "cmdline").read_bytes()
        assert (process / "environ").stat().st_mode & 0o077 == 0
    finally:
        cloud.close()


@pytest.fixture
def runtime_api() -> Iterator[tuple[RuntimeApiServer, SandboxOnlyApp, int]]:
    api = RuntimeApiServer()
    guard = SandboxOnlyApp(api)
    server = HttpServer(guard)
    yield api, guard, server.start()
    api.mark_ended()
    server.close(grace=1)


def test_the_supervisor_uses_an_address_with_a_token(runtime_api: Any) -> None:  # noqa: ANN401
    api, guard, port = runtime_api
    client = RuntimeApiClient(f"127.0.0.1:{port}/{guard.token}")
    taken: list[bytes] = []
    thread = threading.Thread(target=lambda: taken.append(client.next_invocation().payload))
    thread.start()
    assert api.wait_for_next(300)
    api.offer_invocation(
        RuntimeInvocation(
            request_id="r", payload=b"{}", deadline_ms=1, function_arn="arn", trace_id=""
        )
    )
    thread.join(300)
    assert taken == [b"{}"]
    assert client.send_response("r", b"1") == 202
    client._disconnect()
    stranger = RuntimeApiClient(f"127.0.0.1:{port}")
    with pytest.raises(RuntimeApiError, match="404"):
        stranger.next_invocation()
    stranger._disconnect()
