from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.image.formats.blobs import BlobCache
from scar.image.formats.layer import LayerFile, LayerFolder, build_layer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path) -> BlobCache:
    return BlobCache(tmp_path / "cache")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small bundle in place of the supervisor's."""
    data = build_layer(
        {"opt/scar/launch": LayerFile(b"#!", 0o755), "opt/scar/lib": LayerFolder()}
    ).blob.data
    assert isinstance(data, bytes)
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(data)
    return path
