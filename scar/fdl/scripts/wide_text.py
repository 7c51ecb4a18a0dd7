"""Recognize text in UTF-16 and UTF-32, with a byte order mark and without."""

from __future__ import annotations

import codecs
import unicodedata

_SAMPLE = 512
# The longer mark first: UTF-32's little-endian mark begins with UTF-16's.
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_WITHOUT_MARK = ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE")
# Control characters that text has: BEL, BS, TAB, LF, VT, FF, CR, ESC.
_TEXT_CONTROL = frozenset("\a\b\t\n\v\f\r\x1b")
# Not assigned, private, half of a pair, other control characters.
_NOT_TEXT = frozenset({"Cn", "Co", "Cs", "Cc"})


def find_wide_encoding(content: bytes) -> str:
    """Return ``UTF-16``, ``UTF-32`` or one of their byte orders for such text, else empty text.

    Only the beginning is looked at: see ``decode_wide_text`` for the whole.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    sample, is_cut = content[:_SAMPLE], len(content) > _SAMPLE
    if b"\0" not in sample or content.startswith(b"#!") or _is_8_bit_text(sample):
        return ""
    # In the wrong byte order, blanks and letters may be other characters, but hardly ASCII.
    ascii_counts = {
        encoding: sum(map(str.isascii, decode_wide_text(sample, encoding, cut=is_cut)))
        for encoding in _WITHOUT_MARK
    }
    encoding = max(ascii_counts, key=ascii_counts.__getitem__)
    return encoding if ascii_counts[encoding] else ""


def decode_wide_text(content: bytes, encoding: str, *, cut: bool = False) -> str:
    """Return the text without its mark; empty if it is not text in this encoding throughout.

    ``cut``: the content may end within a character.
    """
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(content, final=not cut)
    except UnicodeDecodeError:
        return ""
    characters = set(text) - _TEXT_CONTROL
    return "" if any(unicodedata.category(c) in _NOT_TEXT for c in characters) else text


def conversion_command(encoding: str, file: str) -> str:
    """Return the shell command that converts a file, already quoted, to UTF-8 in its place."""
    return f"iconv -f {encoding} -t UTF-8 {file} > {file}.utf8 && mv {file}.utf8 {file}"


def _is_8_bit_text(sample: bytes) -> bool:
    """Return whether it is UTF-8 with a few NUL bytes.

    At least every fourth byte of wide text is NUL, unless most of it is not Latin: then it is not
    valid UTF-8 either.
    """
    if 4 * sample.count(0) >= len(sample):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True
