"""The options of `scar invoke` that describe the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.cli.invocation.request_arguments import open_body, parse_parameters, read_json_text
from scar.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], {}),
        (["a=1"], {"a": "1"}),
        (["a=1=2", "b="], {"a": "1=2", "b": ""}),
        (['{"a": 1, "b": ["x", 2], "c": "y"}'], {"a": "1", "b": "x,2", "c": "y"}),
        (["a=1", "a=2", '{"a": 3}'], {"a": "1,2,3"}),
    ],
)
def test_parameters_are_pairs_or_json(texts: list[str], expected: dict[str, str]) -> None:
    assert parse_parameters(texts) == expected


@pytest.mark.parametrize("text", ["a", "=1", "[1]", "{", '"a"'])
def test_what_is_neither_a_pair_nor_an_object_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError):
        parse_parameters([text])


@pytest.mark.parametrize("text", ["novalue", "=1", "5", "a b"])
def test_the_form_of_a_parameter_is_named(text: str) -> None:
    with pytest.raises(click.UsageError, match="-p must be NAME=VALUE, or a JSON object"):
        parse_parameters([text])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nofile.json", "is not JSON, and there is no file of this name: 'nofile.json'"),
        ("x" * 5000, "is not JSON, and there is no file of this name: 'xxx"),
        ("a\0b", "there is no file of this name"),
        ("/", "is not JSON, and there is a folder: '/'"),
        ('{"a": ', "The value of -jd is not JSON: Expecting value"),
    ],
)
def test_json_that_is_no_file_either_is_refused_as_both(text: str, words: str) -> None:
    with pytest.raises(click.UsageError) as refused:
        read_json_text(text)
    assert words in refused.value.message


@given(st.text().filter(lambda name: "=" not in name and name[:1] not in '{["'), st.text())
def test_every_pair_is_a_parameter(name: str, value: str) -> None:
    if name and not name.isspace() and not name.lstrip().startswith(("{", "[", '"')):
        assert parse_parameters([f"{name}={value}"]) == {name: value}


def test_json_is_a_value_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text('{"a": 1}')
    assert read_json_text('{"b": 2}') == '{"b": 2}'
    assert read_json_text(str(file)) == '{"a": 1}'
    file.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is not JSON"):
        read_json_text(str(file))
    with pytest.raises(click.UsageError, match="-jd is not JSON"):
        read_json_text(str(tmp_path / "absent"))
    with pytest.raises(click.UsageError, match="-jd is not JSON"):
        read_json_text("x" * 5000)


def test_a_file_of_any_size_is_not_read_yet(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    body = open_body(file, None)
    assert body is not None
    assert (body.size, body.content) == (1 << 40, b"")
    with pytest.raises(UsageError, match="cannot be read"):
        open_body(tmp_path / "absent", None)


def test_a_json_file_may_be_larger_than_an_event(tmp_path: Path) -> None:
    file = tmp_path / "big.json"
    file.write_text(f'"{"x" * 7_000_000}"')
    assert len(read_json_text(str(file))) == 7_000_002
