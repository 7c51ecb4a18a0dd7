"""Folders chain functions; a chain that comes back to its beginning never ends."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from scar.fdl import cycles as flows


def test_a_cycle_is_told_in_the_order_of_who_starts_whom() -> None:
    starts = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert flows.find_cycle(starts) == ("a", "b", "c")


def test_a_chain_is_no_cycle() -> None:
    assert flows.find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ()


def test_who_starts_itself_is_a_cycle() -> None:
    assert flows.find_cycle({"a": {"a"}}) == ("a",)


@pytest.mark.parametrize(
    ("output", "suffixes", "suffix", "starts"),
    [
        ("in/", (), "", True),
        ("in/deep/", (), ".jpg", True),
        ("in2/", (), "", False),
        ("", (), "", False),
        ("in/", (".png",), ".jpg", False),
        ("in/", (".png", ".jpg"), ".jpg", True),
        ("in/", ("g",), ".jpg", True),
    ],
)
def test_only_what_lands_in_the_folder_with_the_ending_starts(
    output: str, suffixes: tuple[str, ...], suffix: str, *, starts: bool
) -> None:
    assert flows.can_trigger(("b", output), suffixes, ("b", "in/"), suffix) is starts
    assert not flows.can_trigger(("c", output), suffixes, ("b", "in/"), suffix)


@pytest.mark.parametrize("order", list(permutations("abcd")))
def test_a_cycle_begins_with_its_first_name(order: tuple[str, ...]) -> None:
    starts = {one: {other} for one, other in zip(order, (*order[1:], order[0]), strict=True)}
    # Whoever leads into the circle is not of it, wherever that is.
    found = flows.find_cycle({**starts, "0": {order[1]}})
    assert found[0] == "a"
    assert all(other in starts[one] for one, other in pairwise((*found, "a")))
