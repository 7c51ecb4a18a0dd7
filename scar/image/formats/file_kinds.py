"""Recognizes kinds of files by their first bytes or the names in them; pure, no I/O.

Users bring root file systems, Singularity images and Dockerfiles where an image is expected.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

HEAD_SIZE = 40 << 10  # bytes: the mark of ISO 9660 is at 32 KiB
_IMPORT = (
    "Make an image of it: `scar image import {path} -o image.tar`. To save an image, use `docker"
    " save`, not `docker export`."
)
_CONVERT = "Use an image archive: `docker save`, `podman save` or `skopeo copy` write one."
_SINGULARITY = (
    "It has no layers and no container configuration. Copy the image from which it was built"
    " (skopeo copy docker://IMAGE docker-archive:image.tar), or unpack it"
    " (apptainer build --sandbox rootfs {path}) and run `scar image import rootfs -o image.tar`."
)
_UNSQUASH = "Unpack it: `unsquashfs -d rootfs {path}` and `scar image import rootfs -o image.tar`."
_PACKED = "If it contains an image archive, unpack it first."
_DISK = (
    "It is for virtual machines. Extract its root file system (virt-tar-out -a {path} / rootfs.tar)"
    " and run `scar image import rootfs.tar -o image.tar`."
)
_DOCKERFILE = (
    "Build it first: `docker build -t NAME .` and `docker save NAME -o image.tar`, or `buildah bud"
    " -t NAME .` and `buildah push NAME docker-archive:image.tar`."
)


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is. ``remedy`` may contain ``{path}``; it is empty if it may be an image."""

    name: str
    remedy: str = _CONVERT

    @property
    def may_be_image(self) -> bool:
        return not self.remedy


IMAGE_ARCHIVE = FileKind("an image archive", "")
ROOT_FILE_SYSTEM = FileKind("a root file system", _IMPORT)
EXPORTED_CONTAINER = FileKind("the root file system of a container (`docker export`)", _IMPORT)
# It may be an image all the same: names differ between tools, and the manifest may be the last.
UNKNOWN_TAR = FileKind("a tar archive of an unknown kind", "")
FOLDER = FileKind("a folder")
# What `scar image import` accepts; a folder may contain a single program.
IMPORTABLE_KINDS = frozenset({ROOT_FILE_SYSTEM, EXPORTED_CONTAINER, UNKNOWN_TAR, FOLDER})

# Offset, first bytes, kind. Sources: the formats' specifications, and file(1)'s tables.
_MARKS: tuple[tuple[int, bytes, FileKind], ...] = (
    (32, b"SIF_MAGIC", FileKind("a Singularity or Apptainer image (.sif)", _SINGULARITY)),
    (0, b"hsqs", FileKind("a SquashFS file system", _UNSQUASH)),
    (0, b"QFI\xfb", FileKind("a QEMU disk image (qcow2)", _DISK)),
    (0, b"KDMV", FileKind("a VMware disk image (vmdk)", _DISK)),
    (0, b"# Disk DescriptorFile", FileKind("a VMware disk image (vmdk)", _DISK)),
    (0, b"vhdxfile", FileKind("a Hyper-V disk image (vhdx)", _DISK)),
    (0, b"conectix", FileKind("a virtual disk image (vhd)", _DISK)),
    (64, b"\x7f\x10\xda\xbe", FileKind("a VirtualBox disk image (vdi)", _DISK)),
    (0x8001, b"CD001", FileKind("a CD image (ISO 9660)", _DISK)),
    (0x438, b"\x53\xef", FileKind("an ext2, ext3 or ext4 file system", _DISK)),
    (0, b"XFSB", FileKind("an XFS file system", _DISK)),
    (
        0,
        b"070701",
        FileKind(
            "a cpio archive (initramfs)",
            "Unpack it with `cpio -id` into a"
            " folder, and run `scar image import FOLDER -o image.tar`.",
        ),
    ),
    (0, b"!<arch>", FileKind("a Debian package or another ar archive")),
    (0, b"\xed\xab\xee\xdb", FileKind("an RPM package")),
    (0, b"PK\x03\x04", FileKind("a ZIP archive", _PACKED)),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", _PACKED)),
    (0, b"Rar!", FileKind("a RAR archive", _PACKED)),
    (
        0,
        b"\x7fELF",
        FileKind(
            "a program (ELF)",
            "Put it into a folder and run `scar image import"
            " FOLDER -o image.tar`, or use it as init_script.",
        ),
    ),
    (0, b"%PDF", FileKind("a PDF document")),
    (
        0,
        b"version https://git-lfs.github.com/",
        FileKind("a pointer of Git LFS", "Get the file itself: `git lfs pull`."),
    ),
)
_DOCKERFILE_LINE = re.compile(rb"^\s*(FROM|ARG)\s+\S", re.IGNORECASE)
_HTML = re.compile(rb"\s*(<!doctype html|<html)", re.IGNORECASE)
# Files at the top of an image archive, besides blobs/ and <id>/layer.tar.
_IMAGE_NAMES = frozenset({"manifest.json", "index.json", "oci-layout", "repositories"})
_LAYER = re.compile(r"blobs/sha256(/.*)?|[0-9a-f]{64}(/.*|\.json|\.tar)?")
ROOT_FOLDERS = frozenset(
    {"bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run", "sbin"}
    | {"srv", "sys", "tmp", "usr", "var", "nix"}
)


def identify_bytes(head: bytes, name: str) -> FileKind:
    """Return the kind of a file that is not a tar archive, from its beginning and its name."""
    if not head:
        return FileKind("an empty file", "Write it again.")
    for offset, mark, kind in _MARKS:
        if head[offset : offset + len(mark)] == mark:
            return kind
    if head[510:512] == b"\x55\xaa":
        return FileKind("a disk image", _DISK)
    return _identify_text(head, name)


def _identify_text(head: bytes, name: str) -> FileKind:
    if b"\0" in head:
        return FileKind("a file of an unknown format")
    if name.lower().startswith(("dockerfile", "containerfile")) or _is_dockerfile(head):
        return FileKind("a Dockerfile", _DOCKERFILE)
    if _HTML.match(head):
        return FileKind("a web page", "Download the file itself: this may be a login page.")
    try:
        # The head may end within a character.
        head.decode() if len(head) < HEAD_SIZE else head[:-4].decode(errors="ignore")
    except UnicodeDecodeError:
        return FileKind("a file of an unknown format")
    return FileKind("a text file")


def is_tar(head: bytes) -> bool:
    """Return whether the first block is the header of a tar archive: its checksum is right."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return head[257:262] == b"ustar"
    return True


def _is_dockerfile(head: bytes) -> bool:
    lines = (line for line in head.splitlines() if line.strip() and not line.startswith(b"#"))
    return bool(_DOCKERFILE_LINE.match(next(lines, b"")))


def identify_names(names: Collection[str]) -> FileKind:
    """Return the kind of a tar archive by the names of its first members."""
    if any(name in _IMAGE_NAMES or _LAYER.fullmatch(name) for name in names):
        return IMAGE_ARCHIVE
    tops = {name.partition("/")[0] for name in names if name not in {"", "."}}
    if ".dockerenv" in tops:
        return EXPORTED_CONTAINER
    if tops & ROOT_FOLDERS:
        return ROOT_FILE_SYSTEM
    return UNKNOWN_TAR


def identify_folder_names(names: Collection[str]) -> FileKind:
    """Return the kind of a folder: an OCI layout, a build context or a root file system."""
    if not _IMAGE_NAMES.isdisjoint(names):
        return FileKind(
            "the folder of an image", "Make one file of it: `tar -C {path} -cf image.tar .`."
        )
    if not {"Dockerfile", "Containerfile"}.isdisjoint(names):
        return FileKind("a folder with a Dockerfile", _DOCKERFILE)
    if len(ROOT_FOLDERS.intersection(names)) > 1:
        return ROOT_FILE_SYSTEM
    return FOLDER
