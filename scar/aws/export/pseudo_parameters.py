"""Placeholders for values that are known only when CloudFormation creates the stack.

Resources are compiled as for a deployment, with a mark in place of each such value. Marks contain
characters of Unicode's private use area, which do not occur in FDL files. In the template, text
with a mark becomes a ``Fn::Sub``, and a single mark a ``Ref``.
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
    """An account in an unknown partition, and therefore with an unknown DNS suffix."""

    __slots__ = ()

    @property
    def domain(self) -> str:
        return mark("URLSuffix")


def mark(name: str) -> str:
    """Return the mark for a pseudo parameter or for a parameter of the template."""
    return f"{_OPEN}{name}{_CLOSE}"


def find_marks(text: str) -> frozenset[str]:
    """Return the names of all parameters with a mark in the text."""
    return frozenset(_MARK.findall(text))


def account_with_marks(account_id: str, region: str) -> Account:
    """Return an account; an empty id or Region is replaced by a mark."""
    if region:
        return Account(account_id or mark("AccountId"), region, partition_of(region))
    return _PseudoAccount(account_id or mark("AccountId"), mark("Region"), mark("Partition"))


def render_value(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a value for the template, with each mark replaced by ``Fn::Sub`` or ``Ref``.

    Raise ValueError for a mark in a key: CloudFormation cannot substitute keys.
    """
    if isinstance(value, dict):
        return {_require_plain_key(key): render_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        # Parameters of subnets and security groups are lists themselves.
        if len(value) == 1 and isinstance(value[0], str) and (name := _parameter_of_mark(value[0])):
            return {"Ref": name}
        return [render_value(item) for item in value]
    return _render_text(value) if isinstance(value, str) else value


def _require_plain_key(key: str) -> str:
    if _MARK.search(key):
        raise ValueError(f"{key!r}: CloudFormation cannot substitute parameters in keys")
    return key


def _render_text(text: str) -> object:
    # JSON documents in text, such as policies, have the marks' characters escaped.
    text = text.replace(r"\ue000", _OPEN).replace(r"\ue001", _CLOSE)
    if not _MARK.search(text):
        return text
    if name := _parameter_of_mark(text):
        return {"Ref": name}
    # Fn::Sub writes "${!Literal}" as "${Literal}".
    literal = text.replace("${", "${!")
    return {"Fn::Sub": _MARK.sub(lambda match: f"${{{_parameter_name(match.group(1))}}}", literal)}


def _parameter_of_mark(text: str) -> str:
    match = _MARK.fullmatch(text)
    return _parameter_name(match.group(1)) if match else ""


def _parameter_name(name: str) -> str:
    return _PSEUDO.get(name, name)
