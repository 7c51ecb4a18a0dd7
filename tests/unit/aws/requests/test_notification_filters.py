"""Notification filters have an encoding of their own: form encoding with S3's safe characters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.requests.notification_filters import decode_filter, encode_filter, is_encoded
from tests.key_texts import KEY_TEXT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my photos/año=2021+x/", "my+photos/a%C3%B1o%3D2021%2Bx/"),
        ("year=2024/", "year%3D2024/"),
        ("a%20b/", "a%2520b/"),
        ("100%/", "100%25/"),
        ("a~b@c,d:e/", "a%7Eb%40c%2Cd%3Ae/"),
        ("😀/", "%F0%9F%98%80/"),
        ("line\nend/", "line%0Aend/"),
        ("../", "../"),
        ("aZ09!-_.*'()/", "aZ09!-_.*'()/"),
        ("", ""),
    ],
)
def test_special_characters_are_percent_encoded_and_spaces_are_plus(text: str, value: str) -> None:
    assert encode_filter(text) == value
    assert decode_filter(value) == text


@pytest.mark.parametrize(
    ("value", "text", "encoded"),
    [
        ("my%20photos/", "my photos/", True),
        ("a%c3%b1o%3d1/", "año=1/", True),
        ("%61%2f%28", "a/(", True),
        ("year=2024/", "year=2024/", False),
        ("my photos/", "my photos/", False),
        ("año/", "año/", False),
        ("100%/", "100%/", False),
        ("50%2", "50%2", False),
        ("%ff+/", "%ff+/", False),
        ("a+b=c/", "a b=c/", False),
    ],
)
def test_spellings_of_other_tools_are_read(value: str, text: str, *, encoded: bool) -> None:
    assert decode_filter(value) == text
    assert is_encoded(value) is encoded


@given(KEY_TEXT)
def test_every_text_survives_and_is_sent_in_safe_characters(text: str) -> None:
    value = encode_filter(text)
    assert decode_filter(value) == text
    assert is_encoded(value)
    assert re.fullmatch(r"(?:[A-Za-z0-9!_.*'()/+-]|%[0-9A-F]{2})*", value)


@given(KEY_TEXT, KEY_TEXT)
def test_prefixes_stay_prefixes(one: str, other: str) -> None:
    """Encoded texts are nested exactly if the texts are: every encoded byte is one unit."""
    assert encode_filter(one + other).startswith(encode_filter(one))
    assert encode_filter(other).startswith(encode_filter(one)) == other.startswith(one)


@given(st.text())
def test_any_value_is_read(value: str) -> None:
    decoded = decode_filter(value)
    if is_encoded(value):
        assert decode_filter(encode_filter(decoded)) == decoded
