"""The registry service with scar's own client: push, pull, errors."""

from __future__ import annotations

import http.client
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from scar.image.compose.tree_images import build_image
from scar.image.errors import ImageError, ImageNotFoundError, RegistryError
from scar.image.formats.blobs import Blob, BlobCache, digest_of
from scar.image.formats.layer import LayerFile
from scar.image.formats.manifest import DOCKER_MANIFEST, OCI_INDEX, Json, dump_json
from scar.image.formats.resolver import find_base_image
from scar.image.registry.credentials import Login
from scar.image.registry.push import push_image
from scar.image.registry.repository import RepositoryClient
from scar.local.registry.images import RegistryImageResolver, split_image_uri
from scar.local.registry.service import RegistryService
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.local.registry.conftest import Registry

RUN = ImageDefaults(entrypoint=("/opt/scar/launch",), environment={"PATH": "/bin", "A": "b=c"})
IMAGE = build_image([{"bin/x": LayerFile(b"x" * 5000)}, {"etc/y": LayerFile(b"y")}], RUN)
AUTH = ("AWS", "secret")


def test_a_pushed_image_is_resolved_by_digest_and_by_tag(registry: Registry) -> None:
    with registry.repository() as repository:
        push_image(IMAGE, repository, lambda _: None, tags=("v1",))
    images = RegistryImageResolver(registry.service.store)
    host = "123456789012.dkr.ecr.us-east-1.amazonaws.com/scar/f"
    image = images.resolve(f"{host}@{IMAGE.digest}")
    assert image == replace(images.resolve(f"{host}:v1"), reference=image.reference)
    assert (image.digest, image.config_digest) == (IMAGE.digest, IMAGE.config.digest)
    assert image.entrypoint == RUN.entrypoint
    assert image.environment == RUN.environment
    assert [(layer.digest, layer.diff_id) for layer in image.layers] == [
        (layer.blob.digest, layer.diff_id) for layer in IMAGE.layers
    ]
    assert all(digest_of(layer.path.read_bytes()) == layer.digest for layer in image.layers)
    assert digest_of(image.config.read_bytes()) == IMAGE.config.digest


def test_a_second_push_uploads_nothing(registry: Registry) -> None:
    reports: list[str] = []
    with registry.repository() as repository:
        push_image(IMAGE, repository, reports.append)
        assert len(reports) == 3
        push_image(IMAGE, repository, reports.append)
        assert len(reports) == 3
        assert repository.has_manifest(IMAGE.digest)


@pytest.mark.parametrize("reference", ["scar/f:gone", "scar/g@sha256:" + "0" * 64, "x/y"])
def test_an_image_that_was_not_pushed_is_named(registry: Registry, reference: str) -> None:
    with pytest.raises(ImageNotFoundError) as caught:
        RegistryImageResolver(registry.service.store).resolve(reference)
    assert reference in caught.value.problem


def test_an_index_is_refused_where_an_image_is_needed(registry: Registry) -> None:
    entry: Json = {"digest": IMAGE.digest, "mediaType": IMAGE.media_type, "size": 1}
    index = Blob.from_bytes(dump_json({"mediaType": OCI_INDEX, "manifests": [entry]}))
    with registry.repository() as repository:
        with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
            repository.put_manifest(index, OCI_INDEX, "all")
        push_image(IMAGE, repository, lambda _: None)
        repository.put_manifest(index, OCI_INDEX, "all")
    with pytest.raises(ImageError, match="index of several"):
        RegistryImageResolver(registry.service.store).resolve("scar/f:all")


def test_a_manifest_without_its_blobs_is_refused(registry: Registry) -> None:
    with registry.repository() as repository:
        repository.put_blob(IMAGE.config)
        with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
            repository.put_manifest(IMAGE.manifest, IMAGE.media_type)


def test_a_blob_with_another_digest_is_rejected_and_not_stored(registry: Registry) -> None:
    wrong = Blob(digest=digest_of(b"other"), size=4, data=b"this")
    with registry.repository() as repository:
        with pytest.raises(RegistryError, match="DIGEST_INVALID"):
            repository.put_blob(wrong)
        assert not repository.has_blob(wrong.digest)
    assert not list(registry.service.store.incoming.iterdir())


def test_a_blob_of_another_repository_is_unknown_until_it_is_mounted(registry: Registry) -> None:
    blob = Blob.from_bytes(b"shared")
    with registry.repository("one") as one, registry.repository("two") as two:
        one.put_blob(blob)
        assert not two.has_blob(blob.digest)
        url = f"{registry.endpoint}/v2/two/blobs/uploads/?mount={blob.digest}&from="
        assert requests.post(f"{url}none", auth=AUTH, timeout=60).status_code == 202
        assert requests.post(f"{url}one", auth=AUTH, timeout=60).status_code == 201
        assert two.has_blob(blob.digest)


def test_an_upload_in_pieces_is_assembled(registry: Registry) -> None:
    base = f"{registry.endpoint}/v2/scar/f/blobs/uploads/"
    started = requests.post(base, auth=AUTH, timeout=60)
    place = registry.endpoint + started.headers["location"]
    one = requests.patch(place, data=b"hello ", auth=AUTH, timeout=60)
    assert (one.status_code, one.headers["range"]) == (202, "0-5")
    wrong = {"content-range": "99-100"}
    again = requests.patch(place, data=b"xx", headers=wrong, auth=AUTH, timeout=60)
    assert again.status_code == 416
    parts = iter([b"wor", b"ld"])  # sent in chunks, without a length
    requests.patch(place, data=parts, headers={"content-range": "6-10"}, auth=AUTH, timeout=60)
    assert requests.get(place, auth=AUTH, timeout=60).headers["range"] == "0-10"
    digest = digest_of(b"hello world")
    done = requests.put(f"{place}?digest={digest}", auth=AUTH, timeout=60)
    assert (done.status_code, done.headers["docker-content-digest"]) == (201, digest)
    read = requests.get(f"{registry.endpoint}/v2/scar/f/blobs/{digest}", auth=AUTH, timeout=60)
    assert read.content == b"hello world"
    assert requests.get(place, auth=AUTH, timeout=60).status_code == 404


def test_a_cancelled_upload_leaves_nothing(registry: Registry) -> None:
    base = f"{registry.endpoint}/v2/scar/f/blobs/uploads/"
    place = registry.endpoint + requests.post(base, auth=AUTH, timeout=60).headers["location"]
    assert requests.delete(place, auth=AUTH, timeout=60).status_code == 204
    assert not list(registry.service.store.incoming.iterdir())


def test_an_interrupted_upload_is_started_again(registry: Registry) -> None:
    blob = Blob.from_bytes(b"z" * 100_000)
    host = urlsplit(registry.endpoint).netloc
    with registry.repository() as repository:
        connection = http.client.HTTPConnection(host, timeout=60)
        base = f"{registry.endpoint}/v2/scar/f/blobs/uploads/"
        place = requests.post(base, auth=AUTH, timeout=60).headers["location"]
        connection.putrequest("PUT", f"{place}?digest={blob.digest}")
        connection.putheader("Authorization", "Basic QVdTOnNlY3JldA==")
        connection.putheader("Content-Length", "100000")
        connection.endheaders(b"z" * 1000)
        connection.close()
        repository.put_blob(blob)
        assert repository.has_blob(blob.digest)


@pytest.mark.parametrize("auth", [None, ("AWS", "wrong"), ("other", "secret")])
def test_a_caller_without_the_password_is_refused(
    registry: Registry, auth: tuple[str, str] | None
) -> None:
    answer = requests.get(f"{registry.endpoint}/v2/", auth=auth, timeout=60)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    login = Login(*auth) if auth else None
    with (
        RepositoryClient(registry.endpoint, "scar/f", login) as repository,
        pytest.raises(RegistryError, match="401") as caught,
    ):
        repository.put_blob(IMAGE.config)
    assert "login" in caught.value.remedy


def test_a_repository_that_was_not_created_is_refused(registry: Registry) -> None:
    with (
        registry.repository("absent/f") as repository,
        pytest.raises(RegistryError, match="NAME_UNKNOWN"),
    ):
        repository.put_blob(IMAGE.config)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/../../etc/manifests/x",
        "/v2/%2e%2e/%2e%2e/manifests/x",
        "/v2/Up/manifests/x",
        f"/v2/{'a' * 300}/manifests/x",
        "/v2/a/manifests/..%2f..",
        "/v2/a/manifests/-bad",
        "/v2/a/manifests/sha256:abc",
        "/v2/a/blobs/sha256:..",
        "/v2/a/blobs/uploads/../../x",
        "/v2/a/tags/list",
        "/v2/a/other/x",
    ],
)
def test_unsafe_and_unknown_names_are_refused(registry: Registry, path: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(registry.endpoint).netloc, timeout=60)
    connection.request("GET", path, headers={"Authorization": "Basic QVdTOnNlY3JldA=="})
    answer = connection.getresponse()
    assert b'"errors"' in answer.read()
    connection.close()
    assert answer.status in {400, 404}


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"mediaType": "x"}', b'{"layers": [{}]}'])
def test_a_damaged_manifest_is_refused(registry: Registry, data: bytes) -> None:
    with registry.repository() as repository, pytest.raises(RegistryError, match="400 MANIFEST_"):
        repository.put_manifest(Blob.from_bytes(data), DOCKER_MANIFEST, "t")


def test_tags_are_listed_and_moved_and_deleted_with_their_manifest(registry: Registry) -> None:
    other = build_image([{"z": LayerFile(b"z")}], RUN)
    with registry.repository() as repository:
        push_image(IMAGE, repository, lambda _: None, tags=("a", "b"))
        push_image(other, repository, lambda _: None, tags=("b",))
        url = f"{registry.endpoint}/v2/scar/f"
        listed = requests.get(f"{url}/tags/list", auth=AUTH, timeout=60).json()
        assert listed == {"name": "scar/f", "tags": ["a", "b"]}
        read = requests.get(f"{url}/manifests/b", auth=AUTH, timeout=60)
        assert read.headers["docker-content-digest"] == other.digest
        assert read.headers["content-type"] == other.media_type
        repository.delete_manifest(IMAGE.digest)
        repository.delete_manifest(IMAGE.digest)
        assert registry.service.store.list_tags("scar/f") == ["b"]
        assert requests.delete(f"{url}/manifests/b", auth=AUTH, timeout=60).status_code == 202
        assert repository.has_manifest(other.digest)


def test_a_restart_keeps_images_and_removes_unreferenced_blobs(registry: Registry) -> None:
    stray = Blob.from_bytes(b"stray")
    with registry.repository() as repository:
        push_image(IMAGE, repository, lambda _: None)
        repository.put_blob(stray)
    store = RegistryService(registry.folder, "secret").store
    assert RegistryImageResolver(store).resolve(f"scar/f@{IMAGE.digest}").layers
    assert not store.blob_path(stray.digest).exists()
    assert not store.has_blob("scar/f", stray.digest)


def test_a_transient_error_is_retried() -> None:
    waits: list[float] = []
    repository = RepositoryClient("http://127.0.0.1:1", "a", sleep=waits.append)
    with repository, pytest.raises(RegistryError, match=r"2 attempts"):
        repository.put_blob(Blob.from_bytes(b"x"))
    assert waits == [1.0]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("1.dkr.ecr.eu-west-1.amazonaws.com/scar/f@sha256:ab", ("scar/f", "sha256:ab")),
        ("127.0.0.1:5000/scar/f:v1", ("scar/f", "v1")),
        ("scar/f", ("scar/f", "latest")),
        ("localhost/f:v1@sha256:ab", ("f", "sha256:ab")),
    ],
)
def test_image_uris_are_split(uri: str, expected: tuple[str, str]) -> None:
    assert split_image_uri(uri) == expected


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
def test_skopeo_can_push_and_pull(registry: Registry, tmp_path: Path) -> None:
    IMAGE.save(tmp_path / "in.tar", "x:1")
    remote = f"docker://{urlsplit(registry.endpoint).netloc}/scar/f:s"
    skopeo = ["skopeo", "copy", "--insecure-policy"]
    login = ["--dest-tls-verify=false", "--dest-creds", "AWS:secret"]
    subprocess.run(
        [*skopeo, *login, f"docker-archive:{tmp_path}/in.tar", remote], check=True, timeout=300
    )
    login = ["--src-tls-verify=false", "--src-creds", "AWS:secret"]
    subprocess.run(
        [*skopeo, *login, remote, f"docker-archive:{tmp_path}/out.tar:x:1"], check=True, timeout=300
    )
    image = find_base_image(
        "x:1", tmp_path / "out.tar", architecture="amd64", cache=BlobCache(tmp_path / "c")
    )
    assert [layer.diff_id for layer in image.layers] == [item.diff_id for item in IMAGE.layers]
