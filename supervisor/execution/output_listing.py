"""List a run's output files and check them, before anything is uploaded."""

from __future__ import annotations

import bisect
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor import descriptors
from supervisor.errors import OutputError
from supervisor.execution.outputs import OutputFile
from supervisor.execution.run_files import RunEntry
from supervisor.results import LeftOut, LeftOutReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from supervisor.descriptors import Identity
    from supervisor.execution.run_files import Parts, RunFiles
    from supervisor.model import ObjectRef, OutputRule

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024
# A file below more folders has a key above 1,024 bytes: a name and a slash for each.
MAX_DEPTH = MAX_KEY_BYTES // 2
# Files are listed before the first upload, and their objects are listed in the run's record: about
# 1.5 KB of memory for each.
MAX_FILES = 100_000
MAX_FOLDERS = 100_000
# Links between folders can multiply the paths to one file.
MAX_LINKED_ENTRIES = 100_000
MAX_EXAMPLES = 5
MAX_EXAMPLE_LENGTH = 255
OUTPUT_PARTS = ("output",)

_PACK = "Pack the files into archives in the script, or process fewer inputs in one run."


@dataclass(frozen=True, slots=True)
class OutputListing:
    """The files to upload, sorted by name, and what is left out."""

    files: tuple[OutputFile, ...]
    left_out: tuple[LeftOut, ...]


def list_outputs(run: RunFiles, rules: Sequence[OutputRule]) -> OutputListing:
    """Return the files to upload; raise OutputError before anything is uploaded.

    Links to files and folders of the run count as files and folders. A name that no rule selects,
    any other link, and what is no regular file, is left out.
    """
    found = _Listing(run, rules)
    with _translate_errors(""):
        found.list_folders(_find_output_folder(run))
    files = sorted(found.chosen.values(), key=lambda output: output.name)
    return OutputListing(tuple(files), tuple(found.left_out(reason) for reason in found.counts))


def describe_rules(rules: Sequence[OutputRule]) -> str:
    """Return what a name has to be like to be selected: ``suffix .csv``."""
    if not rules:
        return "any output: the function has no output folder"
    return " or ".join(dict.fromkeys(_describe_rule(rule) for rule in rules))


def _describe_rule(rule: OutputRule) -> str:
    wanted = (("prefix", rule.prefix), ("suffix", rule.suffix))
    return " and ".join(f"{kind} {', '.join(texts)}" for kind, texts in wanted if texts)


def _find_output_folder(run: RunFiles) -> Parts:
    """Return the place of the output folder, which the script may have replaced."""
    remedy = "Write results into the folder TMP_OUTPUT_DIR; do not remove or replace it."
    try:
        status = descriptors.read_status(run.root, OUTPUT_PARTS)
    except FileNotFoundError as error:
        raise OutputError("The script removed its output folder.", remedy=remedy) from error
    if stat.S_ISLNK(status.st_mode):
        end = run.resolve_link((), descriptors.read_link(run.root, OUTPUT_PARTS))
        if isinstance(end, RunEntry) and stat.S_ISDIR(end.status.st_mode):
            return end.parts
        raise OutputError(
            "The script replaced its output folder by a link that does not lead to a folder of the"
            " run.",
            remedy=remedy,
        )
    if not stat.S_ISDIR(status.st_mode):
        raise OutputError("The script replaced its output folder by a file.", remedy=remedy)
    return OUTPUT_PARTS


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to list: its name below the output folder, its place, and the folders it is in."""

    name: str
    parts: Parts
    above: tuple[Identity, ...] = ()
    is_linked: bool = False


@dataclass(slots=True)
class _Listing:
    """Collects files; ``counts`` and ``examples`` are about what is left out."""

    run: RunFiles
    rules: Sequence[OutputRule]
    chosen: dict[ObjectRef, OutputFile] = field(default_factory=dict)
    counts: dict[LeftOutReason, int] = field(default_factory=dict)
    examples: dict[LeftOutReason, list[str]] = field(default_factory=dict)
    folders: int = 0
    linked: int = 0

    def list_folders(self, top: Parts) -> None:
        # Without recursion: the script decides how deep the folders are.
        todo = [_Folder("", top)]
        while todo:
            folder = todo.pop()
            with _translate_errors(folder.name):
                todo += sorted(self._list_folder(folder), key=lambda f: f.name, reverse=True)

    def _list_folder(self, folder: _Folder) -> list[_Folder]:
        """Look at the entries of one folder; return its subfolders."""
        with (
            descriptors.closing(descriptors.open_folder(self.run.root, folder.parts)) as handle,
            descriptors.closing(descriptors.open_listing(handle)) as listing,
        ):
            status = os.fstat(listing)
            self.run.check_access(status, 5)
            this = descriptors.identity(status)
            if this == self.run.home:
                self._leave_out(LeftOutReason.OUTSIDE, folder.name)
                return []
            if this in folder.above:
                self._leave_out(LeftOutReason.LOOP, folder.name)
                return []
            self._count_folder(folder)
            above, found = (*folder.above, this), []
            with os.scandir(listing) as entries:
                for entry in entries:
                    deeper = self._look_at(entry, folder, above)
                    found += [] if deeper is None else [deeper]
        return found

    def _look_at(
        self, entry: os.DirEntry[str], folder: _Folder, above: tuple[Identity, ...]
    ) -> _Folder | None:
        """Choose a file or leave it out; return a subfolder."""
        name = f"{folder.name}/{entry.name}" if folder.name else entry.name
        if folder.is_linked:
            self._count_linked_entry()
        is_link = entry.is_symlink()
        end: RunEntry | LeftOutReason
        if is_link:
            place = (*folder.parts, entry.name)
            target = descriptors.read_link(self.run.root, place)
            end = self.run.resolve_link(folder.parts, target)
            if isinstance(end, LeftOutReason):
                self._leave_out(end, name)
                return None
        else:
            end = RunEntry((*folder.parts, entry.name), entry.stat(follow_symlinks=False))
        mode = end.status.st_mode
        if stat.S_ISDIR(mode):
            return _Folder(name, end.parts, above, folder.is_linked or is_link)
        if not stat.S_ISREG(mode):
            self._leave_out(LeftOutReason.SPECIAL, name)
            return None
        self._choose(name, end)
        return None

    def _choose(self, name: str, entry: RunEntry) -> None:
        targets = [rule.target(name) for rule in self.rules if rule.accepts(name)]
        if not targets:
            self._leave_out(LeftOutReason.UNMATCHED, name)
            return
        self._check_readable(name, entry)
        for target in targets:
            _check_key(name, target)
            self.chosen.setdefault(
                target,
                OutputFile(name, entry.parts, descriptors.identity(entry.status), target),
            )
        if len(self.chosen) > MAX_FILES:
            raise OutputError(
                f"The script wrote more than {MAX_FILES:,} output files.", remedy=_PACK
            )

    def _check_readable(self, name: str, entry: RunEntry) -> None:
        try:
            os.close(self.run.open(entry.parts, descriptors.identity(entry.status))[0])
        except PermissionError as error:
            raise OutputError(
                f"The output file {name!a} is not readable.",
                remedy="Make it readable in the script (chmod).",
            ) from error

    def _count_folder(self, folder: _Folder) -> None:
        self.folders += 1
        if self.folders > MAX_FOLDERS:
            raise OutputError(
                f"The output folder has more than {MAX_FOLDERS:,} folders in it.", remedy=_PACK
            )
        if len(folder.above) > MAX_DEPTH:
            raise OutputError(
                f"The output folder has more than {MAX_DEPTH} levels of folders: S3 allows keys of"
                f" at most {MAX_KEY_BYTES:,} bytes.",
                remedy="Use fewer levels of folders, or pack them into an archive in the script.",
            )

    def _count_linked_entry(self) -> None:
        self.linked += 1
        if self.linked > MAX_LINKED_ENTRIES:
            raise OutputError(
                f"Links to folders in the output folder lead to more than {MAX_LINKED_ENTRIES:,}"
                " entries.",
                remedy="Remove links between the folders, or pack them into an archive.",
            )

    def _leave_out(self, reason: LeftOutReason, name: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1
        # The first names in order, whatever the order in which the file system lists them.
        examples = self.examples.setdefault(reason, [])
        bisect.insort(examples, _printable(name))
        del examples[MAX_EXAMPLES:]

    def left_out(self, reason: LeftOutReason) -> LeftOut:
        """Return what is left out for a reason."""
        is_unmatched = reason is LeftOutReason.UNMATCHED
        return LeftOut(
            reason=reason,
            count=self.counts[reason],
            examples=tuple(self.examples[reason]),
            expected=describe_rules(self.rules) if is_unmatched else "",
        )


def _printable(name: str) -> str:
    text = name.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_EXAMPLE_LENGTH else f"{text[: MAX_EXAMPLE_LENGTH - 1]}…"


def _check_key(name: str, target: ObjectRef) -> None:
    try:
        size = len(target.key.encode())
    except UnicodeEncodeError as error:
        raise OutputError(
            f"The output file {name!a} has a name that is not UTF-8.",
            remedy="Use UTF-8 for the names of output files.",
        ) from error
    if size > MAX_KEY_BYTES:
        raise OutputError(
            f"The key of the output file {name!r} would have {size} bytes; S3 allows"
            f" {MAX_KEY_BYTES}.",
            remedy="Shorten the file's name or the output folder's.",
        )


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    shown = f"folder {name!a} in the output folder" if name else "output folder"
    try:
        yield
    except PermissionError as error:
        raise OutputError(
            f"The {shown} is not readable.", remedy="Make it readable in the script (chmod)."
        ) from error
    except OSError as error:
        raise OutputError(
            f"The {shown} cannot be listed: {error.strerror or 'it has changed'}.",
            remedy="All processes of the script must have finished their files when it ends.",
        ) from error
