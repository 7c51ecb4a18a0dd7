"""Suggest the name that a misspelt word was meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest_name(word: str, names: Iterable[str], similarity: float = 0.6) -> str:
    """Return the name that is most like the word; empty if none is as like as ``similarity``.

    Similarity is from 0 to 1 (difflib). Upper and lower case count as alike.
    """
    # Imported here: most commands run without an error.
    import difflib

    by_folded = {name.casefold(): name for name in names}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=similarity)
    return by_folded[found[0]] if found else ""


def suggest_name(word: str, names: Iterable[str], quote: str = "") -> str:
    """Return ``; did you mean NAME?`` for the nearest name, or an empty text.

    ``quote`` is written around the name.
    """
    nearest = nearest_name(word, names)
    return f"; did you mean {quote}{nearest}{quote}?" if nearest else ""
