"""One acceptance run: its settings, its journal, its target, and the names of what it makes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.acceptance.kit.journal import Journal
from tests.acceptance.kit.targets import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.kit.settings import Settings
    from tests.acceptance.kit.targets import AcceptanceTarget

TAG = "acceptance-run"
ROLE_PATH = "/scar-acceptance/"
COPY = '#!/bin/sh\ncp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"\n'
RUN_INPUT = '#!/bin/sh\n. "$INPUT_FILE_PATH"\n'


def function_prefix(settings: Settings) -> str:
    """Return the start of the names of the run's functions."""
    return f"acc-{settings.run}-"


def bucket_prefix(settings: Settings) -> str:
    """Return the start of the names of the run's buckets."""
    return f"scar-acceptance-{settings.run}-"


@dataclass(slots=True)
class AcceptanceRun:
    """What all steps share. ``step`` is the number of the running one."""

    settings: Settings
    journal: Journal
    target: AcceptanceTarget
    step: int = -1

    @classmethod
    def start(cls, settings: Settings) -> AcceptanceRun:
        """Return the run of a folder, which is created."""
        settings.folder.mkdir(parents=True, exist_ok=True)
        settings.folder.chmod(0o711)  # sandboxes of other users read scripts below it
        journal = Journal(settings.folder / "journal.jsonl")
        for name, text in (("copy.sh", COPY), ("run_input.sh", RUN_INPUT)):
            (settings.folder / name).write_text(text)
        return cls(settings, journal, connect(settings, journal))

    def function_name(self, name: str) -> str:
        return function_prefix(self.settings) + name

    def bucket_name(self, name: str) -> str:
        return bucket_prefix(self.settings) + name

    def make_bucket(self, name: str, region: str = "", **parameters: Any) -> str:  # noqa: ANN401
        """Create a bucket of the operator, with CreateBucket's parameters; return its name."""
        bucket = self.bucket_name(name)
        region = region or self.target.region
        self.journal.append("bucket", name=bucket, region=region)
        here = {} if region == "us-east-1" else {"LocationConstraint": region}
        s3 = self.target.client("s3", region)
        if here:
            parameters["CreateBucketConfiguration"] = here
        s3.create_bucket(Bucket=bucket, **parameters)
        return bucket

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Record the duration of a block, also of one that fails."""
        started = time.monotonic()
        try:
            yield
        finally:
            seconds = round(time.monotonic() - started, 2)
            self.journal.append("timing", step=self.step, name=name, seconds=seconds)

    def observe(self, name: str, value: object) -> None:
        """Record a fact that a document could not tell."""
        self.journal.append("observation", step=self.step, name=name, value=value)

    def is_shown(self, what: str, *, reason: str) -> bool:
        """Return whether the target can show this; record what the local cloud cannot."""
        if self.settings.is_aws:
            return True
        self.journal.append("not shown here", step=self.step, what=what, reason=reason)
        return False

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a file into the run's folder, where it is kept; return its path."""
        path = self.settings.folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
