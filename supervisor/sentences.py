"""Join sentences of which some are foreign: messages of AWS, of stores, of the system."""

from __future__ import annotations

_ENDS = (".", "!", "?", "…", ":", ";")


def join_sentences(*texts: str) -> str:
    """Return the texts with blanks between them; one without a full stop before another gets it.

    What services say often ends without one, and would run into the remedy.
    """
    found = [text.strip() for text in texts if text.strip()]
    ended = [text if text.endswith(_ENDS) else f"{text}." for text in found[:-1]]
    return " ".join([*ended, *found[-1:]])
