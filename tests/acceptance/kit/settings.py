"""The settings of an acceptance run, which reach its processes as environment variables."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

TargetName = Literal["local", "aws"]
PREFIX = "ACCEPTANCE_"
COSTS_ACCEPTED = "ACCEPT_COSTS"
_RUN_ID = re.compile("[0-9a-f]{8}")


class RefusedError(Exception):
    """The acceptance steps must not run with these settings; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between two runs; the steps are the same.

    ``files`` are the uploads of step 6, ``big_mb`` and ``log_mb`` the sizes of an input and of a
    job's output, ``repeats`` how often step 4 removes and creates a function again.
    ``efs_access_point`` and ``foreign_bucket`` name things that the account has already.
    """

    folder: Path
    run: str
    target: TargetName = "local"
    region: str = ""
    profile: str = ""
    drift_minutes: float = 0
    files: int = 12
    big_mb: int = 24
    log_mb: int = 5
    repeats: int = 2
    engine: str = "process"
    image: str = "public.ecr.aws/docker/library/busybox:1.36"
    efs_access_point: str = ""
    foreign_bucket: str = ""

    def __post_init__(self) -> None:
        if self.target not in get_args(TargetName):
            choices = ", ".join(get_args(TargetName))
            raise RefusedError(f"There is no target {self.target}; the targets are {choices}.")
        if not _RUN_ID.fullmatch(self.run):
            # Clean-up deletes by this prefix: an empty one would match what others made.
            raise RefusedError(f"The id of a run has eight hexadecimal digits, not {self.run!r}.")

    @property
    def is_aws(self) -> bool:
        return self.target == "aws"

    def to_environment(self) -> dict[str, str]:
        """Return the variables from which ``from_environment`` restores these settings."""
        return {PREFIX + name.upper(): str(value) for name, value in asdict(self).items()}


_ON_AWS: dict[str, Any] = {
    "drift_minutes": 30.0,
    "files": 2000,
    "big_mb": 200,
    "log_mb": 50,
    "repeats": 5,
}


def from_environment(environ: Mapping[str, str], folder: Path) -> Settings:
    """Return the settings in the environment; ``folder`` is for a run that names none.

    Raise RefusedError for AWS unless ACCEPT_COSTS is 1.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX)
    }
    known = {field.name: field.type for field in fields(Settings)}
    if unknown := sorted(given.keys() - known.keys()):
        raise RefusedError(f"There is no setting {PREFIX}{unknown[0].upper()}.")
    on_aws = given.get("target") == "aws"
    if on_aws and environ.get(COSTS_ACCEPTED) != "1":
        raise RefusedError(
            "The steps create resources that cost money. Set ACCEPT_COSTS=1 to accept that."
        )
    values: dict[str, Any] = {"folder": folder, "run": secrets.token_hex(4)}
    values |= _ON_AWS if on_aws else {}
    for name, text in given.items():
        values[name] = _convert(name, text, str(known[name]))
    return Settings(**values)


def _convert(name: str, text: str, kind: str) -> object:
    converters: dict[str, Any] = {"int": int, "float": float, "Path": Path}
    try:
        return converters.get(kind, str)(text)
    except ValueError:
        raise RefusedError(f"{PREFIX}{name.upper()} must be a number, not {text!r}.") from None
