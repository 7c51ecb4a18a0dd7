"""The files of a run after its script: links resolved, files opened, all below descriptors."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor import descriptors
from supervisor.execution.users import has_access
from supervisor.results import LeftOutReason

if TYPE_CHECKING:
    from supervisor.descriptors import Identity

# As the kernel: path_resolution(7), MAXSYMLINKS.
MAX_LINKS = 40

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A file or folder of the run: its place below the root, which has no link, and its status."""

    parts: Parts
    status: os.stat_result


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """Access to everything below a run's own folder, and to nothing else.

    ``root`` is the descriptor of the folder, opened before the script started; ``paths`` are its
    absolute paths, as links spell them. ``home`` is the script's HOME, whose files are no results.
    """

    root: int
    paths: tuple[str, ...]
    home: Identity

    def resolve_link(self, folder: Parts, target: str) -> RunEntry | LeftOutReason:
        """Return what a link in ``folder`` leads to, or why that is not a file of the run.

        Raise OSError if a folder on the way cannot be used.
        """
        return _LinkResolution(self, folder).resolve(target)

    def open(self, parts: Parts, expected: Identity) -> tuple[int, os.stat_result]:
        """Open a regular file; raise FileNotFoundError if it is not the ``expected`` one."""
        descriptor = descriptors.open_file(self.root, parts)
        try:
            status = os.fstat(descriptor)
            self._check_file(status, expected)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, status

    def _check_file(self, status: os.stat_result, expected: Identity) -> None:
        if not stat.S_ISREG(status.st_mode) or descriptors.identity(status) != expected:
            raise FileNotFoundError("it is another file")
        self.check_access(status, 4)

    def check_access(self, status: os.stat_result, rights: int) -> None:
        """Raise PermissionError if root may use an entry that the script's user may not.

        The script's user owns the run's folder then. A file whose content he cannot read can still
        be moved or linked to there.
        """
        owner = os.fstat(self.root)
        if os.geteuid() != 0 or owner.st_uid == 0:
            return  # the kernel has checked it
        if not has_access(status, owner.st_uid, (owner.st_gid,), rights):
            raise PermissionError(0, "Permission denied for the image's user")


class _LinkResolution:
    """Resolves one link, component by component, as the kernel does.

    Outside of the run's folder nothing is looked at: there, only the text of the path counts.
    """

    def __init__(self, files: RunFiles, folder: Parts) -> None:
        self._files = files
        self._inside: list[str] | None = list(folder)
        self._above: list[str] = []  # the absolute path, while it is outside
        self._links = MAX_LINKS
        self._todo: list[str] = []

    def resolve(self, target: str) -> RunEntry | LeftOutReason:
        self._follow(target)
        while self._todo:
            name = self._todo.pop()
            if name in ("", "."):
                continue
            if self._inside is None:
                self._step_outside(name)
            elif name == "..":
                self._step_up(self._inside)
            else:
                end = self._step_down((*self._inside, name))
                if end is not None:
                    return end
        if self._inside is None:
            return LeftOutReason.OUTSIDE
        parts = tuple(self._inside)
        return RunEntry(parts, descriptors.read_status(self._files.root, parts))

    def _follow(self, target: str) -> None:
        if target.startswith("/"):
            self._inside, self._above = None, []
        self._todo += reversed(target.split("/"))

    def _step_outside(self, name: str) -> None:
        if name == "..":
            del self._above[-1:]
        else:
            self._above.append(name)
        if "/" + "/".join(self._above) in self._files.paths:
            self._inside = []

    def _step_up(self, inside: list[str]) -> None:
        if inside:
            inside.pop()
            return
        self._inside = None
        self._above = self._files.paths[0].strip("/").split("/")[:-1]

    def _step_down(self, parts: Parts) -> RunEntry | LeftOutReason | None:
        """Enter a folder or follow a link (None), or return the end of the resolution."""
        try:
            status = descriptors.read_status(self._files.root, parts)
            is_link = stat.S_ISLNK(status.st_mode)
            target = descriptors.read_link(self._files.root, parts) if is_link else ""
        except (FileNotFoundError, NotADirectoryError):
            return LeftOutReason.DANGLING
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            return LeftOutReason.DANGLING
        if is_link:
            self._links -= 1
            self._follow(target)
            return LeftOutReason.LOOP if self._links < 0 else None
        if not stat.S_ISDIR(status.st_mode):
            return LeftOutReason.DANGLING if self._todo else RunEntry(parts, status)
        if descriptors.identity(status) == self._files.home:
            return LeftOutReason.OUTSIDE
        self._files.check_access(status, 1)
        self._inside = list(parts)
        return None
