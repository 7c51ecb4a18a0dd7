"""CloudWatch Logs' filter pattern syntax.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


def quoted_term(text: str) -> str:
    """Return the pattern that matches the messages with this text, whatever it contains.

    Without quotation marks ``?``, ``-``, ``{``, ``[`` and ``%`` have a meaning, and a space
    separates terms.
    """
    return f'"{text.translate(_ESCAPES)}"'
