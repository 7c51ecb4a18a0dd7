"""What the output of a failed script says about its error."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import OutOfMemory
from supervisor.execution.script_error import (
    TAIL_CHARACTERS,
    TAIL_LINES,
    find_error_line,
    output_lines,
    script_failure,
)
from supervisor.script_status import parse_script_status

R_OUTPUT = """Loading required package: sp
Error in read.table(file = file, header = header) :
  no lines available in input
Calls: main -> read.csv -> read.table
Execution halted
"""
JAVA_OUTPUT = """INFO start
Exception in thread "main" java.lang.IllegalStateException: no index
\tat org.example.Align.main(Align.java:12)
"""
CHAINED = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
tool.NoSample: sample 7 is missing
in the sheet
"""


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (R_OUTPUT, "Error: no lines available in input"),
        ("Error: object 'x' not found\nExecution halted\n", "Error: object 'x' not found"),
        (JAVA_OUTPUT, "java.lang.IllegalStateException: no index"),
        (CHAINED, "tool.NoSample: sample 7 is missing"),
        ("x\nTypeError: x is not a function\n    at a.js:1:1\n", "TypeError: x is not a function"),
        ("/tmp/scar-1/script: line 3: bwa: command not found\n", "script: bwa: command not found"),
        ("script: 3: bwa: not found\n", "script: bwa: not found"),
        ("fatal: not a git repository\n", "fatal: not a git repository"),
        ("ERROR: LoadError: no file\n", "ERROR: LoadError: no file"),
        ("panic: index out of range\n\ngoroutine 1\n", "panic: index out of range"),
        ("\x1b[31mValueError: red\x1b[0m\n", "ValueError: red"),
        (" 10%\r 90%\rValueError: after a bar\n", "ValueError: after a bar"),
        ("12 errors found: see the log\n", None),
        ("", None),
    ],
)
def test_the_error_of_a_language_is_recognized(output: str, found: str | None) -> None:
    line = find_error_line(output_lines(output.encode()))
    assert (None if line is None else str(line)) == found


def test_an_error_whose_message_is_one_long_line_is_recognized() -> None:
    output = CHAINED.replace("sample 7 is missing", "x" * 200_000)
    line = find_error_line(output_lines(output.encode()))
    assert str(line).startswith("tool.NoSample: xxx")
    error = script_failure(255, output.encode())
    assert error.problem.startswith("The script ended with status 255: tool.NoSample: xxx")
    assert len(json.dumps(error.record)) < 10_000


def test_real_programs_say_what_is_recognized() -> None:
    for argv, expected in (
        ([sys.executable, "-c", "int('x')"], "ValueError: invalid literal"),
        (["/bin/sh", "-c", "nothing-of-the-kind"], "sh: nothing-of-the-kind"),
    ):
        done = subprocess.run(argv, check=False, capture_output=True)
        found = find_error_line(output_lines(done.stdout + done.stderr))
        assert str(found).startswith(expected)


def test_the_problem_names_the_error_and_the_record_has_its_parts() -> None:
    error = script_failure(3, CHAINED.encode())
    assert error.problem == "The script ended with status 3: tool.NoSample: sample 7 is missing."
    assert error.record["type"] == "tool.NoSample"
    assert error.record["message"] == "sample 7 is missing"
    assert (error.record["status"], error.record["signal"]) == (3, "")
    assert error.record["tail"] == CHAINED.replace("\n\n", "\n").rstrip().split("\n")


@pytest.mark.parametrize(
    ("status", "output", "detail"),
    [
        (
            127,
            "scar: cannot start /bin/sh: No such file or directory. Is it in the image?\n",
            "cannot start /bin/sh: No such file or directory. Is it in the image?",
        ),
        (127, "/tmp/x/script: line 3: bwa: command not found\n", "bwa: command not found."),
        (127, "script: 3: bwa: not found\n", "bwa: not found."),
        (126, "script: 1: ./tool: Permission denied\n", "./tool: Permission denied."),
        (127, "ValueError: another error\n", "command not found."),
        (126, "bwa said no\n", "a command is not executable."),
    ],
)
def test_a_command_that_cannot_be_started_is_named(status: int, output: str, detail: str) -> None:
    error = script_failure(status, output.encode())
    assert error.problem == f"The script ended with status {status}: {detail}"


def test_a_signal_is_named_and_sigkill_means_memory() -> None:
    assert script_failure(139, b"").record["signal"] == "SIGSEGV"
    assert isinstance(script_failure(137, b""), OutOfMemory)


@pytest.mark.parametrize("status", range(1, 256))
def test_the_status_can_be_read_from_the_problem(status: int) -> None:
    assert parse_script_status(script_failure(status, b"ValueError: status 9\n").problem) == status
    assert parse_script_status(script_failure(status, b"", memory=512).problem) == status


def test_other_problems_have_no_status() -> None:
    assert parse_script_status("The disk is full.") is None


@given(st.binary(max_size=20_000), st.integers(1, 255))
def test_any_output_gives_a_small_record_of_printable_text(output: bytes, status: int) -> None:
    record = script_failure(status, output).record
    tail = record["tail"]
    assert isinstance(tail, list)
    assert len(tail) <= TAIL_LINES
    assert sum(map(len, tail)) <= TAIL_CHARACTERS
    assert len(json.dumps(record)) < 40_000
    assert not any(c in "\x1b\r\n\0" for line in tail for c in line)
