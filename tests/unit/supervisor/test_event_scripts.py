"""Scripts in events: bytes with ``script_encoding``; without it what SCAR's clients send."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scar.runs.invoke import script_payload
from supervisor.errors import EventError
from supervisor.events import parser
from supervisor.invocation import DirectInvocation

LATIN_1 = b"#!/bin/sh\n# ann\xe9e: moyenne\necho latin1 ok.\n"
ARCHIVE = b"#!/bin/sh\ntail -n +4 $0 | tar xz\nexit\n" + bytes(range(256))
ELF = b"\x7fELF\x02\x01\x01" + bytes(9)


def parsed_script(event: object) -> bytes | None:
    (trigger,) = parser.parse_event(json.dumps(event).encode())
    assert isinstance(trigger, DirectInvocation)
    return trigger.script


@given(st.binary(), st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"))))
@example(LATIN_1, [])
@example(ARCHIVE, [])
@example(ELF, [])
@example(b"", [])
@example(b"\xff", [])
@example(b"\b\0\n", [])
@example(base64.b64encode(b"#!/bin/sh\n"), [])
def test_a_script_arrives_as_it_was_sent(script: bytes, arguments: list[str]) -> None:
    (trigger,) = parser.parse_event(json.dumps(script_payload(script, arguments)).encode())
    assert isinstance(trigger, DirectInvocation)
    assert trigger.script == script
    assert (trigger.arguments or ()) == tuple(arguments)


@given(st.binary())
@example(LATIN_1[9:])
@example(ARCHIVE[9:])
@example(b"\n\b\n")
def test_without_an_encoding_what_decodes_to_an_interpreter_line_is_a_script(rest: bytes) -> None:
    for start in (b"#!/bin/sh", b"\x7fELF"):
        text = base64.b64encode(start + rest).decode()
        assert parsed_script({"script": text}) == start + rest
        assert parsed_script({"script": f"{text[:8]}\n{text[8:]}"}) == start + rest


@pytest.mark.parametrize("text", ["date", "ls", "true", "#!/bin/sh\nls\n", "echo é", "uptime -p"])
def test_without_an_encoding_plain_text_is_the_script(text: str) -> None:
    assert parsed_script({"script": text}) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "date!",
        "YQ",
        "YQ=",
        "YQ==YQ==",
        "Y Q==",
        "YQ==\n",
        "#!/bin/sh\n",
        "é",
        "\ud800",
        "YQ\0==",
        "_-8=",
    ],
)
def test_with_an_encoding_damaged_base64_is_an_error(text: str) -> None:
    with pytest.raises(EventError, match="script is not base64") as raised:
        parsed_script({"script": text, "script_encoding": "base64"})
    assert "base64 -w0" in raised.value.remedy


@pytest.mark.parametrize("encoding", ["", "Base64", "base64 ", "utf-8", "hex", 64, [], {}, False])
def test_an_unknown_encoding_is_an_error(encoding: object) -> None:
    with pytest.raises(EventError, match="script_encoding is"):
        parsed_script({"script": "ZGF0ZQ==", "script_encoding": encoding})


@pytest.mark.parametrize("script", [5, True, [], {"a": 1}, 0, False])
def test_a_script_that_is_not_text_is_an_error(script: object) -> None:
    with pytest.raises(EventError, match="script is not a string"):
        parsed_script({"script": script, "script_encoding": "base64"})


def test_an_encoding_without_a_script_is_a_payload() -> None:
    (trigger,) = parser.parse_event(b'{"script_encoding": "base64"}')
    assert isinstance(trigger, DirectInvocation)
    assert trigger.script is None
    assert trigger.payload == b'{"script_encoding":"base64"}'
