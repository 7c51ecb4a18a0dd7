"""A network's login page answers every request with status 200; nothing counts as done then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from tests.functional.cli.stub_endpoint import StubEndpoint, serve_stub

if TYPE_CHECKING:
    from pathlib import Path

PAGE = b"<html><body>Please log in to the network.</body></html>"


@pytest.mark.parametrize(
    "body",
    [PAGE, b"", b"<?xml version='1.0'?><ListBucketRes", b"{}"],
    ids=["html", "empty", "cut", "json"],
)
@pytest.mark.parametrize("command", ["put", "get", "ls"])
def test_what_another_server_answers_is_no_success(
    body: bytes,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr("scar.aws.client.connection.MAX_ATTEMPTS", 1)
    (tmp_path / "a.txt").write_text("a")
    with serve_stub(StubEndpoint(body=body, headers={"content-type": "text/html"})) as stub:
        where = ["--endpoint-url", stub.url, "-b", "photos/in"]
        paths = {"put": ["-p", str(tmp_path / "a.txt")], "get": ["-p", str(tmp_path / "to")]}
        assert run([command, *where, *paths.get(command, [])]) == 4
    out, err = capsys.readouterr()
    assert "not AWS's" in err
    assert "Uploaded" not in err
    assert out == ""
    assert not (tmp_path / "to").exists() or not list((tmp_path / "to").iterdir())
