"""Suggest the name that a misspelt word was meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def suggest_name(word: str, names: Iterable[str], quote: str = "") -> str:
    """Return ``; did you mean NAME?`` for the name that is most like the word, or an empty text.

    Upper and lower case count as alike. ``quote`` is written around the name.
    """
    # Imported here: most commands run without an error.
    import difflib

    by_folded = {name.casefold(): name for name in names}
    nearest = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {quote}{by_folded[nearest[0]]}{quote}?" if nearest else ""
