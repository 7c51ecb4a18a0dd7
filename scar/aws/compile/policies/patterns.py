"""Text of users in IAM policies, where ``*``, ``?`` and ``${…}`` have a meaning.

``${*}``, ``${?}`` and ``${$}`` are the characters themselves; they need policies of version
2012-10-17, as all of scar's are.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
"""

from __future__ import annotations

_IN_VALUES = str.maketrans({"$": "${$}"})
_IN_PATTERNS = str.maketrans({"*": "${*}", "?": "${?}", "$": "${$}"})


def literal_pattern(text: str) -> str:
    """Return the pattern that matches only this text: in ``Resource``, StringLike, ArnLike."""
    return text.translate(_IN_PATTERNS)


def literal_value(text: str) -> str:
    """Return the value that equals only this text in StringEquals, which has no wildcards."""
    return text.translate(_IN_VALUES)
