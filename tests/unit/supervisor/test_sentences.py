"""Sentences of others, joined with ours."""

from __future__ import annotations

import pytest

from supervisor.sentences import join_sentences


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (("The bucket does not exist", "Create it."), "The bucket does not exist. Create it."),
        (("It ends.", "Do it"), "It ends. Do it"),
        (("Why?", "", " Because "), "Why? Because"),
        (("alone",), "alone"),
        ((), ""),
    ],
)
def test_a_sentence_before_another_ends(texts: tuple[str, ...], joined: str) -> None:
    assert join_sentences(*texts) == joined
