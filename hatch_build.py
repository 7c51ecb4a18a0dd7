"""Stops the build of a package that could not deploy anything: it carries both bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ARCHITECTURES = ("amd64", "arm64")


class BundlesArePresent(BuildHookInterface[Any]):
    """Runs before a wheel or a source distribution is written."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Raise RuntimeError if a bundle is missing; editable installs may build them later."""
        if version == "editable":
            return
        dist = Path(self.root, "supervisor", "bundle", "dist")
        names = [f"scar-supervisor-linux-{architecture}.tar.gz" for architecture in ARCHITECTURES]
        missing = [name for name in names if not (dist / name).is_file()]
        if missing:
            raise RuntimeError(
                f"{dist} lacks {' and '.join(missing)}. Run `make wheel`, or `make bundle` before."
            )
