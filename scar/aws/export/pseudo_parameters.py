"""Values that only CloudFormation will know, and how they stand in texts. Pure.

Resources are compiled as always, with marks in place of such values; marks are made of
characters that nobody writes. In the template each text with a mark becomes a ``Fn::Sub``.
"""

from __future__ import annotations

import re
from typing import Any

from scar.aws.model.account import Account, partition_of

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}([A-Za-z0-9]+){_CLOSE}")
_PSEUDO = {
    "AccountId": "AWS::AccountId",
    "Partition": "AWS::Partition",
    "Region": "AWS::Region",
    "URLSuffix": "AWS::URLSuffix",
}


class _PseudoAccount(Account):
    """An account in a partition that is not known: so is its DNS name."""

    __slots__ = ()

    @property
    def domain(self) -> str:
        return mark("URLSuffix")


def mark(name: str) -> str:
    """Stand for a pseudo parameter, or for a parameter of the template."""
    return f"{_OPEN}{name}{_CLOSE}"


def find_marks(text: str) -> frozenset[str]:
    """Return the names that a text has marks of."""
    return frozenset(_MARK.findall(text))


def account_with_marks(account_id: str, region: str) -> Account:
    """Return the account with marks for what is empty."""
    if region:
        return Account(account_id or mark("AccountId"), region, partition_of(region))
    return _PseudoAccount(account_id or mark("AccountId"), mark("Region"), mark("Partition"))


def render_value(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Write a value of a template: texts with marks as ``Fn::Sub``, a list that is one as a Ref."""
    if isinstance(value, dict):
        return {_require_plain_key(key): render_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if len(value) == 1 and isinstance(value[0], str) and (one := _parameter_of_mark(value[0])):
            return {"Ref": one}
        return [render_value(item) for item in value]
    return _render_text(value) if isinstance(value, str) else value


def _require_plain_key(key: str) -> str:
    if _MARK.search(key):
        raise ValueError(f"{key!r}: keys of a template cannot be filled in")
    return key


def _render_text(text: str) -> object:
    # JSON inside of a text has escaped the marks' characters.
    text = text.replace(r"\ue000", _OPEN).replace(r"\ue001", _CLOSE)
    if not _MARK.search(text):
        return text
    if one := _parameter_of_mark(text):
        return {"Ref": one}
    literal = text.replace("${", "${!")
    return {"Fn::Sub": _MARK.sub(lambda found: f"${{{_parameter_name(found.group(1))}}}", literal)}


def _parameter_of_mark(text: str) -> str:
    found = _MARK.fullmatch(text)
    return _parameter_name(found.group(1)) if found else ""


def _parameter_name(name: str) -> str:
    return _PSEUDO.get(name, name)
