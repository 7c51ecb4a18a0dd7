"""Checks of scripts before they are deployed or run: what other systems' editors leave in them.

A script that Linux does not start by its ``#!`` line is run by ``/bin/sh``, and may then end in
success with nothing done. So files whose text is not what Linux reads are refused, with the command
that converts them. Valid are programs (ELF), text in any 8-bit encoding (Latin-1 comments), and
self-extracting archives: text followed by binary data, which is not looked at.
"""

from __future__ import annotations

import re
import shlex

# A larger script is a self-extracting archive; what follows is most likely its data.
MAX_CHECKED_BYTES = 16 << 20

# The longer mark first: UTF-32's little-endian mark begins with UTF-16's.
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
# ASCII characters in these encodings without a mark.
_WIDE_TEXT = (
    (rb"([\t\n\r -~]\0\0\0){2}", "UTF-32LE"),
    (rb"(\0\0\0[\t\n\r -~]){2}", "UTF-32BE"),
    (rb"([\t\n\r -~]\0){4}", "UTF-16LE"),
    (rb"(\0[\t\n\r -~]){4}", "UTF-16BE"),
)
_UTF8_MARK = b"\xef\xbb\xbf"
# What is not printable ASCII: blanks, line ends, a mark, a zero-width space.
_BEFORE_INTERPRETER = re.compile(rb"[^!-~]+(?=#!)")
# Control characters that text does not have; scripts have BEL, BS, TAB, LF, VT, FF, CR and ESC.
_CONTROL = bytes(set(range(0x20)) - {7, 8, 9, 10, 11, 12, 13, 27}) + b"\x7f"
# gzip, compress, bzip2, xz, Zstandard, LZ4, ZIP, 7z, ELF: what self-extracting archives carry.
_ARCHIVES = (
    b"\x1f\x8b", b"\x1f\x9d", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18",
    b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\x7fELF",
)  # fmt: skip
_HIGH = bytes(range(0x80, 0x100))
_SAMPLE = 512


def find_script_problem(content: bytes, path: str) -> str:
    """Return why Linux cannot run a script as it is meant, and what to do; empty if it can.

    ``content`` is the file's, or its first ``MAX_CHECKED_BYTES``. The text begins with the path.
    """
    file = shlex.quote(path)
    if content.startswith(b"\x7fELF"):
        return ""
    if encoding := find_wide_encoding(content):
        return (
            f"{path}: line 1: the script is {encoding} text, which Linux cannot run; convert it:"
            f" {conversion_command(encoding, file)}"
        )
    if before := _BEFORE_INTERPRETER.match(content[:_SAMPLE]):
        what = "a byte order mark (BOM)" if _UTF8_MARK in before.group() else "blanks or line ends"
        command = rf"LC_ALL=C sed -zi 's/^\(\xef\xbb\xbf\|[[:space:]]\)*//' {file}"
        return (
            f"{path}: line 1: {what} before `#!`, which must be the first two bytes: Linux would"
            f" run the script in another interpreter; remove them: {command}"
        )
    if content.startswith(_UTF8_MARK):
        return (
            f"{path}: line 1: a byte order mark (BOM), which is no part of a script; remove it:"
            f" LC_ALL=C sed -i '1s/^\\xef\\xbb\\xbf//' {file}"
        )
    if b"\r" in content or b"\0" in content:
        return _find_line_problem(content, path, file)
    return ""


def find_wide_encoding(content: bytes) -> str:
    """Return ``UTF-16``, ``UTF-32`` or one of their byte orders for such text, else empty text."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    for pattern, encoding in _WIDE_TEXT:
        if re.match(pattern, content):
            return encoding
    return ""


def conversion_command(encoding: str, file: str) -> str:
    """Return the shell command that converts a file, already quoted, to UTF-8 in its place."""
    return f"iconv -f {encoding} -t UTF-8 {file} > {file}.utf8 && mv {file}.utf8 {file}"


def _find_line_problem(content: bytes, path: str, file: str) -> str:
    """Find carriage returns and NUL in the text before the binary data of the script."""
    start = 0
    for number, line in enumerate(content.split(b"\n"), 1):
        if number > 1 and _begins_binary_data(line, content[start : start + _SAMPLE]):
            return ""
        place = f"{path}: line {number}:"
        if b"\0" in line:
            return _nul_problem(content[start:], number, path, file)
        if line.endswith(b"\r") and b"\r" not in line.rstrip(b"\r"):
            ends = "\\r\\r*$" if line.endswith(b"\r\r") else "\\r$"
            return (
                f"{place} Windows line endings (CR LF), which Linux cannot run; convert them:"
                f" sed -i 's/{ends}//' {file}"
            )
        if b"\r" in line:
            return (
                f"{place} a carriage return (CR) inside the line, as in files of old Macs; Linux"
                " ends lines with LF only. Convert them:"
                f" sed -i 's/\\r*$//;s/\\r/\\n/g' {file}; if a CR is meant, write it as \\r for"
                " printf"
            )
        start += len(line) + 1
    return ""


def _nul_problem(rest: bytes, number: int, path: str, file: str) -> str:
    for pattern, encoding in _WIDE_TEXT:
        if re.search(pattern, rest[:_SAMPLE]):
            return (
                f"{path}: line {number}: {encoding} text begins here, as PowerShell's >> appends it"
                " to other text; Linux cannot run it. Remove the NUL bytes if it is plain English:"
                f" sed -i 's/\\x00//g' {file}"
            )
    if number == 1:
        return (
            f"{path}: line 1: a NUL byte: the file is neither a script nor a Linux program (ELF);"
            " give the script that starts it"
        )
    return (
        f"{path}: line {number}: a NUL byte, which is no part of a script; remove it:"
        f" sed -i 's/\\x00//g' {file}"
    )


def _begins_binary_data(line: bytes, sample: bytes) -> bool:
    """Return whether binary data begins at a line: compressed data, or an archive.

    ``sample`` is the line with what follows. Compressed data consists of all bytes alike; archives
    have fields filled with NUL.
    """
    if line.startswith(_ARCHIVES):
        return True
    if not _is_odd(line):
        return False
    control = len(sample) - len(sample.translate(None, _CONTROL))
    high = len(sample) - len(sample.translate(None, _HIGH))
    return (control >= 4 and high >= control) or (
        b"\0\0\0\0" in sample and sample.strip(b"\0 \t\r\n") != b""
    )


def _is_odd(line: bytes) -> bool:
    """Return whether a line has control characters, or is not UTF-8."""
    if line.translate(None, _CONTROL) != line:
        return True
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False
