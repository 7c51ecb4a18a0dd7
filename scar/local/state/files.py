"""The databases of the state folder: what each contains, and what remains without it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

LOST_SUFFIX = ".lost"


class StateFileError(ConfigurationError):
    """A file of the state folder is missing, damaged, or not of this release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFile:
    """One database; ``name`` is its path below the data folder.

    ``contents`` completes "It contains …", ``lost`` "Without it … are lost", and ``kept`` names
    what such a start does not change.
    """

    name: str
    contents: str
    lost: str
    kept: str


S3_INDEX = StateFile(
    name="s3/meta.db",
    contents="the index of all buckets and objects, and the bodies of small objects",
    lost="all buckets and objects",
    kept="Functions, jobs and logs are kept; bodies of objects above 64 KiB are moved to the"
    " folder s3/lost and kept there for 7 days, under names that say nothing of their keys",
)
EVENT_QUEUE = StateFile(
    name="lambda.sqlite",
    contents="the events that wait for Lambda functions",
    lost="events that were not processed",
    kept="Buckets, functions, jobs and logs are kept",
)
CHANGE_JOURNAL = StateFile(
    name="moto/journal.sqlite",
    contents="the configuration: functions, roles, repositories, job queues, log groups",
    lost="all functions, roles, repositories and job queues, until `scar init` creates them again",
    kept="Buckets, objects, pushed images, jobs and log events are kept",
)
LOG_EVENTS = StateFile(
    name="logs/logs.sqlite",
    contents="the log events",
    lost="all log events",
    kept="Everything else is kept",
)
JOBS = StateFile(
    name="batch/jobs.sqlite",
    contents="the jobs of AWS Batch",
    lost="all jobs, also those that wait",
    kept="Buckets, functions, queues and logs are kept",
)
MESSAGES = StateFile(
    name="sqs.sqlite",
    contents="the messages of SQS queues, and the event source mappings of functions",
    lost="all messages, and the event source mappings until `scar init` creates them again",
    kept="Buckets, functions, jobs and logs are kept",
)
STATE_FILES = (S3_INDEX, EVENT_QUEUE, CHANGE_JOURNAL, LOG_EVENTS, JOBS, MESSAGES)


def damaged_file_error(path: Path, file: StateFile, reason: str) -> StateFileError:
    """Return the error for a file that exists but cannot be used; ``reason`` completes "It …"."""
    return StateFileError(
        f"{path} cannot be used: it {reason}. It contains {file.contents}.",
        remedy="Restore it from a backup, or start without it:"
        f" `mv {shlex.quote(str(path))} {shlex.quote(lost_name(path))}`. {_consequences(file)}",
    )


def missing_file_error(path: Path, file: StateFile) -> StateFileError:
    """Return the error for a file that was created once and does not exist any more."""
    permit = f"touch {shlex.quote(lost_name(path))}"
    if not path.parent.exists():
        permit = f"mkdir -p {shlex.quote(str(path.parent))}; {permit}"
    return StateFileError(
        f"{path} is missing. It contains {file.contents}.",
        remedy=f"Restore it from a backup, or start without it: `{permit}`. {_consequences(file)}",
    )


def lost_name(path: Path) -> str:
    """Return the path whose existence permits one start without the file."""
    return f"{path}{LOST_SUFFIX}"


def _consequences(file: StateFile) -> str:
    return f"Then {file.lost} are lost. {file.kept}."
