"""Inputs on stores other than the account's S3, in the tags by which commands list them.

Their servers send the events, so no notification of a bucket names them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote

from scar.aws.model import limits, names

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG_TEXT = "/:@+-_."
_SEPARATOR = " "
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True, order=True)
class OtherInput:
    """A folder, or a bucket, of a storage provider such as ``minio.lab``; ``suffix`` of keys."""

    provider: str
    path: str
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.provider}:{self.path}" + (f"/*{self.suffix}" if self.suffix else "")

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.path.partition("/")[0]

    def has(self, text: str) -> bool:
        """Return whether ``minio.lab:bucket/folder`` or ``bucket/folder`` is it or below it."""
        provider, colon, path = text.removeprefix("s3://").partition(":")
        if not colon:
            provider, path = self.provider, provider
        return provider == self.provider and f"{path.strip('/')}/".startswith(f"{self.path}/")

    def to_tag(self) -> str:
        """Return the value of its tag, with the end of the path left out if it is too long."""
        value, path, suffix = self._encode(self.path, self.suffix), self.path, self.suffix
        while not limits.TAG_VALUE.allows(len(value)):
            path, suffix = (path[:-1], suffix) if path else (path, suffix[1:])
            value = self._encode(path + _ELLIPSIS, suffix)
        return value

    def _encode(self, path: str, suffix: str) -> str:
        # Tags have neither % nor ~ nor *, so `=` marks encoded bytes.
        parts = [self.provider, path, *([suffix] if suffix else [])]
        encoded = (quote(part, safe=_TAG_TEXT).replace("~", "%7E") for part in parts)
        return _SEPARATOR.join(encoded).replace("%", "=")

    @classmethod
    def parse_tag(cls, value: str) -> Self | None:
        """Return the input of a tag's value; None if it is no such value."""
        parts = [unquote(part.replace("=", "%")) for part in value.split(_SEPARATOR)]
        return cls(*parts) if len(parts) in (2, 3) and all(parts) else None


def read_other_inputs(tags: Mapping[str, str]) -> tuple[OtherInput, ...]:
    """Return the inputs that a function's tags name, sorted."""
    values = (v for k, v in tags.items() if k.startswith(names.OTHER_INPUTS_TAG))
    return tuple(sorted(found for v in values if (found := OtherInput.parse_tag(v)) is not None))
