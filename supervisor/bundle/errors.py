"""Errors of a build of the bundle."""

from __future__ import annotations

from supervisor.errors import SupervisorError


class BundleError(SupervisorError):
    """The bundle cannot be built."""


class LockedVersionMissingError(BundleError):
    """The mirror has only other versions than the locked ones."""
