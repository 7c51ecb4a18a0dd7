"""The objects that mark folders. Downloads and listings need no other module of events."""

from __future__ import annotations


def is_folder_marker(key: str, size: int) -> bool:
    """Return whether an object only represents a folder; ``size`` is 0 if unknown.

    The S3 console creates an empty object whose key ends in ``/``. With content it is a file.
    """
    return key.endswith("/") and size == 0
