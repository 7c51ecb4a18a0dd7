"""What a run did not upload, in one sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.runs.invoke import parse_response
from scar.runs.left_out import describe_headers, describe_outputs

UNMATCHED = {"reason": "unmatched", "count": 3, "examples": ["a.txt"], "expected": "suffix .csv"}
OUTSIDE = {"reason": "outside", "count": 1, "examples": ["latest"]}


@pytest.mark.parametrize(
    ("done", "is_direct", "text"),
    [
        ({"outputs": []}, False, "made nothing"),
        ({"outputs": []}, True, ""),
        ({}, False, ""),
        ({"outputs": [{"key": "x"}]}, False, ""),
        (
            {"outputs": [], "left_out": [UNMATCHED]},
            True,
            "made nothing: 3 files did not match suffix .csv (a.txt, …)",
        ),
        (
            {"outputs": [{"key": "x"}], "left_out": [OUTSIDE]},
            False,
            "not uploaded: 1 link that leaves the run's folders (latest)",
        ),
        (
            {"outputs": [{"key": "x"}], "left_out": [OUTSIDE | {"count": 2}, UNMATCHED]},
            False,
            (
                "not uploaded: 2 links that leave the run's folders (latest, …);"
                " 3 files did not match suffix .csv (a.txt, …)"
            ),
        ),
        (
            {"outputs": [1], "left_out": [{"reason": "special", "count": 2}]},
            False,
            "not uploaded: 2 entries that are no file (socket, FIFO or device)",
        ),
        (
            {"outputs": [1], "left_out": [{"reason": "loop", "count": 1}]},
            False,
            "not uploaded: 1 link that leads in a circle",
        ),
        (
            {"outputs": [1], "left_out": [{"reason": "dangling", "count": 1}]},
            False,
            "not uploaded: 1 link to a file that does not exist",
        ),
        (
            {"outputs": [1], "left_out": [{"reason": "new", "count": 1}]},
            False,
            "not uploaded: 1 file (new)",
        ),
    ],
)
def test_the_sentence_says_what_was_left_out(
    done: dict[str, Any],
    is_direct: bool,
    text: str,
) -> None:
    assert describe_outputs(done, is_direct=is_direct) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("reason", "count", "examples", "expected")), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(json_values, json_values)
def test_damaged_records_are_described_without_an_error(outputs: object, left_out: object) -> None:
    done = {"outputs": outputs, "left_out": left_out}
    assert isinstance(describe_outputs(done, is_direct=False), str)


@given(st.text(), st.text())
def test_damaged_headers_are_described_without_an_error(number: str, left_out: str) -> None:
    headers = {"x-scar-outputs": number, "x-scar-left-out": left_out}
    assert isinstance(describe_headers(headers, is_direct=False), str)


@pytest.mark.parametrize(("is_direct", "note"), [(True, ""), (False, "made nothing")])
def test_a_response_says_that_a_file_made_nothing(is_direct: bool, note: str) -> None:
    content = json.dumps({"body": "", "headers": {"x-scar-outputs": "0"}}).encode()
    assert parse_response(content, "r", is_direct=is_direct).note == note


def test_a_response_says_what_was_left_out() -> None:
    headers = {"x-scar-outputs": "2", "x-scar-left-out": json.dumps([OUTSIDE])}
    content = json.dumps({"body": "", "headers": headers}).encode()
    assert parse_response(content, "r").note == (
        "not uploaded: 1 link that leaves the run's folders (latest)"
    )


def test_the_response_of_an_earlier_release_has_no_note() -> None:
    assert parse_response(b'{"body": "", "headers": {}}', "r", is_direct=False).note == ""
