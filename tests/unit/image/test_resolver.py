"""Base images are read from archives; invalid and malicious archives are refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import threading
from typing import TYPE_CHECKING, Literal

import pytest
import zstandard

from scar.image.compose.tree_images import build_image, image_config, write_docker_archive
from scar.image.errors import (
    ImageError,
    ImageNotFoundError,
    RegistryError,
    RegistryUnreachableError,
)
from scar.image.formats.blobs import BlobCache, digest_of
from scar.image.formats.image_file import require_image_file
from scar.image.formats.layer import LayerFile, build_layer, build_tar
from scar.image.formats.manifest import INDEX_MEDIA_TYPES, OCI_MANIFEST, dump_json
from scar.image.formats.resolver import find_base_image
from scar.image.formats.tar_stream import find_cut_member
from scar.meter import Meter
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scar.image.formats.base_image import BaseImage

RUN = ImageDefaults(command=("/bin/tool",))
TREE = {"bin/tool": LayerFile(b"tool" * 500, 0o755)}
LAYER = build_tar(TREE)
CONFIG = dump_json(image_config([digest_of(LAYER)], RUN, "amd64"))


def read(path: Path, cache: BlobCache, name: str = "") -> BaseImage:
    return find_base_image(name, path, architecture="amd64", cache=cache)


def saved(
    path: Path, files: dict[str, bytes], *extra: tarfile.TarInfo, config: str = "config"
) -> Path:
    """Write an archive in the old layout, with additional members."""
    index = [{"Config": config, "RepoTags": ["a:1"], "Layers": ["l/layer.tar"]}]
    files = {"manifest.json": json.dumps(index).encode(), config: CONFIG, **files}
    with tarfile.open(path, "w") as archive:
        for member in extra:
            archive.addfile(member)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_plain_layer_is_kept_gzipped(tmp_path: Path, cache: BlobCache) -> None:
    image = read(saved(tmp_path / "i.tar", {"l/layer.tar": LAYER}), cache)
    (only,) = image.layers
    with only.blob.open() as file:
        assert gzip.decompress(file.read()) == LAYER
    assert only.diff_id == digest_of(LAYER)
    assert image.defaults == RUN


def test_a_gzipped_layer_is_kept_as_it_is(tmp_path: Path, cache: BlobCache) -> None:
    packed = gzip.compress(LAYER, 1)
    image = read(saved(tmp_path / "i.tar", {"l/layer.tar": packed}), cache)
    assert image.layers[0].blob.digest == digest_of(packed)


def test_a_layer_in_zstd_is_kept_gzipped(tmp_path: Path, cache: BlobCache) -> None:
    packed = zstandard.ZstdCompressor().compress(LAYER)
    image = read(saved(tmp_path / "i.tar", {"l/layer.tar": packed}), cache)
    assert [item.blob.digest for item in image.layers] == [build_layer(TREE).blob.digest]


def test_an_archive_of_an_empty_image_is_refused(tmp_path: Path, cache: BlobCache) -> None:
    build_image([], RUN).save(tmp_path / "i.tar", "a:1")
    with pytest.raises(ImageError, match="is empty: it has no layers"):
        read(tmp_path / "i.tar", cache)


def test_a_foreign_layer_in_a_layout_is_refused(tmp_path: Path, cache: BlobCache) -> None:
    foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    config = dump_json(image_config([digest_of(LAYER)], RUN, "amd64"))
    manifest = dump_json(
        {
            "mediaType": OCI_MANIFEST,
            "config": {"digest": digest_of(config)},
            "layers": [{"digest": digest_of(LAYER), "mediaType": foreign}],
        }
    )
    entry = {"digest": digest_of(manifest), "mediaType": OCI_MANIFEST}
    files = {
        "index.json": json.dumps({"manifests": [entry]}).encode(),
        **{f"blobs/sha256/{digest_of(d)[7:]}": d for d in (config, manifest)},
    }
    with tarfile.open(tmp_path / "i.tar", "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    with pytest.raises(ImageError, match="non-distributable layer"):
        read(tmp_path / "i.tar", cache)


def test_a_link_to_another_layer_is_followed(tmp_path: Path, cache: BlobCache) -> None:
    link = special("l/layer.tar", tarfile.SYMTYPE, "../other/layer.tar")
    assert read(saved(tmp_path / "i.tar", {"other/layer.tar": LAYER}, link), cache).layers


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, cache: BlobCache) -> None:
    path = saved(tmp_path / "i.tar", {"l/layer.tar": LAYER})
    first = read(path, cache)
    state = path.stat()
    with path.open("r+b") as file:
        file.write(b"not a tar")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert read(path, cache) == first


def test_a_file_is_read_again_when_its_layers_left_the_cache(
    tmp_path: Path, cache: BlobCache
) -> None:
    path = saved(tmp_path / "i.tar", {"l/layer.tar": LAYER})
    first = read(path, cache)
    cache.blob_path(first.layers[0].blob.digest).unlink()
    assert read(path, cache) == first
    assert cache.get(first.layers[0].blob.digest)


def test_an_index_is_searched_for_the_platform(tmp_path: Path, cache: BlobCache) -> None:
    path = oci_index(tmp_path, ("arm64", "amd64"))
    for architecture in ("amd64", "arm64", "amd64"):
        image = find_base_image("", path, architecture=architecture, cache=cache)
        assert f'"{architecture}"'.encode() in image.config


def test_the_error_for_a_missing_platform_lists_those_of_the_index(
    tmp_path: Path, cache: BlobCache
) -> None:
    with pytest.raises(ImageError, match=r"no manifest for linux/amd64, only for linux/arm64"):
        read(oci_index(tmp_path, ("arm64",)), cache)


def test_the_wrong_architecture_is_named(tmp_path: Path, cache: BlobCache) -> None:
    write_docker_archive(tmp_path / "i.tar", "a:1", [TREE], RUN, "arm64")
    with pytest.raises(ImageError, match=r"is for linux/arm64; the function runs on linux/amd64"):
        read(tmp_path / "i.tar", cache)


def test_a_missing_file_is_named(tmp_path: Path, cache: BlobCache) -> None:
    with pytest.raises(
        ImageNotFoundError, match=r"debian:12 was not found: cannot read .*gone\.tar"
    ):
        read(tmp_path / "gone.tar", cache, "debian:12")


def test_the_error_for_a_missing_image_lists_all_sources(cache: BlobCache) -> None:
    with pytest.raises(ImageNotFoundError) as caught:
        find_base_image("a:1", None, architecture="amd64", cache=cache, sources=[Empty(), Empty()])
    assert caught.value.problem.count("nothing at unix:///x") == 2
    assert "docker save a:1" in caught.value.remedy


def test_a_registry_that_cannot_be_reached_is_named_first(cache: BlobCache) -> None:
    with pytest.raises(ImageError) as caught:
        find_base_image(
            "a:1", None, architecture="amd64", cache=cache, sources=[Empty(), Failing(UNREACHABLE)]
        )
    assert caught.value.problem.startswith(
        "The image a:1 could not be fetched: the registry could not be reached:"
        " GET https://r/v2/ failed: Connection refused (2 attempts)."
    )
    assert "nothing at unix:///x" in caught.value.problem
    assert "was not found" not in caught.value.problem
    assert "network" in caught.value.remedy
    assert "proxy" in caught.value.remedy
    assert "docker save a:1" in caught.value.remedy


def test_an_error_response_of_the_registry_is_named_first(cache: BlobCache) -> None:
    with pytest.raises(RegistryError, match=r"could not be fetched: 500 broken\.") as caught:
        find_base_image(
            "a:1",
            None,
            architecture="amd64",
            cache=cache,
            sources=[Failing(BROKEN)],
        )
    assert "could not be reached" not in caught.value.problem
    assert caught.value.status == 500


def test_the_remedy_for_a_missing_image_mentions_the_option_for_files(cache: BlobCache) -> None:
    with pytest.raises(ImageNotFoundError) as caught:
        find_base_image("a:1", None, architecture="amd64", cache=cache, sources=[Empty()])
    assert "container.image_file" in caught.value.remedy
    assert "-if FILE" in caught.value.remedy


def test_without_any_socket_the_message_reports_it(cache: BlobCache) -> None:
    with pytest.raises(ImageNotFoundError, match="No Docker or Podman socket"):
        find_base_image("a:1", None, architecture="amd64", cache=cache)


def test_several_images_need_a_name(tmp_path: Path, cache: BlobCache) -> None:
    config = CONFIG.decode()
    index = [{"Config": "c", "RepoTags": [f"a:{n}"], "Layers": ["l/layer.tar"]} for n in (1, 2)]
    path = saved(
        tmp_path / "i.tar",
        {"manifest.json": json.dumps(index).encode(), "c": config.encode(), "l/layer.tar": LAYER},
    )
    with pytest.raises(ImageError, match=r"2 images \(a:1, a:2\)"):
        read(path, cache)
    assert read(path, cache, "a:2").name == "a:2"


INVALID: dict[str, Callable[[Path], Path]] = {
    "points outside": lambda p: saved(p, {"../evil": b"x" * 600}),
    "name '/etc/passwd' points outside": lambda p: saved(p, {"/etc/passwd": b"x" * 600}),
    "points outside the archive": lambda p: saved(
        p, {}, special("l", tarfile.SYMTYPE, "../../etc/passwd")
    ),
    "name '/etc/shadow'": lambda p: saved(p, {}, special("l", tarfile.LNKTYPE, "/etc/shadow")),
    "device": lambda p: saved(p, {}, special("null", tarfile.CHRTYPE)),
    "special file": lambda p: saved(p, {}, special("pipe", tarfile.FIFOTYPE)),
    "cyclic link": lambda p: saved(
        p, {}, special("l/layer.tar", tarfile.SYMTYPE, "../l/layer.tar")
    ),
    "rootfs.diff_ids does not match": lambda p: saved(
        p, {"l/layer.tar": build_tar({"x": LayerFile(b"y")})}
    ),
    "l/layer.tar is missing": lambda p: saved(p, {}),
    "zstd": lambda p: saved(p, {"l/layer.tar": b"\x28\xb5\x2f\xfd" + b"x" * 900}),
    "does not match the digest in its name": lambda p: saved(
        p, {"l/layer.tar": LAYER}, config=f"{'0' * 64}.json"
    ),
    "not JSON": lambda p: saved(p, {"manifest.json": b"{"}),
    "an object was expected": lambda p: saved(p, {"manifest.json": b"[1]"}),
    "too large": lambda p: saved(p, {"manifest.json": b"[" * (5 << 20)}),
    "truncated": lambda p: saved(
        p, {"l/layer.tar": gzip.compress(LAYER, mtime=0)[:-9] + b"\0" * 512}
    ),
}


@pytest.mark.parametrize("problem", INVALID)
def test_a_malicious_or_corrupt_archive_is_refused(
    problem: str, tmp_path: Path, cache: BlobCache
) -> None:
    path = INVALID[problem](tmp_path / "i.tar")
    with pytest.raises(ImageError) as caught:
        read(path, cache)
    assert problem in caught.value.problem
    assert str(path) in caught.value.problem
    assert caught.value.remedy
    assert not list(cache.incoming.iterdir())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.8])
def test_a_truncated_archive_is_refused(
    share: float, packed: bool, tmp_path: Path, cache: BlobCache
) -> None:
    path = tmp_path / "i.tar"
    write_docker_archive(path, "a:1", [TREE, {"big": LayerFile(bytes(range(256)) * 400)}], RUN)
    data = gzip.compress(path.read_bytes()) if packed else path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError):
        read(path, cache)
    assert not list(cache.incoming.iterdir())


def test_an_archive_cut_within_a_file_is_recognized_by_its_headers(tmp_path: Path) -> None:
    path, cut = tmp_path / "i.tar", tmp_path / "cut.tar"
    write_docker_archive(path, "a:1", [TREE, {"big": LayerFile(bytes(range(256)) * 40)}], RUN)
    require_image_file(path)
    data = path.read_bytes()
    with tarfile.open(path) as archive:
        members = [(m.name, m.offset_data, m.offset_data + m.size) for m in archive if m.size]
    for name, start, end in members:
        for size in {start, start + 1, (start + end) // 2, end - 1}:
            cut.write_bytes(data[:size])
            with pytest.raises(ImageError, match="is truncated: it ends within its file") as caught:
                require_image_file(cut)
            assert name in caught.value.problem
        cut.write_bytes(data[:end])
        require_image_file(cut)  # not found without reading the manifest


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 9 << 30])
@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["short", "é" * 200])
def test_sizes_of_all_forms_are_read(
    tmp_path: Path, size: int, tar_format: Literal[1, 2], name: str
) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    header = info.tobuf(tar_format)
    path = tmp_path / "sparse.tar"
    for missing in (0, 1) if size else (0,):
        with path.open("wb") as file:
            file.write(header)
            file.truncate(len(header) + size - missing)
        with path.open("rb") as file:
            assert bool(find_cut_member(file)) == bool(missing)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8b", b"\0" * 2048])
def test_a_file_that_is_not_an_archive_is_refused(
    data: bytes, tmp_path: Path, cache: BlobCache
) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ImageError, match="archive"):
        read(tmp_path / "x", cache)


def test_an_exported_container_is_recognised(tmp_path: Path, cache: BlobCache) -> None:
    (tmp_path / "x").write_bytes(LAYER)
    with pytest.raises(ImageError) as caught:
        read(tmp_path / "x", cache)
    assert "not `docker export`" in caught.value.remedy


class Empty:
    endpoint = "unix:///x"

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        raise ImageNotFoundError("nothing at unix:///x.", remedy="")


UNREACHABLE = RegistryUnreachableError(
    "GET https://r/v2/ failed: Connection refused (2 attempts).", remedy="Try again."
)
BROKEN = RegistryError("500 broken.", remedy="Try again.", status=500)


class Failing:
    endpoint = "https://r"

    def __init__(self, error: RegistryError) -> None:
        self.error = error

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        raise self.error


class Slow(Empty):
    """Has no image, but says so only after someone has seen a line."""

    endpoint = "the registry"

    def __init__(self) -> None:
        self.seen = threading.Event()
        self.lines: list[str] = []

    def show(self, line: str) -> None:
        self.lines.append(line)
        self.seen.set()

    def find(self, name: str, architecture: str, cache: BlobCache) -> BaseImage:
        assert self.seen.wait(60)
        return super().find(name, architecture, cache)


def test_a_source_that_takes_long_is_named(cache: BlobCache) -> None:
    source = Slow()
    meter = Meter("Reading", show=source.show, patience=0.001)
    with pytest.raises(ImageNotFoundError):
        find_base_image(
            "r:5/a:1", None, architecture="amd64", cache=cache, sources=[source], meter=meter
        )
    assert source.lines[0].startswith("Waiting for the registry to send r:5/a:1: ")


def oci_index(folder: Path, architectures: tuple[str, ...]) -> Path:
    """Write an OCI layout whose only entry is an index of several platforms."""
    files: dict[str, bytes] = {}

    def put(data: bytes) -> str:
        digest = digest_of(data)
        files[f"blobs/{digest.replace(':', '/')}"] = data
        return digest

    entries = []
    for architecture in architectures:
        image = build_image([TREE], RUN, architecture)
        for blob in (*image.blobs, image.manifest):
            assert isinstance(blob.data, bytes)
            put(blob.data)
        entries.append(
            {
                "digest": image.digest,
                "mediaType": OCI_MANIFEST,
                "platform": {"os": "linux", "architecture": architecture},
            }
        )
    inner = put(json.dumps({"manifests": entries, "mediaType": INDEX_MEDIA_TYPES[0]}).encode())
    top = {"manifests": [{"digest": inner, "mediaType": INDEX_MEDIA_TYPES[0]}]}
    files["index.json"] = json.dumps(top).encode()
    with tarfile.open(folder / "oci.tar", "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return folder / "oci.tar"
