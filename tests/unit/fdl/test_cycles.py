"""Functions that start each other through folders, and cycles of them."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scar.fdl import cycles
from supervisor.model import OutputRule


def test_a_cycle_is_in_the_order_in_which_functions_start_each_other() -> None:
    starts = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert cycles.find_cycles_through(starts, starts) == (("a", "b", "c"),)


def test_a_chain_is_not_a_cycle() -> None:
    starts: dict[str, set[str]] = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert cycles.find_cycles_through(starts, starts) == ()


def test_a_function_that_starts_itself_is_a_cycle() -> None:
    assert cycles.find_cycles_through({"a": {"a"}}, "a") == (("a",),)


@pytest.mark.parametrize(
    ("output", "suffixes", "suffix", "starts"),
    [
        ("in/", (), "", True),
        ("in/deep/", (), ".jpg", True),
        ("in2/", (), "", False),
        ("", (), "", True),  # the script can write in/x
        ("", (".png",), ".jpg", False),
        ("", (), "//.jpg", False),  # no file has this name
        ("i/", (), "", False),
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
    starts["0"] = {order[1]}
    (found,) = cycles.find_cycles_through(starts, starts)
    assert found[0] == "a"
    assert all(other in starts[one] for one, other in pairwise((*found, "a")))


@pytest.mark.parametrize(
    ("output", "prefixes", "starts"),
    [
        ("", ("in/",), True),
        ("in/", ("a",), True),
        ("", ("out/", "in/a"), True),
        ("", ("in",), True),  # may be "in/x" as well as "in.txt"
        ("", ("i", "out/"), True),
        ("", ("in.",), False),
        ("", ("out/",), False),
    ],
)
def test_outputs_with_a_prefix_may_be_in_a_folder_below(
    output: str, prefixes: tuple[str, ...], *, starts: bool
) -> None:
    assert cycles.can_trigger(("b", output), (), ("b", "in/"), "", prefixes=prefixes) is starts


# A brute-force oracle: all names of a small world. Five characters are enough for a prefix and a
# suffix of at most two, with a character between them.
NAMES = [
    name
    for size in range(1, 6)
    for letters in product("ab/", repeat=size)
    if all((name := "".join(letters)).split("/"))
]
short_texts = st.text("ab/", max_size=2)


@given(
    st.sampled_from(["", "a/", "ab/", "b/a/"]),
    st.sets(short_texts, max_size=2),
    st.sets(short_texts, max_size=2),
    st.text("ab/", max_size=4),
    short_texts,
)
def test_an_output_can_trigger_if_and_only_if_a_key_matches_both_rules(
    folder: str, prefixes: set[str], suffixes: set[str], watched: str, suffix: str
) -> None:
    assume(len(watched) - len(folder) <= 2 or not watched.startswith(folder))
    rule = OutputRule(
        provider="s3", path=f"b/{folder}", prefix=tuple(prefixes), suffix=tuple(suffixes)
    )
    keys = [rule.target(name).key for name in NAMES if rule.accepts(name)]
    expected = any(key.startswith(watched) and key.endswith(suffix) for key in keys)
    found = cycles.can_trigger(("b", folder), suffixes, ("b", watched), suffix, prefixes)
    assert found is expected


graphs = st.dictionaries(
    st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"), max_size=3), max_size=6
)


def reachable(starts: dict[str, set[str]], first: str) -> set[str]:
    """Return the functions that one starts, directly or through others."""
    found: set[str] = set()
    waiting = [first]
    while waiting:
        new = starts.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


@given(graphs, st.sets(st.sampled_from("abcdef")))
def test_every_named_function_in_a_cycle_is_in_a_reported_cycle(
    starts: dict[str, set[str]], names: set[str]
) -> None:
    reported = cycles.find_cycles_through(starts, names)
    for cycle in reported:
        assert cycle[0] in names
        assert all(b in starts[a] for a, b in pairwise((*cycle, cycle[0])))
        assert len(set(cycle)) == len(cycle)
    in_cycles = {name for name in names if name in reachable(starts, name)}
    assert in_cycles <= {name for cycle in reported for name in cycle}
    assert bool(reported) is bool(in_cycles)


_paths = st.lists(st.sampled_from(["a", "b", "a/", "b/", "ab/"]), max_size=4).map("".join)


@given(st.lists(st.tuples(st.sampled_from(["x", "y"]), _paths), max_size=8), _paths, _paths)
def test_an_index_finds_every_folder_that_can_be_triggered(
    watched: list[tuple[str, str]], folder: str, prefix: str
) -> None:
    index = cycles.FolderIndex((one, number) for number, one in enumerate(watched))
    near = list(index.find_near(("x", folder)))
    assert len(near) == len(set(near))
    triggered = {
        number
        for number, one in enumerate(watched)
        if cycles.can_trigger(("x", folder), (), one, "", prefixes=(prefix,))
    }
    assert triggered <= set(near)
    assert set(near) == {
        number
        for number, (bucket, path) in enumerate(watched)
        if bucket == "x" and (path.startswith(folder) or folder.startswith(path))
    }
