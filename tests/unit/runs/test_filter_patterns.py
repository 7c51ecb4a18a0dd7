"""A quoted term matches the messages that contain it, and no others."""

from __future__ import annotations

from hypothesis import example, given

from scar.local.logs.filter_pattern import parse_filter_pattern
from scar.runs.filter_patterns import quoted_term
from tests.key_texts import KEY_TEXT


@given(KEY_TEXT, KEY_TEXT)
@example("%a%", "a")
@example('"', "\\")
@example("{ $.a = 1 }", "a")
@example("-a ?b", "c")
@example("a\nb", "a b")
def test_a_term_matches_the_messages_that_contain_it(text: str, other: str) -> None:
    pattern = parse_filter_pattern(quoted_term(text))
    assert pattern.matches(f"{other}{text}{other}")
    assert pattern.matches(other) == (text in other)
