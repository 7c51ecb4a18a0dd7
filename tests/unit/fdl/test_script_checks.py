"""Scripts from other systems are refused with the command that converts them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scar.fdl.loader import load_document
from scar.fdl.problems import InvalidFdlError
from scar.fdl.scripts.script_checks import find_script_problem

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = "#!/bin/sh\n# comment\necho one\necho two\n"
PLAIN = SCRIPT.encode()


def bad(content: bytes) -> str:
    return find_script_problem(content, "s.sh")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"\xef\xbb\xbf" + PLAIN, 1, "byte order mark (BOM) before `#!`"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + PLAIN, 1, "byte order mark (BOM) before `#!`"),
        (b"\xef\xbb\xbf\r\n" + PLAIN, 1, "byte order mark (BOM) before `#!`"),
        (b"\xef\xbb\xbfecho one\n", 1, "byte order mark (BOM)"),
        *[(blank + PLAIN, 1, "before `#!`") for blank in (b" ", b"\t", b"\n", b"\r\n", b"\n\n \n")],
        (PLAIN.replace(b"\n", b"\r\n"), 1, "Windows line endings"),
        (PLAIN.replace(b"\n", b"\r\r\n"), 1, "Windows line endings"),
        (PLAIN.replace(b"one\n", b"one\r\n"), 3, "Windows line endings"),
        (PLAIN.replace(b"two\n", b"two\r\n"), 4, "Windows line endings"),
        (PLAIN[:-1] + b"\r", 4, "Windows line endings"),
        (b"echo one\r\n", 1, "Windows line endings"),
        (PLAIN.replace(b"\n", b"\r"), 1, "carriage return (CR) inside the line"),
        (PLAIN.replace(b"one\n", b"one\r"), 3, "carriage return (CR) inside the line"),
        (PLAIN.replace(b"one\n", b"one\recho\r\n"), 3, "carriage return (CR) inside the line"),
        *[
            (SCRIPT.encode(encoding), 1, f"{encoding.upper()} text")
            for encoding in ("utf-16", "utf-32", "utf-16le", "utf-16be", "utf-32le", "utf-32be")
        ],
        (b"\xfe\xff" + SCRIPT.encode("utf-16be"), 1, "UTF-16 text"),
        (b"\x00\x00\xfe\xff" + SCRIPT.encode("utf-32be"), 1, "UTF-32 text"),
        ("﻿#!/bin/sh\r\n# ä\r\n".encode("utf-16le"), 1, "UTF-16 text"),
        (PLAIN + "echo three\n".encode("utf-16le"), 5, "UTF-16LE text begins here"),
        (PLAIN.replace(b"one", b"o\0ne"), 3, "a NUL byte"),
        (PLAIN.replace(b"two\n", b"two\n\0"), 5, "a NUL byte"),
        (PLAIN + bytes(900), 5, "a NUL byte"),
        (b"#!/bin/sh\0\n", 1, "a NUL byte"),
        (b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(range(256)), 1, "neither a script nor"),
        (bytes(600), 1, "a NUL byte"),
    ],
)
def test_what_linux_cannot_run_is_refused_with_line_and_reason(
    content: bytes, line: int, words: str
) -> None:
    assert bad(content).startswith(f"s.sh: line {line}: ")
    assert words in bad(content)


def archive(kind: str) -> bytes:
    """Return an archive with text, zeros and bytes of all kinds."""
    data = PLAIN.replace(b"\n", b"\r\n") * 20 + bytes(300) + bytes(range(256)) * 4
    target = io.BytesIO()
    match kind:
        case "gzip":
            return gzip.compress(data)
        case "bzip2":
            return bz2.compress(data)
        case "xz":
            return lzma.compress(data)
        case "zlib":
            return zlib.compress(data)
        case "elf":
            return b"\x7fELF\2\1\1" + bytes(9) + data
        case "tar":
            with tarfile.open(fileobj=target, mode="w") as tar:
                member = tarfile.TarInfo("windows.txt")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        case method:
            stored = zipfile.ZIP_STORED if method == "zip-stored" else zipfile.ZIP_DEFLATED
            with zipfile.ZipFile(target, "w", stored) as file:
                file.writestr("windows.txt", data)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zlib", "tar", "zip-stored", "zip", "elf"])
def test_self_extracting_archives_are_valid(kind: str) -> None:
    head = b'#!/bin/sh\ntail -n +4 "$0" | cat\nexit 0\n'
    assert bad(head + archive(kind)) == ""
    assert bad(b"#!/usr/bin/env python3\n" + archive(kind)) == ""
    # The head is looked at.
    assert "Windows line endings" in bad(head.replace(b"\n", b"\r\n") + archive(kind))


def test_binary_data_may_begin_with_a_short_line_without_control_characters() -> None:
    assert bad(PLAIN + b"exit\n\x9c\xe9\r\xff\n" + bytes(range(1, 256))) == ""


@given(st.binary(), st.sampled_from([gzip.compress, bz2.compress, lzma.compress]))
def test_any_compressed_data_after_the_text_is_valid(
    data: bytes, compress: Callable[[bytes], bytes]
) -> None:
    assert bad(PLAIN + b"exit\n" + compress(data)) == ""


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        b"",
        b"echo without interpreter\n",
        b"#!/bin/sh",
        b"\x7fELF\2\1\1\0\r\n\0\0",
        "#!/bin/sh\n# Größe: naïve café €\n".encode(),
        "#!/bin/sh\n# Gr\xf6\xdfe: na\xefve caf\xe9\necho \xe4\xf6\xfc\n".encode("latin-1"),
        "#!/bin/sh\n# 日本語\n".encode("shift-jis"),
        b"#!/bin/sh\nprintf '\x1b[1m\x07\x08'; sed 's\x01a\x01b\x01'\n",
        b"#! /bin/sh\necho '#!'\n  #!/bin/bash\n",
        b"#!/usr/bin/env -S python3 -u\nprint(1)\n\x0c\n",
        b"#!/bin/sh\nprintf '\\r\\0'\n",
    ],
)
def test_scripts_that_linux_runs_are_valid(content: bytes) -> None:
    assert bad(content) == ""


@given(st.lists(st.binary(max_size=20).filter(lambda line: not set(line) & {0, 10, 13})))
def test_text_without_carriage_return_and_nul_is_valid(lines: list[bytes]) -> None:
    assert bad(b"#!/bin/sh\n" + b"\n".join(lines)) == ""


@given(
    st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126)), min_size=1),
    st.data(),
)
def test_a_carriage_return_in_any_line_of_text_is_found(
    lines: list[str], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number])))
    lines[number] = f"{lines[number][:at]}\r{lines[number][at:]}"
    assert bad(("#!/bin/sh\n" + "\n".join(lines)).encode()).startswith(f"s.sh: line {number + 2}: ")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + PLAIN,
        b"\xef\xbb\xbf\xef\xbb\xbf\n" + PLAIN,
        b"\n \t\n" + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b"\r\r\n"),
        PLAIN.replace(b"\n", b"\r"),
        PLAIN.replace(b"one\n", b"one\r"),
        SCRIPT.encode("utf-16"),
        SCRIPT.encode("utf-16be"),
        SCRIPT.encode("utf-32"),
        PLAIN.replace(b"one", b"o\0ne"),
        PLAIN.replace(b"echo two\n", "echo two\n".encode("utf-16le")),
    ],
)
def test_the_command_in_the_message_converts_the_script(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "my script's.sh"
    path.write_bytes(content)
    problem = find_script_problem(content, str(path))
    subprocess.run(["/bin/sh", "-c", problem.rpartition(": ")[2]], check=True)
    assert path.read_bytes().rstrip() == PLAIN.rstrip()
    assert list(tmp_path.iterdir()) == [path]
    assert bad(path.read_bytes()) == ""


def corrected(content: bytes) -> bytes:
    """Return the content after the one command in the message."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "it's.sh")
        path.write_bytes(content)
        problem = find_script_problem(content, str(path))
        subprocess.run(["/bin/sh", "-c", problem.rpartition(": ")[2]], check=True)
        return path.read_bytes()


ODD = (
    "\ufeff",
    "\xa0",
    "\u200b",
    "\u2028",
    "\u201c",
    "\x1b",
    "\0",
    "\x85",
    " ",
    "\n",
    "\r\n",
    "\t",
)
ODD_BYTES = (*(character.encode() for character in ODD), b"\xa0", b"\xff", b"\xff\xfe", b"\xe9")


@pytest.mark.parametrize("lead", ODD_BYTES)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_command_removes_everything_before_the_interpreter(lead: bytes, end: bytes) -> None:
    assert corrected(lead + PLAIN.replace(b"\n", end)).rstrip() == PLAIN.rstrip()


@settings(max_examples=40)
@given(st.lists(st.sampled_from(ODD_BYTES), min_size=1, max_size=6).map(b"".join))
def test_the_command_removes_any_bytes_before_the_interpreter(lead: bytes) -> None:
    assert corrected(lead + PLAIN) == PLAIN


def test_what_precedes_the_interpreter_is_named() -> None:
    assert "line 1: the character U+00A0 (NO-BREAK SPACE) before `#!`" in bad(
        "\xa0".encode() + PLAIN
    )
    assert "the character U+2028 (LINE SEPARATOR)" in bad(" \u2028".encode() + PLAIN)
    assert "the byte 0xa0 before" in bad(b"\xa0" + PLAIN)
    assert "a NUL byte before" in bad(b"\0" + PLAIN)
    assert "blanks or line ends before" in bad(b"\r\n " + PLAIN)


WIDE = ("utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be")
script_lines = st.lists(
    st.text(
        st.one_of(
            st.sampled_from("abc #日本語éÄ€Ā�的я"),
            st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="\u2123\u2321"),
        ),
        max_size=12,
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=120)
@given(
    st.sampled_from(["#!/bin/sh", "# éé", "日本語", "# コメント", "id", "echo ü", "", "あ"]),
    script_lines,
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(WIDE),
    st.sampled_from(["", "\ufeff"]),
)
def test_the_command_keeps_the_text_of_wide_encodings(
    head: str, lines: list[str], end: str, encoding: str, mark: str
) -> None:
    if "".join([head, *lines]).lstrip().startswith("#!") and not head.startswith("#!"):
        return
    text = "\n".join([head, *lines, ""])
    content = (mark + text.replace("\n", end)).encode(encoding)
    assert "UTF-" in bad(content)
    assert corrected(content) == text.encode()


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("text", ["id\n", "日本語\n", "é\n", "# éé…\necho\n", "a\n", "\n日本\n"])
def test_short_files_in_wide_encodings_are_recognized(text: str, encoding: str) -> None:
    assert corrected(text.encode(encoding)) == text.encode()


@pytest.mark.parametrize("encoding", ["utf-16le", "utf-16be", "utf-32le"])
@pytest.mark.parametrize("text", ["echo three\n", "# é\necho three\n", "日本語\r\necho\r\n" * 40])
def test_the_command_converts_appended_text(text: str, encoding: str) -> None:
    content = PLAIN + text.encode(encoding)
    assert "text begins here" in bad(content)
    assert corrected(content) == PLAIN + text.replace("\r\n", "\n").encode()


@pytest.mark.parametrize("encoding", ["utf-16le", "utf-16"])
def test_a_file_that_is_wide_at_its_beginning_only_gets_no_command(encoding: str) -> None:
    content = (SCRIPT * 20 + "日本語\n").encode(encoding) + b"echo three\n"
    assert "is not in that encoding throughout; save it again as UTF-8" in bad(content)
    assert "iconv" not in bad(content)


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zlib", "tar", "zip-stored", "zip"])
@pytest.mark.parametrize("end", [b"\r\n", b"\r\r\n"])
def test_the_command_leaves_the_data_of_archives_unchanged(kind: str, end: bytes) -> None:
    head, data = b'#!/bin/sh\ntail -n +4 "$0" | cat\nexit 0\n', archive(kind)
    assert corrected(head.replace(b"\n", end) + data) == head + data
    assert corrected(b"\xef\xbb\xbf" + head + data) == head + data
    # A NUL just before the data would count as their beginning.
    long = head.replace(b"exit", b"# comment\n" * 60 + b"exit")
    assert corrected(long.replace(b"cat", b"c\0at") + data) == long + data


@pytest.mark.parametrize("key", ["init_script", "run_script"])
def test_validate_names_the_script_and_its_line(tmp_path: Path, key: str) -> None:
    (tmp_path / "s.sh").write_bytes(PLAIN.replace(b"two\n", b"two\r\n"))
    path = tmp_path / "f.yaml"
    path.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: one\n      container: {image: ubuntu}\n"
        f"      {key}: s.sh\n"
    )
    with pytest.raises(InvalidFdlError) as caught:
        load_document(path)
    (problem,) = caught.value.problems
    assert (problem.position.line, problem.key) == (6, f"functions.aws[0].lambda.{key}")
    assert f"{tmp_path / 's.sh'}: line 4: Windows line endings" in problem.message
