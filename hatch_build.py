"""Build hook: refuse to package scar without the supervisor bundles of both architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ARCHITECTURES = ("amd64", "arm64")


class BundlesArePresent(BuildHookInterface[Any]):
    """Checks for the bundles before a wheel or a source distribution is written."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Raise RuntimeError if a bundle is missing."""
        if version == "editable":  # in a development checkout, `make bundle` may run later
            return
        dist = Path(self.root, "supervisor", "bundle", "dist")
        names = [f"scar-supervisor-linux-{architecture}.tar.gz" for architecture in ARCHITECTURES]
        missing = [name for name in names if not (dist / name).is_file()]
        if missing:
            raise RuntimeError(
                f"{' and '.join(missing)} not found in {dist}."
                " Run `make wheel`, or `make bundle` first."
            )
