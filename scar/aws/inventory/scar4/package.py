"""Unpack the deployment package of a function of SCAR 4: its script, payload and configuration."""

from __future__ import annotations

import lzma
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

import requests

from scar.errors import ScarError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Bytes. Lambda's limits of a package: compressed as uploaded through S3, and unpacked.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_UNPACKED = 250 * 1024 * 1024
MAX_PACKAGE = MAX_UNPACKED
MAX_CONFIG = 256 * 1024
MAX_FILES = 10_000
TIMEOUT = 30.0  # seconds without a byte
CONFIG_FILE = "function_config.yaml"
PAYLOAD_FOLDER = "payload"
_BLOCK = 1024 * 1024
_DAMAGED = (
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageContent:
    """What was unpacked: ``files`` next to the FDL file, and the folder of all others.

    ``config`` is the text of SCAR's configuration in the package; empty without one.
    """

    files: tuple[str, ...] = ()
    payload_folder: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class DeploymentPackage:
    """An open package of the function ``name``."""

    archive: zipfile.ZipFile
    name: str

    def read_config(self) -> str:
        """Return SCAR's configuration in the package; empty without one; raise ScarError."""
        try:
            entry = self.archive.getinfo(CONFIG_FILE)
        except KeyError:
            return ""
        with _reading(self.name, entry.filename), self.archive.open(entry) as file:
            content = file.read(MAX_CONFIG + 1)
        if len(content) > MAX_CONFIG:
            raise _invalid(self.name, f"{CONFIG_FILE} has more than {MAX_CONFIG:,} bytes")
        return content.decode(errors="replace")

    def unpack(self, folder: Path, script: str) -> PackageContent:
        """Write the script into the folder and other files below ``payload``; raise ScarError.

        SCAR's own files are left out. No file is overwritten, and no name leaves the folder.
        """
        written: list[str] = []
        payload = False
        for entry in self._own_entries():
            is_script = entry.filename == script
            target = folder / entry.filename
            if not is_script:
                payload = True
                target = folder / PAYLOAD_FOLDER / entry.filename
            self._write(entry, target)
            if is_script:
                written.append(script)
        return PackageContent(
            files=tuple(written), payload_folder=PAYLOAD_FOLDER if payload else ""
        )

    def _own_entries(self) -> Iterator[zipfile.ZipInfo]:
        """Yield the files of the user, checked: paths, kinds, number and size."""
        entries = self.archive.infolist()
        total = sum(entry.file_size for entry in entries)
        if len(entries) > MAX_FILES or total > MAX_UNPACKED:
            raise _invalid(self.name, f"it has {len(entries):,} files and {total:,} bytes")
        for entry in entries:
            path = PurePosixPath(entry.filename)
            is_scars = entry.filename in (CONFIG_FILE, f"{self.name}.py") or (
                path.parts and path.parts[0] == "udocker"
            )
            if entry.is_dir() or is_scars:
                continue
            if path.is_absolute() or ".." in path.parts or "\\" in entry.filename:
                raise _invalid(self.name, f"{entry.filename!r} is a name outside of its folder")
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise _invalid(self.name, f"{entry.filename!r} is a link or a special file")
            yield entry

    def _write(self, entry: zipfile.ZipInfo, target: Path) -> None:
        mode = 0o755 if (entry.external_attr >> 16) & stat.S_IXUSR else 0o644
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
            with os.fdopen(descriptor, "wb") as file:
                for block in self._blocks(entry):
                    file.write(block)
        except FileExistsError as error:
            raise UsageError(
                f"{target.name} exists already.", remedy="Use -p with a new or empty folder."
            ) from error
        except OSError as error:
            raise ScarError(
                f"{target} cannot be written: {error}.", remedy="Check the folder and the disk."
            ) from error

    def _blocks(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        """Yield at most the declared size: an archive may unpack to more than it says."""
        left = entry.file_size
        with _reading(self.name, entry.filename), self.archive.open(entry) as source:
            while block := source.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise _invalid(self.name, "a file is larger than its header says")
                yield block


def download_package(url: str, name: str) -> IO[bytes]:
    """Download a package to an unnamed temporary file; raise ScarError."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            for block in response.iter_content(_BLOCK):
                file.write(block)
                _check_size(file.tell(), name)
    except requests.RequestException as error:
        file.close()
        # The address has a signature: it is not shown.
        status = error.response.status_code if error.response is not None else ""
        raise ScarError(
            f"The deployment package of {name} cannot be downloaded: {type(error).__name__}"
            f" {status}".rstrip()
            + ".",
            remedy="Check the network and try again.",
        ) from None
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def open_package(file: IO[bytes], name: str) -> DeploymentPackage:
    """Open a downloaded package; raise ScarError if it is no zip archive."""
    with _reading(name):
        return DeploymentPackage(zipfile.ZipFile(file), name)


def _check_size(size: int, name: str) -> None:
    if size > MAX_PACKAGE:
        raise _invalid(name, f"it has more than {MAX_PACKAGE:,} bytes")


@contextmanager
def _reading(name: str, file: str = "") -> Iterator[None]:
    """Translate what zipfile and its decompressors raise; OSError is that of bz2.

    RuntimeError is an encrypted file, NotImplementedError an unknown compression.
    """
    try:
        yield
    except _DAMAGED as error:
        reason = str(error) or type(error).__name__
        raise _invalid(name, f"{file!r}: {reason}" if file else reason) from error


def _invalid(name: str, reason: str) -> ScarError:
    return ScarError(
        f"The deployment package of {name} is not one of SCAR: {reason}.",
        remedy="Write the FDL file by hand; `aws lambda get-function` has the package's address.",
    )
