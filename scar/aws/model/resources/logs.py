"""CloudWatch log groups of functions and jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scar.aws.model.resources.base import Pairs, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup(Resource):
    """A log group; with ``retention_days`` 0, log events never expire; ``tags`` are the user's."""

    kind: ClassVar[str] = "log-group"

    retention_days: int = 0
    tags: Pairs = ()
