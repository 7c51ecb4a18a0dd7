"""Filter patterns of plain terms: ``ERROR``, ``"two words"``, ``?a ?b``, ``-not``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scar.errors import OperationRefusedError

_TERM = re.compile(r'([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?:\s+|$)')


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterPattern:
    """A message fits with every ``required`` term, no ``excluded``, one of ``either`` if any."""

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
    """Read a pattern; raise Refused for JSON, field and regular-expression patterns."""
    text = text.strip()
    if text[:1] in ("{", "[", "%"):
        raise OperationRefusedError(
            f"The filter pattern {text!r} is of a kind that the local cloud does not emulate.",
            remedy='Use plain terms: ERROR, "two words", ?either ?or, -not.',
        )
    terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            raise OperationRefusedError(
                f"The filter pattern {text!r} is not valid.", remedy="Close the quotation marks."
            )
        sign, quoted, word = found.groups()
        terms[sign].append(word if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = found.end()
    return FilterPattern(
        required=tuple(terms[""]), any_of=tuple(terms["?"]), excluded=tuple(terms["-"])
    )
