"""Checks of scripts before they are deployed or run: what other systems' editors leave in them.

A script that Linux does not start by its ``#!`` line is run by ``/bin/sh``, and may then end in
success with nothing done. So files whose text is not what Linux reads are refused, with the command
that converts them. Valid are programs (ELF), text in any 8-bit encoding (Latin-1 comments), and
self-extracting archives: text followed by binary data, which is not looked at.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from dataclasses import dataclass

from scar.fdl.scripts.wide_text import conversion_command, decode_wide_text, find_wide_encoding

# A larger script is a self-extracting archive; what follows is most likely its data.
MAX_CHECKED_BYTES = 16 << 20
# A file may have several flaws: UTF-16, and in it a mark, blanks before `#!`, and CR LF.
_MAX_COMMANDS = 6

_UTF8_MARK = b"\xef\xbb\xbf"
# What is not printable ASCII, or not ASCII: blanks, line ends, marks, quotes of text processors.
_BEFORE_INTERPRETER = re.compile(rb"[^!-~]+(?=#!)")
_LEADING_MARKS = re.compile(rb"(?:\xef\xbb\xbf)+")
# Control characters that text does not have; scripts have BEL, BS, TAB, LF, VT, FF, CR and ESC.
_CONTROL = bytes(set(range(0x20)) - {7, 8, 9, 10, 11, 12, 13, 27}) + b"\x7f"
# gzip, compress, bzip2, xz, Zstandard, LZ4, ZIP, 7z, ELF: what self-extracting archives carry.
_ARCHIVES = (
    b"\x1f\x8b", b"\x1f\x9d", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18",
    b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\x7fELF",
)  # fmt: skip
_HIGH = bytes(range(0x80, 0x100))
_SAMPLE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flaw:
    """What is wrong, and the shell command that corrects it; ``corrected`` is the content then.

    Without a command, ``problem`` ends with what to do.
    """

    line: int = 1
    problem: str
    command: str = ""
    corrected: bytes = b""


def find_script_problem(content: bytes, path: str) -> str:
    """Return why Linux cannot run a script as it is meant, and what to do; empty if it can.

    ``content`` is the file's, or its first ``MAX_CHECKED_BYTES``. The text begins with the path and
    ends with the command, if there is one: after it the script passes this check, unless another
    flaw has no command.
    """
    file = shlex.quote(path)
    first = flaw = _find_flaw(content, file)
    commands: list[str] = []
    while flaw is not None and flaw.command and len(commands) < _MAX_COMMANDS:
        commands.append(flaw.command)
        flaw = _find_flaw(flaw.corrected, file)
    if first is None:
        return ""
    return f"{path}: line {first.line}: " + ": ".join(
        [first.problem, *([" && ".join(commands)] if commands else [])]
    )


def names_interpreter(content: bytes) -> bool:
    """Return whether a file begins with ``#!``, also after blanks or a byte order mark."""
    return re.match(rb"[^!-~]*#!", content[:_SAMPLE]) is not None


def _find_flaw(content: bytes, file: str) -> _Flaw | None:
    """Return the first flaw of a script; ``file`` is its path as a word of the shell."""
    if content.startswith(b"\x7fELF"):
        return None
    if before := _BEFORE_INTERPRETER.match(content[:_SAMPLE]):
        return _Flaw(
            problem=f"{_describe_bytes(before.group())} before `#!`, which must be the first two"
            " bytes: Linux would run the script in another interpreter; remove what precedes it",
            command=_removal_command(before.end(), file),
            corrected=content[before.end() :],
        )
    if encoding := find_wide_encoding(content):
        return _wide_text_flaw(content, encoding, file)
    if marks := _LEADING_MARKS.match(content):
        return _Flaw(
            problem="a byte order mark (BOM), which is no part of a script; remove it",
            command=_removal_command(marks.end(), file),
            corrected=content[marks.end() :],
        )
    return _find_line_flaw(content, file) if b"\r" in content or b"\0" in content else None


def _describe_bytes(data: bytes) -> str:
    """Name what precedes ``#!``, by the first character that is no blank."""
    if data.startswith(_UTF8_MARK):
        return "a byte order mark (BOM)"
    odd = data.strip()
    if not odd:
        return "blanks or line ends"
    if odd.startswith(b"\0"):
        return "a NUL byte"
    try:
        character = odd.decode()[0]
    except UnicodeDecodeError:
        return f"the byte {odd[0]:#04x}"
    name = unicodedata.name(character, "a control character")
    return f"the character U+{ord(character):04X} ({name})"


def _removal_command(count: int, file: str) -> str:
    return f"tail -c +{count + 1} {file} > {file}.new && mv {file}.new {file}"


def _wide_text_flaw(content: bytes, encoding: str, file: str) -> _Flaw:
    problem = f"the script is {encoding} text, which Linux cannot run; convert it"
    if text := decode_wide_text(content, encoding, cut=len(content) == MAX_CHECKED_BYTES):
        command = conversion_command(encoding, file)
        return _Flaw(problem=problem, command=command, corrected=text.encode())
    return _Flaw(
        problem=f"the script begins as {encoding} text, which Linux cannot run, and is not in that"
        " encoding throughout; save it again as UTF-8 without a byte order mark"
    )


def _find_line_flaw(content: bytes, file: str) -> _Flaw | None:
    """Find carriage returns and NUL in the text before the binary data of the script."""
    start = 0
    for number, line in enumerate(content.split(b"\n"), 1):
        if _is_odd(line) and (flaw := _find_appended_text(content, start, number, file)):
            return flaw
        if number > 1 and _begins_binary_data(line, content[start : start + _SAMPLE]):
            return None
        if b"\0" in line:
            return _nul_flaw(content, number, file)
        if b"\r" in line:
            return _carriage_return_flaw(content, line, number, file)
        start += len(line) + 1
    return None


def _carriage_return_flaw(content: bytes, line: bytes, number: int, file: str) -> _Flaw:
    text, data, address = _split_text(content)
    if b"\r" not in line.rstrip(b"\r"):
        ends = "\\r\\r*$" if any(each.endswith(b"\r\r") for each in text) else "\\r$"
        text = [each.rstrip(b"\r") for each in text]
        expression = f"{address}s/{ends}//"
        problem = "Windows line endings (CR LF), which Linux cannot run; convert them"
    else:
        text = [each.rstrip(b"\r").replace(b"\r", b"\n") for each in text]
        expression = f"{address}s/\\r*$//;{address}s/\\r/\\n/g"
        problem = (
            "a carriage return (CR) inside the line, as in files of old Macs; Linux ends lines with"
            " LF only. If a CR is meant, write it as \\r for printf; else convert them"
        )
    return _Flaw(
        line=number,
        problem=problem,
        command=f"LC_ALL=C sed -i '{expression}' {file}",
        corrected=b"\n".join([*text, *data]),
    )


def _split_text(content: bytes) -> tuple[list[bytes], list[bytes], str]:
    """Return the lines of text, those of the binary data after it, and sed's address of the text.

    The data of a self-extracting archive must stay as it is.
    """
    lines, start = content.split(b"\n"), 0
    for number, line in enumerate(lines):
        if number and _begins_binary_data(line, content[start : start + _SAMPLE]):
            return lines[:number], lines[number:], f"1,{number}"
        start += len(line) + 1
    return lines, [], ""


def _find_appended_text(content: bytes, start: int, number: int, file: str) -> _Flaw | None:
    """Return the flaw of a script that is UTF-16 or UTF-32 from a line on."""
    # The first character cannot be two letters of 8-bit text: these lines begin elsewhere.
    if b"\0" not in content[start : start + _SAMPLE] or re.match(
        rb"[!-~]{2}", content[start : start + 2]
    ):
        return None
    rest = content[start:]
    if not (encoding := find_wide_encoding(rest)):
        return None
    text = decode_wide_text(rest, encoding, cut=len(content) == MAX_CHECKED_BYTES)
    if not text or not start:
        return None
    return _Flaw(
        line=number,
        problem=f"{encoding} text begins here, as PowerShell's >> appends it to other text; Linux"
        " cannot run it. Convert it",
        command=f"{{ head -c {start} {file} && tail -c +{start + 1} {file} | iconv -f {encoding} -t"
        f" UTF-8; }} > {file}.utf8 && mv {file}.utf8 {file}",
        corrected=content[:start] + text.encode(),
    )


def _nul_flaw(content: bytes, number: int, file: str) -> _Flaw:
    text, data, address = _split_text(content)
    removed = b"\n".join(text).replace(b"\0", b"")
    if number == 1 and (_is_odd(removed) or not removed):
        return _Flaw(
            problem="a NUL byte: the file is neither a script nor a Linux program (ELF);"
            " give the script that starts it"
        )
    if not removed.isascii() and content.count(0) * 8 > len(content):
        return _Flaw(
            line=number,
            problem="NUL bytes: the file has text in UTF-16 between other text; save it again as"
            " UTF-8 without a byte order mark",
        )
    return _Flaw(
        line=number,
        problem="a NUL byte, which is no part of a script; remove it",
        command=f"LC_ALL=C sed -i '{address}s/\\x00//g' {file}",
        corrected=b"\n".join([removed, *data]),
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
