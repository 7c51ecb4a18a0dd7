"""Describe how a value of a resource differs from another one: only what differs, in one line.

Lists, pairs and JSON objects are shown as ``+ added``, ``- removed``, ``key=before -> after``; long
texts are shortened around their first difference, so that both sides never look the same.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields, is_dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_TEXT = 60
_CONTEXT = 12  # characters before the first difference of long texts


def describe_value_change(before: object, after: object) -> str:
    """Return the difference of two values: texts, numbers, dataclasses, and tuples of texts, of
    pairs and of tuples.
    """
    before, after = _fields_as_pairs(before), _fields_as_pairs(after)
    if isinstance(before, str) and isinstance(after, str):
        before, after = _members_of(before, after)
    if isinstance(before, tuple) and isinstance(after, tuple):
        parts = _describe_list_change(before, after)
        if _are_pairs(before) and _are_pairs(after):
            parts = _describe_pairs_change(dict(before), dict(after)) or parts
        return ", ".join(parts) or _describe_order(before, after)
    return " -> ".join(_shorten_both(_format_value(before), _format_value(after)))


def _fields_as_pairs(value: object) -> object:
    """Return the fields of a dataclass as pairs, other values unchanged."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return tuple((each.name, getattr(value, each.name)) for each in fields(value))


def _members_of(before: str, after: str) -> tuple[object, object]:
    """Return the members of two JSON objects as pairs, other texts unchanged."""
    try:
        documents = [json.loads(text) for text in (before, after)]
    except ValueError:
        return before, after
    if not all(isinstance(document, dict) for document in documents):
        return before, after
    old, new = (tuple(_flatten(document)) for document in documents)
    return (old, new) if old != new else (before, after)


def _flatten(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value if isinstance(value, str) else json.dumps(value)


def describe_changed_names(
    before: tuple[tuple[str, object], ...], after: tuple[tuple[str, object], ...]
) -> str:
    """Return the differing names of two tuples of pairs, without their values."""
    old, new = dict(before), dict(after)
    return ", ".join(_sign(k, old, new) + k for k in _differing_keys(old, new)) or "the order"


def _describe_pairs_change(old: dict[str, object], new: dict[str, object]) -> list[str]:
    parts = []
    for key in _differing_keys(old, new):
        if sign := _sign(key, old, new):
            value = new.get(key) if key in new else old.get(key)
            parts.append(f"{sign}{key}={_shorten(_format_value(value))}")
        else:
            was, is_now = _shorten_both(_format_value(old[key]), _format_value(new[key]))
            parts.append(f"{key}={was} -> {is_now}")
    return parts


def _differing_keys(old: dict[str, object], new: dict[str, object]) -> list[str]:
    missing = object()
    return [k for k in sorted({**old, **new}) if old.get(k, missing) != new.get(k, missing)]


def _sign(key: str, old: dict[str, object], new: dict[str, object]) -> str:
    return "+ " if key not in old else "- " if key not in new else ""


def _describe_list_change(before: tuple[object, ...], after: tuple[object, ...]) -> list[str]:
    """Return the items that only one list has, as often as it has them."""
    old, new = Counter(map(_format_value, before)), Counter(map(_format_value, after))
    removed, added = list((old - new).elements()), list((new - old).elements())
    if len(removed) == len(added) == 1:
        removed[0], added[0] = _shorten_both(removed[0], added[0])
    elif len({*map(_shorten, removed + added)}) == len({*removed, *added}):
        removed, added = [*map(_shorten, removed)], [*map(_shorten, added)]
    return [*(f"- {item}" for item in removed), *(f"+ {item}" for item in added)]


def _describe_order(before: tuple[object, ...], after: tuple[object, ...]) -> str:
    texts = (_format_value(items)[1:-1] for items in (before, after))
    return f"order: {' -> '.join(_shorten_both(*texts))}"


def _are_pairs(value: object) -> bool:
    """Return whether it is a tuple of pairs with names that occur once."""
    return (
        isinstance(value, tuple)
        and all(
            isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
            for item in value
        )
        and len({item[0] for item in value}) == len(value)
    )


def _format_value(value: object) -> str:
    if isinstance(value, str):
        return "\\n".join(value.splitlines())
    if not isinstance(value, tuple):
        return repr(value)
    if value and _are_pairs(value):
        return f"({', '.join(f'{key}={_format_value(item)}' for key, item in value)})"
    return f"({', '.join(map(_format_value, value))})"


def _shorten_both(one: str, two: str) -> tuple[str, str]:
    """Shorten two texts so that what is shown of them differs where they differ."""
    if max(len(one), len(two)) <= MAX_TEXT:
        return one, two
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))
    start = max(0, common - _CONTEXT)
    lead = "…" if start else ""
    return lead + _shorten(one[start:]), lead + _shorten(two[start:])


def _shorten(text: str) -> str:
    """Keep both ends: long values such as ARNs often differ at the end."""
    half = MAX_TEXT // 2
    return text if len(text) <= MAX_TEXT else f"{text[: half - 1]}…{text[-half:]}"
