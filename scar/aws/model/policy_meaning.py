"""Compare IAM policies by meaning: AWS returns documents in another form than they were sent in.

The order of statements, lists and keys, lists of one element, ``Sid`` and ``Id``, the case of
actions, condition operators and condition keys, and the forms of an account as a principal make no
difference. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

_DEFAULT_VERSION = "2008-10-17"
_VARIABLE_VERSION = "2012-10-17"  # in the older version "${...}" is text
_ACCOUNT_ROOT = re.compile(r"arn:[^:]+:iam::(\d{12}):root")
# "ArnEquals and ArnLike behave identically", likewise their negations (IAM User Guide).
_SAME_OPERATORS = {"arnequals": "arnlike", "arnnotequals": "arnnotlike"}
_CASELESS_VALUES = ("bool", "null")


def same_policy(one: str, other: str) -> bool:
    """Return whether two JSON documents allow and deny the same; empty text is no policy."""
    return one == other or policy_meaning(one) == policy_meaning(other)


@lru_cache(maxsize=512)
def policy_meaning(text: str) -> Hashable:
    """Return a value that is equal for documents with the same meaning."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if not isinstance(document, dict):
        return _freeze(document)
    # The version matters only to variables.
    has_variables = "${" in _freeze(document)
    version = document.get("Version", _DEFAULT_VERSION) if has_variables else _VARIABLE_VERSION
    rest = {k: v for k, v in document.items() if k not in {"Version", "Id", "Statement"}}
    meanings = frozenset(map(statement_meaning, statements_of(document)))
    return (version, meanings, _freeze(rest))


def statements_of(document: Mapping[str, Any]) -> list[Any]:
    """Return a document's statements; one that is not in a list is a list of one."""
    statements = document.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def statement_meaning(statement: object) -> Hashable:
    """Return a value that is equal for statements with the same meaning."""
    if not isinstance(statement, dict):
        return _freeze(statement)
    return frozenset(
        (name, _ELEMENTS.get(name, _freeze)(value))
        for name, value in statement.items()
        # An empty condition restricts nothing.
        if name != "Sid" and not (name == "Condition" and not value)
    )


def _set_of_texts(value: object) -> Hashable:
    """Return a value, or the values of a list: strings, and numbers and booleans as strings."""
    return frozenset(map(_to_text, _to_list(value)))


def _to_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _actions(value: object) -> Hashable:
    return frozenset(_to_text(each).lower() for each in _to_list(value))


def _principal(value: object) -> Hashable:
    """Return pairs of type and name; ``"*"`` is everyone, as ``{"AWS": "*"}`` is."""
    by_type = value if isinstance(value, dict) else {"AWS": value}
    return frozenset(
        (kind, _account_id(_to_text(each)) if kind == "AWS" else _to_text(each))
        for kind, named in by_type.items()
        for each in _to_list(named)
    )


def _account_id(principal: str) -> str:
    root = _ACCOUNT_ROOT.fullmatch(principal)
    return root[1] if root else principal


def _condition(value: object) -> Hashable:
    """Return operator, key and values of each test; all of them must hold."""
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        return _freeze(value)
    return frozenset(
        _condition_test(operator, key, expected)
        for operator, keys in value.items()
        for key, expected in keys.items()
    )


def _condition_test(operator: str, key: str, expected: object) -> Hashable:
    lower = operator.lower()
    name = _SAME_OPERATORS.get(lower, lower)
    texts = [_to_text(each) for each in _to_list(expected)]
    if name.startswith(_CASELESS_VALUES):
        texts = [text.lower() for text in texts]
    return (name, key.lower(), frozenset(texts))


def _freeze(value: object) -> str:
    """Return any JSON value as a hashable one."""
    return json.dumps(value, sort_keys=True)


_ELEMENTS: Mapping[str, Callable[[object], Hashable]] = {
    "Action": _actions,
    "NotAction": _actions,
    "Resource": _set_of_texts,
    "NotResource": _set_of_texts,
    "Principal": _principal,
    "NotPrincipal": _principal,
    "Condition": _condition,
}
