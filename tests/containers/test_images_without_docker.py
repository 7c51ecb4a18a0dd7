"""The recipes of docs/images.md write files that scar accepts as images."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.image.compose.tree_images import build_image
from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerFile, LayerFolder
from scar.image.formats.resolver import find_base_image
from supervisor.model import ImageDefaults
from tests.conformance.engine_harness import unavailable

if TYPE_CHECKING:
    from scar.image.formats.layer import LayerEntry

PAGE = Path(__file__).parents[2] / "docs" / "images.md"
BUSYBOX = Path("/bin/busybox")
# The recipes name an image in a registry; here it is a small one in a folder.
LOCAL_SOURCE = {
    "docker://docker.io/library/debian:12-slim": "oci:source",
    "podman pull docker.io/library/debian:12-slim": (
        "podman pull oci:source && podman tag localhost/source docker.io/library/debian:12-slim"
    ),
}
TOOLS = {
    "skopeo": ["skopeo"],
    "podman": ["podman"],
    "buildah": ["buildah"],
    "umoci": ["skopeo", "umoci"],
    "A root file system": ["tar"],
    "Debian packages": ["mmdebstrap"],
}
COMMANDS = {
    "skopeo": ("/bin/busybox",),
    "podman": ("/bin/busybox",),
    "buildah": ("/bin/busybox",),
    "umoci": ("/tool",),
    "A root file system": ("/bin/sh",),
    "Debian packages": ("/bin/busybox",),
}


def recipes() -> dict[str, str]:
    """Return the commands of the page by heading."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        heading, _, text = section.partition("\n")
        if blocks := re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
            found[heading] = "".join(blocks)
    return found


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with an image as an OCI layout, and storage of podman and buildah of its own."""
    if not BUSYBOX.exists():
        unavailable("/bin/busybox is not installed (package busybox-static)")
    tree: dict[str, LayerEntry] = {
        "bin/busybox": LayerFile(BUSYBOX.read_bytes(), 0o755),
        "tmp": LayerFolder(0o1777),
    }
    image = build_image([tree], ImageDefaults(command=("/bin/busybox",)))
    image.save(tmp_path / "source.tar")
    shutil.unpack_archive(tmp_path / "source.tar", tmp_path / "source", filter="data")
    (tmp_path / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n'
    )
    return tmp_path


def test_every_recipe_is_tested() -> None:
    assert recipes().keys() == TOOLS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("heading", TOOLS)
def test_a_recipe_writes_an_image(heading: str, workplace: Path) -> None:
    for tool in TOOLS[heading]:
        if shutil.which(tool) is None:
            unavailable(f"{tool} is not installed (package {tool})")
    script = recipes()[heading]
    for text, replacement in LOCAL_SOURCE.items():
        script = script.replace(text, replacement)
    assert "docker://" not in script
    program = Path(shutil.which("python3") or "").parent
    environment = {
        **os.environ,
        "PATH": f"{Path(__file__).parents[2] / '.venv/bin'}:{program}:{os.environ['PATH']}",
        "CONTAINERS_STORAGE_CONF": str(workplace / "storage.conf"),
        "XDG_CACHE_HOME": str(workplace / "cache"),
    }
    completed = subprocess.run(
        ["sh", "-euc", script],
        cwd=workplace,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if heading == "Debian packages" and completed.returncode and _has_no_mirror(completed.stderr):
        unavailable("no mirror of Debian can be reached")
    assert completed.returncode == 0, completed.stderr
    image = find_base_image(
        "", workplace / "image.tar", architecture="amd64", cache=BlobCache(workplace / "blobs")
    )
    assert image.defaults.command == COMMANDS[heading]


def _has_no_mirror(errors: str) -> bool:
    return "Could not resolve" in errors or "Could not connect" in errors
