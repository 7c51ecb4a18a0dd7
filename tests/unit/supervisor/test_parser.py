"""Every event in ``tests/events`` is parsed as in its ``.expected`` file; garbage is an error."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import EventError
from supervisor.events import parser
from supervisor.invocation import ObjectEvent, Trigger
from tests.fakes.supervisor_factory import notification

FIXTURES = Path(__file__).parents[2] / "events"
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
NAMES = st.sampled_from(
    [
        "Records",
        "s3",
        "eventSource",
        "body",
        "Sns",
        "Message",
        "script",
        "script_encoding",
        "cmd_args",
        "httpMethod",
        "object",
        "key",
        "bucket",
        "name",
        "source",
        "detail",
        "eventVersion",
        "requestContext",
    ]
)
NEARLY = st.recursive(
    st.sampled_from(["aws:s3", "aws:sqs", "aws:sns", "aws.s3", "2.1", "{}", "[]", 1, None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def shown(trigger: Trigger) -> dict[str, object]:
    if isinstance(trigger, ObjectEvent):
        return {
            "announced": str(trigger.source),
            "version_id": trigger.version.version_id,
            "etag": trigger.version.etag,
            "sequencer": trigger.sequencer,
            "time": trigger.time,
        }
    return {
        "direct": {
            "script": trigger.script.decode() if trigger.script is not None else None,
            "arguments": list(trigger.arguments) if trigger.arguments is not None else None,
            "payload": trigger.payload.decode() if trigger.payload is not None else None,
            "file_name": trigger.file_name,
            "parameters": dict(trigger.parameters),
            "api": trigger.is_api_request,
        }
    }


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_an_event_is_read_as_expected(path: Path) -> None:
    expected = json.loads(Path(f"{path}.expected").read_text())
    if isinstance(expected, dict):
        with pytest.raises(EventError) as caught:
            parser.parse_event(path.read_bytes())
        assert expected["error"] in caught.value.problem
        assert caught.value.remedy
    else:
        assert [shown(trigger) for trigger in parser.parse_event(path.read_bytes())] == expected


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b"nonsense", b"[" * 100_000])
def test_text_that_is_not_json_is_rejected(raw: bytes) -> None:
    with pytest.raises(EventError, match="not JSON"):
        parser.parse_event(raw)


@given(JSON | NEARLY)
def test_any_json_is_parsed_or_rejected_with_a_remedy(value: object) -> None:
    try:
        parser.parse_event(json.dumps(value).encode())
    except EventError as error:
        assert error.remedy  # noqa: PT017


@given(st.text(min_size=1).filter(lambda key: not key.endswith("/")))
def test_every_key_survives_the_encoding_of_s3(key: str) -> None:
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in key):
        return
    (trigger,) = parser.parse_event(json.dumps(notification(key)).encode())
    assert isinstance(trigger, ObjectEvent)
    assert trigger.source.key == key
    assert quote_plus(key, safe="/") in trigger.event


def test_each_record_is_an_event_of_its_own() -> None:
    raw = json.dumps(notification("in/a", "in/b")).encode()
    for trigger in parser.parse_event(raw):
        assert parser.parse_event(trigger.event.encode()) == (trigger,)
