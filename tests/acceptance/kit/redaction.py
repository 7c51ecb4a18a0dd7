"""Remove account ids, credentials and names of persons and machines from a report."""

from __future__ import annotations

import getpass
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PATTERNS = (
    (re.compile(r"(?:A3T[A-Z0-9]|AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{12,}"), "<id>"),
    (re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])"), "<account>"),
    (re.compile(r"(arn:[a-z0-9-]+:(?:iam|sts):[^:\s]*:[^:\s]*:)[^\s\"',)]+"), r"\1<principal>"),
    (re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "<address>"),
    (
        re.compile(
            r"(?i)((?:secret|session|security|token|password|signature|credential)"
            r"[a-z_-]*[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
        ),
        r"\1<secret>",
    ),
    (re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+=]{40,}(?![A-Za-z0-9/+=])"), "<secret>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "<ip>"),
)


def private_words() -> frozenset[str]:
    """Return the names of this user and machine, if they are long enough to be recognized."""
    words = {str(Path.home()), socket.gethostname()}
    try:
        words.add(getpass.getuser())
    except (KeyError, OSError):
        return frozenset(word for word in words if len(word) > 3)
    return frozenset(word for word in words - {"root"} if len(word) > 3 and word != "/root")


def redact(value: object, words: Iterable[str] = ()) -> object:
    """Return the JSON value with every text redacted, keys too; ``words`` are removed as well."""
    ordered = sorted(set(words) - {""}, key=len, reverse=True)
    return _redact(value, ordered)


def _redact(value: object, words: list[str]) -> object:
    if isinstance(value, str):
        for word in words:
            value = value.replace(word, "<private>")
        for pattern, replacement in _PATTERNS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {str(_redact(str(k), words)): _redact(v, words) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, words) for item in value]
    return value
