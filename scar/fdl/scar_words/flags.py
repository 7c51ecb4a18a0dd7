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


def _key_flag(short: str, long: str, key: str) -> Flag:
    """Return the flag for a key of ``functions.aws``, with the same outcome as the key."""
    location = tuple(key.split("."))
    word = WORDS[location]
    if word.in_model:
        word = not_used("container images cannot have Lambda layers" if short == "-l" else _OWN)
    return Flag(short=short, long=long, word=word, key=location)


_OWN = "the supervisor is part of scar"
_JSON = same("the JSON has other names")


def _flag(short: str, long: str, word: Word | None = None, *, has_value: bool = True) -> Flag:
    return Flag(short=short, long=long, word=word or same(), has_value=has_value)


_PROFILE = _flag("-pf", "--profile")
_OUTPUT = (
    _flag("-j", "--json", _JSON, has_value=False),
    _flag("-v", "--verbose", same("the same as -j"), has_value=False),
)
_FILE_OR_NAME = (_flag("-n", "--name"), _flag("-f", "--conf-file"))
_EXECUTION = (
    _flag("-a", "--asynchronous", has_value=False),
    _flag("-o", "--output-file"),
)
_STORAGE = (_flag("-b", "--bucket"), _flag("-p", "--path"))
_INIT = (
    *_FILE_OR_NAME,
    _key_flag("-i", "--image", "lambda.container.image"),
    _key_flag("-if", "--image-file", "lambda.container.image_file"),
    _key_flag("-s", "--init-script", "lambda.init_script"),
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
        *_FILE_OR_NAME,
        _flag("-s", "--run-script"),
        _flag(
            "-ib", "--input-bucket", same("without a question; files that are done are left out")
        ),
        *_EXECUTION,
        _PROFILE,
        *_OUTPUT,
    ),
    "invoke": (
        *_FILE_OR_NAME,
        _flag("-db", "--data-binary"),
        _flag("-jd", "--json-data"),
        _flag("-p", "--parameters"),
        *_EXECUTION,
        _PROFILE,
    ),
    "log": (
        *_FILE_OR_NAME,
        _flag("-ls", "--log-stream-name"),
        _flag("-ri", "--request-id"),
        _PROFILE,
    ),
    "ls": (_flag("-b", "--bucket"), _PROFILE, *_OUTPUT),
    "rm": (
        *_FILE_OR_NAME,
        _flag("-a", "--all", same("asks first; -y answers"), has_value=False),
        _PROFILE,
        *_OUTPUT,
    ),
    "put": (*_STORAGE, _PROFILE),
    "get": (*_STORAGE, _PROFILE),
    "update": (
        _flag("-a", "--all", refused("write `scar update -f FILE`"), has_value=False),
        _flag("-sl", "--supervisor-layer", not_used(_OWN), has_value=False),
    ),
}
"""For each command of SCAR, its options."""


def unused_flags(command: str) -> tuple[Flag, ...]:
    """Return the options of a command that are accepted and have no effect."""
    return tuple(flag for flag in FLAGS[command] if flag.word.treatment is Treatment.NOT_USED)
