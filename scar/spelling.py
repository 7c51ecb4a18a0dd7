"""Suggest the name that a misspelt word was meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_CANDIDATES = 5  # most similar names whose edits are counted
_PART_LENGTH = 3  # letters from which a part of a name suggests the name


def nearest_name(word: str, names: Iterable[str], similarity: float = 0.6) -> str:
    """Return the name that the word was probably meant to be; empty if there is none.

    It is as similar as ``similarity``, from 0 to 1 (difflib), and either a few edits away or a part
    of the other. Upper and lower case count as alike.
    """
    # Imported here: most commands run without an error.
    import difflib

    folded = word.casefold()
    by_folded = {name.casefold(): name for name in names}
    similar = difflib.get_close_matches(folded, by_folded, n=_CANDIDATES, cutoff=similarity)
    near = (by_folded[name] for name in similar if _is_misspelling(folded, name))
    return next(near, "")


def _is_misspelling(word: str, name: str) -> bool:
    """Return whether one is a part of the other, or the edits are few for the shorter one.

    Similarity alone does not suffice for short words: ``nope`` is 60 % of ``looper``.
    """
    shorter, longer = sorted((word, name), key=len)
    if len(shorter) >= _PART_LENGTH and shorter in longer:
        return True
    return count_edits(word, name) <= (1 if len(shorter) < 5 else max(2, len(shorter) // 4))


def count_edits(word: str, name: str) -> int:
    """Return how many letters to insert, delete, replace or swap with the next one.

    The distance of Damerau and Levenshtein, where no letter is edited twice.
    """
    before: list[int] = []
    row = list(range(len(name) + 1))
    for i, letter in enumerate(word, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(name, 1):
            edits = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and (letter, word[i - 2]) == (name[j - 2], other):
                edits = min(edits, last[j - 2] + 1)
            row.append(edits)
    return row[-1]


def suggest_name(word: str, names: Iterable[str], quote: str = "") -> str:
    """Return ``; did you mean NAME?`` for the nearest name, or an empty text.

    ``quote`` is written around the name.
    """
    nearest = nearest_name(word, names)
    return f"; did you mean {quote}{nearest}{quote}?" if nearest else ""
