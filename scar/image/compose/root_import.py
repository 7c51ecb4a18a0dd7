"""Makes an image of a root file system, without a container engine: ``scar image import``."""

from __future__ import annotations

import itertools
import struct
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.image.compose.tree_images import image_config
from scar.image.errors import ImageError
from scar.image.formats.blobs import Blob
from scar.image.formats.chunks import chunks_to_file
from scar.image.formats.composed_image import ComposedImage, blob_descriptor
from scar.image.formats.file_kinds import (
    IMAGE_ARCHIVE,
    IMPORTABLE_KINDS,
    ROOT_FOLDERS,
    identify_folder_names,
)
from scar.image.formats.image_file import identify_file
from scar.image.formats.layer import ImageLayer, parallel_compressor
from scar.image.formats.manifest import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, JsonObject, dump_json
from scar.image.formats.unpacking_limits import UnpackedSize

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from scar.image.compose.root_sources import RootMember
    from scar.image.formats.blobs import BlobCache
    from supervisor.model import ImageDefaults

# e_machine of ELF files; all architectures of Lambda are little-endian (elf(5)).
_MACHINES = {0x3E: "amd64", 0xB7: "arm64"}
_SHELLS = frozenset({"bin/sh", "usr/bin/sh"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedImage:
    """The image, and what the caller should know about it; ``entries`` counts its files."""

    image: ComposedImage
    architecture: str
    entries: int
    has_shell: bool


@dataclass(slots=True)
class _Contents:
    """What was seen while the members were written."""

    entries: int = 0
    machines: Counter[str] = field(default_factory=Counter)
    second_names: dict[str, set[str]] = field(default_factory=dict)
    has_shell: bool = False

    def add(self, name: str, first: bytes) -> None:
        self.entries += 1
        self.has_shell |= name in _SHELLS
        top, _, rest = name.partition("/")
        self.second_names.setdefault(top, set()).update({rest.partition("/")[0]} - {""})
        if first.startswith(b"\x7fELF") and len(first) >= 20:
            (machine,) = struct.unpack_from("<H", first, 18)
            if machine in _MACHINES:
                self.machines[_MACHINES[machine]] += 1

    def require_root(self, subject: str) -> None:
        """Raise ImageError if nothing was found, or all is below one folder."""
        if not self.entries:
            raise ImageError(f"{subject} is empty.", remedy="Specify a root file system.")
        tops = list(self.second_names)
        if len(tops) == 1 and len(self.second_names[tops[0]] & ROOT_FOLDERS) > 1:
            raise ImageError(
                f"All files of {subject} are below the folder {tops[0]}/, so the image would have"
                f" /{tops[0]}/usr and no /usr.",
                remedy=f"Write the archive from within the folder: tar -C {tops[0]} -cf FILE .",
            )


def require_root_file_system(path: Path) -> None:
    """Raise ImageError if the file or folder is certainly something else; OSError if unreadable."""
    if path.is_dir():
        kind = identify_folder_names({entry.name for entry in path.iterdir()})
    else:
        kind = identify_file(path)
    if kind in IMPORTABLE_KINDS:
        return
    if kind == IMAGE_ARCHIVE:
        remedy = "Use it as it is: -if FILE, or container.image_file in an FDL file."
    else:
        remedy = kind.remedy.replace("{path}", str(path))
    raise ImageError(f"{path} is not a root file system: it is {kind.name}.", remedy=remedy)


def import_root(
    members: Iterable[RootMember],
    run: ImageDefaults,
    *,
    subject: str,
    architecture: str = "",
    cache: BlobCache,
) -> ImportedImage:
    """Return an image with one layer; its blob is in the cache.

    ``architecture`` is ``amd64`` or ``arm64``; empty for that of the programs in it. Raise
    ImageError if the root file system cannot be used, is too large, or is for another architecture.
    """
    contents = _Contents()
    with cache.open_writer() as writer, parallel_compressor(writer) as compressor:
        with tarfile.open(
            fileobj=compressor,  # type: ignore[call-overload]
            mode="w|",
            format=tarfile.PAX_FORMAT,
        ) as archive:
            unpacked = _write_members(members, archive, contents, UnpackedSize(subject))
        contents.require_root(subject)
        diff_id = compressor.finish()
        blob = writer.commit()
    layer = ImageLayer(blob=blob, diff_id=diff_id, unpacked_size=unpacked)
    architecture = _choose_architecture(contents.machines, architecture, subject)
    return ImportedImage(
        image=_build_image(layer, run, architecture),
        architecture=architecture,
        entries=contents.entries,
        has_shell=contents.has_shell,
    )


def _write_members(
    members: Iterable[RootMember],
    archive: tarfile.TarFile,
    contents: _Contents,
    size: UnpackedSize,
) -> int:
    for member in members:
        info = member.info
        size.add(info.size + tarfile.BLOCKSIZE)  # before it is written
        first = next(member.content, b"")
        contents.add(info.name, first)
        archive.addfile(info, chunks_to_file(itertools.chain([first], member.content)))
        vars(archive)["members"].clear()  # else all headers stay in memory
    return size.total


def _choose_architecture(machines: Counter[str], wanted: str, subject: str) -> str:
    # A root file system may contain some programs of another architecture.
    found = machines.most_common(1)[0][0] if machines else ""
    if wanted and found and wanted != found:
        raise ImageError(
            f"The programs in {subject} are for linux/{found}, not for linux/{wanted}.",
            remedy="Omit --architecture, or use a root file system for the other architecture.",
        )
    return wanted or found or "amd64"


def _build_image(layer: ImageLayer, run: ImageDefaults, architecture: str) -> ComposedImage:
    document = image_config([layer.diff_id], run, architecture)
    document["history"] = [
        {"created": "1970-01-01T00:00:00Z", "created_by": "scar image import"},
    ]
    config = Blob.from_bytes(dump_json(document))
    manifest: JsonObject = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob_descriptor(OCI_CONFIG, config),
        "layers": [blob_descriptor(OCI_LAYER, layer.blob)],
    }
    return ComposedImage(
        manifest=Blob.from_bytes(dump_json(manifest)), config=config, layers=(layer,)
    )
