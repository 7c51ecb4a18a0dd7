"""Decides which file an object becomes; never one outside the target folder. No I/O."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from scar.transfer.errors import TransferError

if TYPE_CHECKING:
    from pathlib import Path

    from scar.transfer.location import S3Location


class UnusableKeyError(TransferError):
    """An object's key cannot be the name of a file in the target folder; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The object cannot be a file: {reason}", remedy="Use another tool.")
        self.reason = reason


class TargetFiles:
    """Assigns a file below ``target`` to each key, called in the order of S3's listings.

    The object that the location itself names becomes ``target``, or a file in it with
    ``into_folder``. With ``is_case_sensitive=False``, of keys whose paths differ only in case or
    in Unicode normalization, the first one gets the file.
    """

    def __init__(
        self,
        location: S3Location,
        target: Path,
        *,
        into_folder: bool = False,
        is_case_sensitive: bool = True,
    ) -> None:
        self.location = location
        self.target = target
        self.into_folder = into_folder
        self._folded: dict[str, str] | None = None if is_case_sensitive else {}
        # Earlier keys with which the current one begins. In S3's order of keys, those that begin
        # with another one follow it, so a stack is enough to find objects that are also folders.
        self._ancestors: list[str] = []
        self._single: Path | None = None

    def assign(self, key: str) -> Path:
        """Return the file for a key; raise UnusableKeyError if there is none."""
        if key == self.location.path:
            self._single = self._path_of_single(key)
            return self._single
        relative = key.removeprefix(self.location.prefix)
        parts = relative.split("/")
        _check_parts(parts)
        path = self.target.joinpath(*parts)
        if self._single is not None and self._single in (path, *path.parents):
            raise UnusableKeyError(f"the object {self.location.path!r} became {self._single}")
        self._check_ancestors(key)
        self._check_case(relative, key)
        return path

    def _path_of_single(self, key: str) -> Path:
        name = key.rstrip("/").rpartition("/")[2]
        if not self.into_folder:
            return self.target
        _check_parts([name])
        return self.target / name

    def _check_ancestors(self, key: str) -> None:
        while self._ancestors and not key.startswith(self._ancestors[-1]):
            self._ancestors.pop()
        for other in self._ancestors:
            if key.startswith(f"{other}/"):
                raise UnusableKeyError(
                    f"a file cannot also be a folder: there is an object {other!r}"
                )
        self._ancestors.append(key)

    def _check_case(self, relative: str, key: str) -> None:
        if self._folded is None:
            return
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", relative).casefold())
        first = self._folded.setdefault(folded, key)
        if first != key:
            raise UnusableKeyError(
                f"the target's file system does not distinguish it from {first!r}"
            )


def _check_parts(parts: list[str]) -> None:
    """Raise UnusableKeyError if these parts of a key are not a path below a folder."""
    if any(part in (".", "..") for part in parts):
        raise UnusableKeyError(
            "a part of its key is '.' or '..', so it may point outside the folder"
        )
    if not parts[-1]:
        raise UnusableKeyError(
            "its key ends in '/', as folders do; download it by its key to a file of another name"
        )
    if "" in parts:
        raise UnusableKeyError("its key has an empty part ('//'), which no path has")
    if any("\0" in part for part in parts):
        raise UnusableKeyError("its key contains a NUL character, which no file name can")
