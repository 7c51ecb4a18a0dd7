"""The options of SCAR's commands, and what becomes of each.

Source: SCAR 4.3's command line. The options of a function that ``init`` has, ``plan``, ``show`` and
``image compose`` have here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.fdl.scar_words.table import WORDS
from scar.fdl.scar_words.word import Treatment, Word, not_used, refused, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.fdl.problems import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An option of a command: its names, what becomes of it, and the key with the same effect."""

    short: str
    long: str
    word: Word
    key: Location = ()
    has_value: bool = True


def _key_flag(short: str, long: str, key: str, difference: str = "") -> Flag:
    """Return the flag for a key of ``functions.aws``, with the same outcome as the key.

    ``difference`` is that of the option alone.
    """
    location = tuple(key.split("."))
    word = WORDS[location]
    if difference:
        word = same("; ".join(text for text in (difference, word.text) if text))
    if word.in_model:
        word = not_used("container images cannot have Lambda layers" if short == "-l" else _OWN)
    return Flag(short=short, long=long, word=word, key=location)


_OWN = "the supervisor is part of scar"
_JSON = same("the JSON has other names")


def _flag(short: str, long: str, word: Word | str | None = None, *, has_value: bool = True) -> Flag:
    """Return the flag; a text is the difference of one with the same meaning."""
    word = same(word or "") if isinstance(word, str | None) else word
    return Flag(short=short, long=long, word=word, has_value=has_value)


_PROFILE = _flag("-pf", "--profile")
_OUTPUT = (
    _flag("-j", "--json", _JSON, has_value=False),
    _flag("-v", "--verbose", same("the same as -j"), has_value=False),
)
_MENU = "SCAR asked with a menu"
_CURRENT_FOLDER = "relative to the current folder; SCAR's, with -f, to the file's folder"
_INIT = (
    _flag("-n", "--name"),
    _flag("-f", "--conf-file", "also updates functions that exist; SCAR refused these"),
    _key_flag("-i", "--image", "lambda.container.image"),
    _key_flag("-if", "--image-file", "lambda.container.image_file"),
    _key_flag("-s", "--init-script", "lambda.init_script", _CURRENT_FOLDER),
    _key_flag("-d", "--description", "lambda.description"),
    _key_flag("-e", "--environment", "lambda.container.environment"),
    _key_flag("-le", "--lambda-environment", "lambda.environment"),
    _key_flag("-m", "--memory", "lambda.memory"),
    _key_flag("-t", "--timeout", "lambda.timeout"),
    _key_flag("-tt", "--timeout-threshold", "lambda.container.timeout_threshold"),
    _key_flag("-ll", "--log-level", "lambda.log_level"),
    _key_flag("-em", "--execution-mode", "lambda.execution_mode"),
    _key_flag("-ib", "--input-bucket", "lambda.input"),
    _key_flag("-ob", "--output-bucket", "lambda.output"),
    _key_flag("-ep", "--extra-payload", "lambda.extra_payload"),
    _key_flag("-r", "--iam-role", "iam.role"),
    _key_flag("-bm", "--batch-memory", "batch.memory"),
    _key_flag("-bc", "--batch-vcpus", "batch.vcpus"),
    Flag(
        short="-g",
        long="--enable-gpu",
        word=WORDS["batch", "enable_gpu"],
        key=("batch", "enable_gpu"),
        has_value=False,
    ),
    _key_flag("-api", "--api-gateway-name", "api_gateway.name"),
    _key_flag("-l", "--layers", "lambda.layers"),
    _key_flag("-sv", "--supervisor-version", "lambda.supervisor.version"),
    _key_flag("-rt", "--runtime", "lambda.runtime"),
    _key_flag("-db", "--deployment-bucket", "lambda.deployment"),
    Flag(
        short="-ph",
        long="--preheat",
        word=WORDS["lambda", "preheat"],
        key=("lambda", "preheat"),
        has_value=False,
    ),
    _PROFILE,
    *_OUTPUT,
)
FLAGS: Mapping[str, tuple[Flag, ...]] = {
    "init": _INIT,
    "run": (
        _flag(
            "-n",
            "--name",
            "with input folders, a run for each of their files; SCAR made one call without a file",
        ),
        _flag(
            "-f",
            "--conf-file",
            "creates a function that does not exist; a file with several functions needs -n,"
            f" where {_MENU}",
        ),
        _flag(
            "-s",
            "--run-script",
            f"{_CURRENT_FOLDER}. Arguments are those of the script; SCAR sent them instead of it",
        ),
        _flag("-ib", "--input-bucket", "without a question; files that are done are left out"),
        _flag(
            "-a", "--asynchronous", "waits for no file; SCAR waited for the first", has_value=False
        ),
        _flag("-o", "--output-file"),
        _PROFILE,
        *_OUTPUT,
    ),
    "invoke": (
        _flag("-n", "--name", "also a function without an HTTP endpoint; SCAR refused these"),
        _flag("-f", "--conf-file", f"of one function, else use -n; {_MENU}"),
        _flag("-db", "--data-binary"),
        _flag(
            "-jd",
            "--json-data",
            "also a file; the body is the JSON itself, SCAR sent its members as a form",
        ),
        _flag("-p", "--parameters", "also NAME=VALUE"),
        _flag("-a", "--asynchronous", has_value=False),
        _flag("-o", "--output-file"),
        _PROFILE,
    ),
    "log": (
        _flag("-n", "--name", "also lines of Batch jobs; SCAR had these only with -ri"),
        _flag("-f", "--conf-file", f"all functions of the file; {_MENU}"),
        _flag("-ls", "--log-stream-name"),
        _flag(
            "-ri",
            "--request-id",
            "the whole id of a Lambda request, a run or a Batch job; SCAR took a part of the first",
        ),
        _PROFILE,
    ),
    "ls": (
        _flag(
            "-b",
            "--bucket",
            "size, date and key of the folder's objects; SCAR wrote the keys alone, and those of"
            " `input` for the folder `in` too",
        ),
        _PROFILE,
        *_OUTPUT,
    ),
    "rm": (
        _flag("-n", "--name", "may be repeated; asks on a terminal, SCAR did not"),
        _flag(
            "-f",
            "--conf-file",
            "asks on a terminal; buckets of the file are removed if they are empty, SCAR kept them",
        ),
        _flag(
            "-a",
            "--all",
            "all functions of the account in the Region; SCAR removed only those of the user who"
            " called it. Asks first; -y answers",
            has_value=False,
        ),
        _PROFILE,
        *_OUTPUT,
    ),
    "put": (
        _flag("-b", "--bucket", "creates neither bucket nor folder; SCAR did"),
        _flag(
            "-p", "--path", "keeps sub-folders; SCAR uploaded all files directly into the folder"
        ),
        _PROFILE,
    ),
    "get": (
        _flag(
            "-b",
            "--bucket",
            "a bucket, folder or object; SCAR took the folder `input` for `in` too",
        ),
        _flag(
            "-p",
            "--path",
            "`-b B/in -p DIR` writes `DIR/a.jpg`; SCAR wrote the whole key, `DIR/in/a.jpg`."
            " For one object also the file's name",
        ),
        _PROFILE,
    ),
    "update": (
        _flag("-a", "--all", refused("write `scar update -f FILE`"), has_value=False),
        _flag("-sl", "--supervisor-layer", not_used(_OWN), has_value=False),
    ),
}
"""For each command of SCAR, its options."""


def unused_flags(command: str) -> tuple[Flag, ...]:
    """Return the options of a command that are accepted and have no effect."""
    return tuple(flag for flag in FLAGS[command] if flag.word.treatment is Treatment.NOT_USED)
