"""Filter patterns of plain terms: ``ERROR``, ``"two words"``, ``?a ?b``, ``-not``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scar.errors import OperationRefusedError

_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?:\s+|$)')


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterPattern:
    """Matches messages with all ``required``, one of ``any_of`` (if any), no ``excluded`` terms."""

    required: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def matches(self, message: str) -> bool:
        return (
            all(term in message for term in self.required)
            and not any(term in message for term in self.excluded)
            and (not self.any_of or any(term in message for term in self.any_of))
        )


def parse_filter_pattern(text: str) -> FilterPattern:
    """Parse a pattern.

    Raise OperationRefusedError for JSON, field and regular-expression patterns.
    """
    text = text.strip()
    if text[:1] in ("{", "[", "%"):
        raise OperationRefusedError(
            f"The local cloud does not emulate the filter pattern {text!r}: JSON, field and "
            "regular-expression patterns are not supported.",
            remedy='Use plain terms: ERROR, "two words", ?either ?or, -not.',
        )
    terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise OperationRefusedError(
                f"Invalid filter pattern {text!r}.", remedy="Close the quotation marks."
            )
        sign, quoted, word = match.groups()
        terms[sign].append(word if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = match.end()
    return FilterPattern(
        required=tuple(terms[""]), any_of=tuple(terms["?"]), excluded=tuple(terms["-"])
    )
