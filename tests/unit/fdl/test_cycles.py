"""Functions that start each other through folders, and cycles of them."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from scar.fdl import cycles


def test_a_cycle_is_in_the_order_in_which_functions_start_each_other() -> None:
    starts = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert cycles.find_cycle(starts) == ("a", "b", "c")


def test_a_chain_is_not_a_cycle() -> None:
    assert cycles.find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ()


def test_a_function_that_starts_itself_is_a_cycle() -> None:
    assert cycles.find_cycle({"a": {"a"}}) == ("a",)


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
def test_only_outputs_in_the_folder_with_the_suffix_trigger(
    output: str, suffixes: tuple[str, ...], suffix: str, *, starts: bool
) -> None:
    assert cycles.can_trigger(("b", output), suffixes, ("b", "in/"), suffix) is starts
    assert not cycles.can_trigger(("c", output), suffixes, ("b", "in/"), suffix)


@pytest.mark.parametrize("order", list(permutations("abcd")))
def test_a_cycle_begins_with_its_first_name(order: tuple[str, ...]) -> None:
    starts = {one: {other} for one, other in zip(order, (*order[1:], order[0]), strict=True)}
    # A function that only starts a member of the cycle does not belong to it.
    found = cycles.find_cycle({**starts, "0": {order[1]}})
    assert found[0] == "a"
    assert all(other in starts[one] for one, other in pairwise((*found, "a")))
