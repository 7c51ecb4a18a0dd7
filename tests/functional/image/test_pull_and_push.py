"""Images are pulled from and pushed to registries: Debian's own, and a fake with failures."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import zstandard

from scar.image.compose.function_image import compose_image
from scar.image.compose.tree_images import build_image
from scar.image.errors import ImageError, ImageNotFoundError, RegistryError
from scar.image.formats.blobs import BlobCache, digest_of
from scar.image.formats.layer import LayerFile, LayerFolder, build_layer, build_tar
from scar.image.formats.manifest import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Json, dump_json
from scar.image.formats.resolver import find_base_image
from scar.image.registry.credentials import Login
from scar.image.registry.pull import RegistryImageSource
from scar.image.registry.push import push_image
from scar.image.registry.repository import RepositoryClient
from supervisor.config import config_to_json as dump_config
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults
from tests.fakes.registries import FaultyRegistry, debian_registry, faulty_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.image.formats.composed_image import ComposedImage

RUN = ImageDefaults(entrypoint=("/bin/x",), environment={"PATH": "/bin"})
TREES = [{"bin/x": LayerFile(bytes(range(256)) * 4000)}, {"etc/y": LayerFile(b"y" * 100)}]
IMAGE = build_image(TREES, RUN)
MADE = FunctionConfig(
    name="f", mode=ExecutionMode.LAMBDA, state_bucket="s", script="run.sh", image=RUN
)


@dataclass(frozen=True)
class Known:
    """The same login for every registry."""

    known: Login | None = None

    def login(self, registry: str) -> Login | None:
        return self.known


@pytest.fixture
def bad() -> Iterator[FaultyRegistry]:
    with faulty_registry() as how:
        yield how


@pytest.fixture
def cache(tmp_path: Path) -> BlobCache:
    return BlobCache(tmp_path / "cache")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    data = build_layer(
        {"opt/scar/launch": LayerFile(b"#!", 0o755), "opt/scar/lib": LayerFolder()}
    ).blob.data
    assert isinstance(data, bytes)
    (tmp_path / "bundle.tar.gz").write_bytes(data)
    return tmp_path / "bundle.tar.gz"


@contextmanager
def registries(login: Login | None = None) -> Iterator[RegistryImageSource]:
    with RegistryImageSource(Known(login), sleep=lambda _: None) as opened:
        yield opened


def repository(endpoint: str, name: str = "made", login: Login | None = None) -> RepositoryClient:
    return RepositoryClient(endpoint, name, login, sleep=lambda _: None)


def remade(
    name: str, cache: BlobCache, bundle: Path, opened: RegistryImageSource, script: bytes = b"1"
) -> ComposedImage:
    base = find_base_image(name, None, architecture="x86_64", cache=cache, sources=[opened])
    return compose_image(base, bundle, dump_config(MADE), script)


@pytest.mark.parametrize("login", [None, Login("me", "pass:word")], ids=["open", "password"])
def test_an_image_goes_from_a_real_registry_through_composition_into_another_repository(
    tmp_path: Path, cache: BlobCache, bundle: Path, login: Login | None
) -> None:
    pair = (login.user, login.password) if login else None
    with debian_registry(tmp_path, pair) as endpoint, registries(login) as opened:
        name = f"{endpoint.removeprefix('http://')}/base/image:1"
        lines: list[str] = []
        with repository(endpoint, "base/image", login) as source:
            push_image(IMAGE, source, lines.append, tags=("1",))
        with repository(endpoint, "made/one", login) as target:
            image = remade(name, cache, bundle, opened)
            push_image(image, target, lines.append)
            assert target.has_manifest(image.digest)
            lines.clear()
            # Only the script changed: its layer and the configuration are sent.
            push_image(remade(name, cache, bundle, opened, b"2"), target, lines.append)
            assert len(lines) == 2
            lines.clear()
            push_image(remade(name, cache, bundle, opened, b"2"), target, lines.append)
            assert lines == []
        if login is not None:
            with registries() as strangers, pytest.raises(ImageNotFoundError) as refused:
                strangers.find(name, "amd64", cache)
            assert "docker login" in refused.value.remedy


def test_layers_of_the_same_registry_are_mounted_and_not_sent(
    tmp_path: Path, cache: BlobCache, bundle: Path
) -> None:
    with debian_registry(tmp_path) as endpoint, registries() as opened:
        with repository(endpoint, "base/image") as source:
            push_image(IMAGE, source, lambda _: None, tags=("1",))
        image = remade(f"{endpoint.removeprefix('http://')}/base/image:1", cache, bundle, opened)
        with repository(endpoint, "made/one") as target:
            sent = [
                target.put_blob(blob, "base/image" if blob in known else "")
                for known in [[item.blob for item in image.layers[:2]]]
                for blob in image.blobs
            ]
            assert sent == [False, False, True, True, True]
            push_image(image, target, lambda _: None)


def test_an_interrupted_download_is_resumed(
    bad: FaultyRegistry, cache: BlobCache, bundle: Path, tmp_path: Path
) -> None:
    bad.add_image(IMAGE, "1")
    bad.broken_downloads = 6
    with registries() as opened, faulty_registry() as other, repository(other.endpoint) as target:
        image = remade(f"{bad.host}/a:1", cache, bundle, opened)
        push_image(image, target, lambda _: None)
        assert image.digest in other.manifests
        assert all(other.blobs[item.blob.digest] for item in image.layers)
    assert bad.broken_downloads == 0


def test_a_registry_without_ranges_is_read_again_from_the_beginning(
    bad: FaultyRegistry, cache: BlobCache, bundle: Path
) -> None:
    bad.add_image(IMAGE, "1")
    bad.ranges = False
    bad.broken_downloads = 3
    with registries() as opened, faulty_registry() as other, repository(other.endpoint) as target:
        push_image(remade(f"{bad.host}/a:1", cache, bundle, opened), target, lambda _: None)
        assert len(other.manifests) == 1


def test_a_download_that_is_always_interrupted_ends_with_an_error_and_no_manifest(
    bad: FaultyRegistry, cache: BlobCache, bundle: Path
) -> None:
    bad.add_image(IMAGE, "1")
    with registries() as opened, faulty_registry() as other, repository(other.endpoint) as target:
        image = remade(f"{bad.host}/a:1", cache, bundle, opened)
        bad.broken_downloads, bad.ranges = 10**6, False
        with pytest.raises(RegistryError, match=r"was interrupted|ended after"):
            push_image(image, target, lambda _: None)
        assert not other.manifests


def test_content_that_does_not_match_its_digest_is_refused_and_no_image_is_pushed(
    bad: FaultyRegistry, cache: BlobCache, bundle: Path
) -> None:
    bad.add_image(IMAGE, "1")
    bad.corrupt_digests = frozenset({IMAGE.layers[0].blob.digest})
    with registries() as opened, faulty_registry() as other, repository(other.endpoint) as target:
        image = remade(f"{bad.host}/a:1", cache, bundle, opened)
        with pytest.raises(RegistryError, match="does not match its digest"):
            push_image(image, target, lambda _: None)
        assert not other.manifests
        assert IMAGE.layers[0].blob.digest not in other.blobs


def test_a_manifest_that_does_not_match_its_digest_is_refused(
    bad: FaultyRegistry, cache: BlobCache
) -> None:
    bad.add_image(IMAGE, "1")
    bad.manifests[IMAGE.digest] = (b"{}", OCI_MANIFEST)
    with (
        registries() as opened,
        pytest.raises(RegistryError, match="does not match its digest sha256"),
    ):
        find_base_image(
            f"{bad.host}/a@{IMAGE.digest}",
            None,
            architecture="amd64",
            cache=cache,
            sources=[opened],
        )


def test_a_throttled_request_is_retried_after_the_time_of_retry_after(
    bad: FaultyRegistry, cache: BlobCache
) -> None:
    bad.add_image(IMAGE, "1")
    bad.throttled = 3
    waits: list[float] = []
    with RegistryImageSource(Known(), sleep=waits.append) as opened:
        opened.find(f"{bad.host}/a:1", "amd64", cache)
    assert waits == [3.0, 3.0, 3.0]


def test_an_interrupted_upload_starts_again(
    bad: FaultyRegistry, cache: BlobCache, bundle: Path
) -> None:
    bad.broken_uploads = 3
    with repository(bad.endpoint) as target:
        push_image(IMAGE, target, lambda _: None)
    assert bad.broken_uploads == 0
    assert IMAGE.digest in bad.manifests


@pytest.mark.parametrize("uses", [6, 9])
def test_tokens_that_expire_in_the_middle_are_renewed(
    bad: FaultyRegistry, cache: BlobCache, bundle: Path, uses: int
) -> None:
    bad.add_image(IMAGE, "1")
    bad.token_uses, bad.user = uses, "me"
    login = Login("me", "secret")
    with registries(login) as opened, repository(bad.endpoint, "b", login) as target:
        push_image(remade(f"{bad.host}/a:1", cache, bundle, opened), target, lambda _: None)
    assert len(bad.manifests) == 3
    assert len(bad.tokens) > 1


def test_the_error_for_a_refused_token_explains_how_to_log_in(
    bad: FaultyRegistry, cache: BlobCache
) -> None:
    bad.add_image(IMAGE, "1")
    bad.token_uses, bad.user = 1, "me"
    with registries() as opened, pytest.raises(ImageError) as refused:
        opened.find(f"{bad.host}/a:1", "amd64", cache)
    assert "issued no token" in refused.value.problem
    assert "docker login" in refused.value.remedy


def test_an_index_is_searched_for_the_architecture(bad: FaultyRegistry, cache: BlobCache) -> None:
    arm = build_image(TREES, RUN, "arm64")
    entries: list[Json] = [
        {"digest": "sha256:" + "0" * 64, "platform": {"os": "unknown", "architecture": "unknown"}},
        {"digest": arm.digest, "platform": {"os": "linux", "architecture": "arm64"}},
    ]
    bad.add_image(arm)
    bad.manifests["1"] = (dump_json({"schemaVersion": 2, "manifests": entries}), OCI_INDEX)
    with registries() as opened:
        found = find_base_image(
            f"{bad.host}/a:1", None, architecture="arm64", cache=cache, sources=[opened]
        )
        assert [item.diff_id for item in found.layers] == [item.diff_id for item in arm.layers]
        with pytest.raises(
            ImageError, match=r"no manifest for linux/amd64, only for linux/arm64\."
        ):
            opened.find(f"{bad.host}/a:1", "amd64", cache)


def test_one_manifest_of_the_wrong_architecture_names_both(
    bad: FaultyRegistry, cache: BlobCache
) -> None:
    bad.add_image(build_image(TREES, RUN, "arm64"), "1")
    with registries() as opened, pytest.raises(ImageError, match=r"linux/arm64.*linux/amd64"):
        opened.find(f"{bad.host}/a:1", "amd64", cache)


@pytest.mark.parametrize("kind", ["zstd", "tar"])
def test_layers_without_gzip_are_converted_once(
    bad: FaultyRegistry, cache: BlobCache, kind: str
) -> None:
    raw = build_tar(TREES[0])
    packed = zstandard.ZstdCompressor().compress(raw) if kind == "zstd" else raw
    suffix = "+zstd" if kind == "zstd" else ""
    _keep_with_layer(bad, packed, f"application/vnd.oci.image.layer.v1.tar{suffix}", digest_of(raw))
    with registries() as opened:
        first = opened.find(f"{bad.host}/a:1", "amd64", cache)
        count = bad.request_counts["GET blobs"]
        again = opened.find(f"{bad.host}/a:1", "amd64", cache)
    assert bad.request_counts["GET blobs"] == count + 1  # the configuration alone
    assert first.layers == again.layers
    assert first.layers[0].blob.digest == build_layer(TREES[0]).blob.digest


@pytest.mark.parametrize(
    ("media_type", "data", "problem"),
    [
        ("application/vnd.oci.image.layer.v1.tar+zstd", b"nonsense", "cannot be decompressed"),
        ("application/vnd.oci.image.layer.v1.tar", b"other", "has the diff ID sha256"),
        (
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            b"",
            "non-distributable layer",
        ),
        ("application/x-helm", b"", "unsupported type"),
    ],
)
def test_layers_that_cannot_be_used_are_refused(
    bad: FaultyRegistry, cache: BlobCache, media_type: str, data: bytes, problem: str
) -> None:
    _keep_with_layer(bad, data, media_type, digest_of(b"right"))
    with registries() as opened, pytest.raises(ImageError, match=problem):
        opened.find(f"{bad.host}/a:1", "amd64", cache)


def test_old_and_empty_images_are_refused(bad: FaultyRegistry, cache: BlobCache) -> None:
    old = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    bad.manifests["old"] = (b'{"schemaVersion": 1}', old)
    bad.add_image(build_image([], RUN), "empty")
    with registries() as opened:
        with pytest.raises(ImageError, match=r"unsupported manifest.*schema 1"):
            opened.find(f"{bad.host}/a:old", "amd64", cache)
        with pytest.raises(ImageError, match="is empty"):
            opened.find(f"{bad.host}/a:empty", "amd64", cache)
        with pytest.raises(ImageNotFoundError, match="does not have the image a, or denies"):
            opened.find(f"{bad.host}/a:gone", "amd64", cache)


def test_a_password_is_only_sent_to_its_registry(bad: FaultyRegistry, cache: BlobCache) -> None:
    """The password of a registry on HTTPS is not sent to a token service on plain HTTP."""
    from scar.image.registry.auth import RegistryAuth

    auth = RegistryAuth(
        "https://registry.example",
        "x",
        Login("me", "secret"),
        _NoClient(),  # type: ignore[arg-type]
    )
    assert auth.headers_for("https://elsewhere.example/blob") == {}
    sent = auth.headers_for("https://registry.example/v2/")["Authorization"]
    with pytest.raises(RegistryError, match="insecure token service"):
        auth.answer_challenge(sent, 'Bearer realm="http://elsewhere.example/token"')


class _NoClient:
    """A client with which no request may be sent."""


def _keep_with_layer(bad: FaultyRegistry, data: bytes, media_type: str, diff_id: str) -> None:
    config = dump_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    )
    for blob in (data, config):
        bad.blobs[digest_of(blob)] = blob
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"digest": digest_of(config), "size": len(config)},
        "layers": [{"digest": digest_of(data), "size": len(data), "mediaType": media_type}],
    }
    bad.manifests["1"] = (json.dumps(manifest).encode(), DOCKER_MANIFEST)
