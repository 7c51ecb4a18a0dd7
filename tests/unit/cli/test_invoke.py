"""``scar invoke``: the event that it sends."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from scar.cli.main import run
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from pathlib import Path


def test_invoke_sends_what_an_http_endpoint_would(tmp_path: Path) -> None:
    services = FakeServices({}, summaries=[function_summary()])
    (tmp_path / "d").write_bytes(b"\xff")
    assert run(["invoke", "-n", "gray", "-db", str(tmp_path / "d")], services) == 0
    assert run(["invoke", "-n", "gray", "-jd", '{"a": 1}', "-p", '{"k": ["1", 2]}'], services) == 0
    binary, text = services.invoked
    assert binary["isBase64Encoded"]
    assert base64.b64decode(str(binary["body"])) == b"\xff"
    assert text["body"] == '{"a": 1}'
    assert text["queryStringParameters"] == {"k": "1,2"}
