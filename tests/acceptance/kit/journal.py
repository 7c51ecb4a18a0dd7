"""What an acceptance run did and made, as JSON lines that survive a crash of the run."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Journal:
    """The entries of one run; several processes may append at once."""

    path: Path

    def append(self, kind: str, **fields: object) -> None:
        """Add an entry with one write; the first line feed ends an unfinished line."""
        line = "\n" + json.dumps({"kind": kind, **fields}, default=str) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the entries of these kinds, in order; unfinished lines are left out."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("kind") in kinds:
                    found.append(entry)
        return found

    def remaining(self, made: str, removed: str) -> list[dict[str, Any]]:
        """Return the entries ``made`` without a later entry ``removed`` of the same name."""
        found: dict[str, dict[str, Any]] = {}
        for entry in self.entries(made, removed):
            if entry["kind"] == made:
                found[entry["name"]] = entry
            else:
                found.pop(entry["name"], None)
        return list(found.values())
