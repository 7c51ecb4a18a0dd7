"""Which name a misspelt word suggests."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.spelling import count_edits, nearest_name, suggest_name

WORDS = st.text(string.ascii_lowercase, max_size=6)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("grey", "gray"),
        ("GREY", "gray"),
        ("pisc", "pics"),
        ("picks", "pics"),
        ("picss", "pics"),
        ("thumsb", "thumbs"),
        ("statsu", "status"),
        ("thumb", "thumbnails"),
        ("us-east", "us-east-1"),
        ("eu-wset-1", "eu-west-1"),
        ("incomming/", "incoming/"),
        ("execution_mdoe", "execution_mode"),
        ("timeout_seconds", "timeout"),
    ],
)
def test_a_misspelt_word_suggests_the_name(word: str, name: str) -> None:
    assert nearest_name(word, ["zzz", name]) == name
    assert suggest_name(word, [name], quote="`") == f"; did you mean `{name}`?"


@pytest.mark.parametrize(
    ("word", "name"),
    [("nope", "looper"), ("looper", "helper"), ("start", "status"), ("list", "ls"), ("a", "b")],
)
def test_another_word_suggests_nothing(word: str, name: str) -> None:
    assert nearest_name(word, [name]) == ""
    assert suggest_name(word, [name]) == ""


def test_a_similar_word_that_is_none_does_not_hide_the_next() -> None:
    assert nearest_name("noper", ["looper", "nopers"]) == "nopers"


@given(WORDS, WORDS)
def test_edits_are_symmetric_and_bounded(word: str, name: str) -> None:
    edits = count_edits(word, name)
    assert edits == count_edits(name, word)
    assert abs(len(word) - len(name)) <= edits <= max(len(word), len(name))
    assert (edits == 0) == (word == name)


@given(st.text(string.ascii_lowercase, min_size=4, max_size=30), st.data())
def test_a_swap_of_two_letters_suggests_the_name(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 2))
    word = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    assert count_edits(word, name) <= 1
    assert nearest_name(word, [name]) == name
