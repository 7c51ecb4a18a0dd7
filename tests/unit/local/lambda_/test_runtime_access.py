"""Only the sandbox, which knows the token, reaches its Runtime API."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.http.bodies import BytesBody
from scar.local.http.messages import Request, Response
from scar.local.lambda_.runtime_access import SandboxOnlyApp

NEXT = "/2018-06-01/runtime/invocation/next"


class SeenPaths:
    def __init__(self) -> None:
        self.paths: list[str] = []

    def handle(self, request: Request) -> Response:
        self.paths.append(request.path)
        return Response(status=200)


def ask(
    guard: SandboxOnlyApp, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> int:
    sent = {"host": "127.0.0.1:4000"} if headers is None else headers
    request = Request(method=method, path=path, query="", headers=sent, body=BytesBody(b""))
    return guard.handle(request).status


def test_the_sandbox_reaches_the_runtime_api() -> None:
    app = SeenPaths()
    guard = SandboxOnlyApp(app)
    assert ask(guard, f"/{guard.token}{NEXT}") == 200
    assert app.paths == [NEXT]


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\0"), max_size=60))
def test_no_other_path_reaches_it(text: str) -> None:
    app = SeenPaths()
    guard = SandboxOnlyApp(app)
    token = guard.token
    for path in (
        NEXT,
        f"/{text}{NEXT}",
        f"/{token[:-1]}{NEXT}",
        f"/{token}x{NEXT}",
        f"//{token}{NEXT}",
        f"/{token.swapcase()}{NEXT}",
        f"/2018-06-01/{token}/runtime/invocation/next",
    ):
        assert ask(guard, path) == 404
    assert app.paths == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "evil.example"},
        {"host": "evil.example:4000"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost:4000"},
        {"host": "127.0.0.1:4000,evil.example"},
        {"host": "127.0.0.1:4000\n"},
        {"host": "127.0.0.1:4000", "origin": "http://127.0.0.1:4000"},
        {"host": "127.0.0.1:4000", "origin": "null"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_web_page_does_not_reach_it_even_with_the_token(
    headers: dict[str, str], method: str
) -> None:
    app = SeenPaths()
    guard = SandboxOnlyApp(app)
    assert ask(guard, f"/{guard.token}{NEXT}", headers, method) == 404
    assert app.paths == []


def test_the_token_cannot_be_guessed_and_differs() -> None:
    tokens = {SandboxOnlyApp(SeenPaths()).token for _ in range(50)}
    assert len(tokens) == 50
    assert {len(token) for token in tokens} == {43}  # 256 bits in base64
