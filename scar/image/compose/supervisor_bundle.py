"""Finds the supervisor bundle (one file per architecture, built by ``make bundle``) as a layer."""

from __future__ import annotations

import hashlib
import tarfile
from functools import lru_cache
from pathlib import Path

import supervisor
from scar.errors import ConfigurationError
from scar.image.formats.archive import compute_diff_id
from scar.image.formats.base_image import ARCHITECTURES
from scar.image.formats.blobs import CHUNK_SIZE, Blob
from scar.image.formats.layer import ImageLayer

NOTICE = "opt/scar/share/licenses/NOTICE"
_DIST = Path(supervisor.__file__).parent / "bundle" / "dist"


def find_bundle(architecture: str, folder: Path = _DIST) -> Path:
    """Return the path of the bundle; raise ConfigurationError if it is missing or outdated."""
    # Imported here to keep the start of the other commands fast.
    from supervisor.bundle.build import is_current

    architecture = ARCHITECTURES.get(architecture, architecture)
    path = folder / f"scar-supervisor-linux-{architecture}.tar.gz"
    if not path.is_file():
        raise ConfigurationError(
            f"The supervisor bundle for linux/{architecture} is missing: {path}.",
            remedy="Build it with `make bundle`"
            + ("." if architecture == "amd64" else f" ARCH={architecture}."),
        )
    if not is_current(architecture, folder):
        raise ConfigurationError(
            f"The supervisor's code has changed since its bundle was built: {path}.",
            remedy="Build it again with `make bundle`.",
        )
    return path


def find_any_bundle(folder: Path = _DIST) -> Path:
    """Return the bundle of any architecture; raise ConfigurationError if there is none."""
    built = sorted(folder.glob("scar-supervisor-linux-*.tar.gz"))
    return built[0] if built else find_bundle("amd64", folder)


def read_notice(bundle: Path) -> str:
    """Return the bundle's notice: its packages, licences and sources.

    Raise ConfigurationError if the bundle has none.
    """
    with tarfile.open(bundle) as archive:
        for member in archive:
            if member.name == NOTICE and (file := archive.extractfile(member)):
                return file.read().decode("utf-8")
    raise ConfigurationError(
        f"{bundle} does not contain /{NOTICE}: it was built by an older scar.",
        remedy="Build it again with `make bundle`.",
    )


def supervisor_layer(bundle: Path) -> ImageLayer:
    """Return the bundle as a layer; its digests are computed once per file and process."""
    # Time and size are part of the cache key, so that a bundle that was built again is read again.
    state = bundle.stat()
    return _read_layer(bundle, (state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=4)
def _read_layer(bundle: Path, state: tuple[int, int]) -> ImageLayer:
    digest = hashlib.sha256()
    with bundle.open("rb") as file:
        while chunk := file.read(CHUNK_SIZE):
            digest.update(chunk)
    blob = Blob(digest=f"sha256:{digest.hexdigest()}", size=state[1], data=bundle)
    return ImageLayer(blob=blob, diff_id=compute_diff_id(blob))
