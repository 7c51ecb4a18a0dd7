"""Layers are the same bytes on any host at any time."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.image.formats.blobs import digest_of
from scar.image.formats.layer import (
    GzipCompressor,
    LayerFile,
    LayerFolder,
    LayerSymlink,
    build_layer,
    build_tar,
)


def test_the_order_of_the_files_does_not_matter() -> None:
    one = build_layer({"b/x": LayerFile(b"1"), "a": LayerFile(b"2", 0o755)})
    two = build_layer({"a": LayerFile(b"2", 0o755), "b/x": LayerFile(b"1")})
    assert one == two


def test_a_layer_has_no_time_no_owner_and_a_fixed_gzip_header() -> None:
    built = build_layer(
        {
            "opt/scar/x": LayerFile(b"data", 0o755),
            "tmp": LayerFolder(0o1777),
            "l": LayerSymlink("tmp"),
        }
    )
    data = built.blob.data
    assert isinstance(data, bytes)
    assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == ["l", "opt", "opt/scar", "opt/scar/x", "tmp"]
    assert {(m.mtime, m.uid, m.gid, m.uname) for m in members} == {(0, 0, 0, "")}
    assert [oct(m.mode) for m in members] == ["0o777", "0o755", "0o755", "0o755", "0o1777"]


def test_the_diff_id_is_the_digest_of_the_uncompressed_tar() -> None:
    tree = {"a": LayerFile(b"x")}
    built = build_layer(tree)
    assert built.diff_id == digest_of(build_tar(tree))
    assert isinstance(built.blob.data, bytes)
    assert gzip.decompress(built.blob.data) == build_tar(tree)


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a//b", "./a"])
def test_a_path_that_is_not_normalized_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        build_layer({path: LayerFile(b"")})


@given(st.lists(st.binary(max_size=300)))
def test_the_compressor_writes_gzip(chunks: list[bytes]) -> None:
    sink = io.BytesIO()
    compressor = GzipCompressor(sink)
    for chunk in chunks:
        compressor.write(chunk)
    assert compressor.finish() == digest_of(b"".join(chunks))
    assert gzip.decompress(sink.getvalue()) == b"".join(chunks)
