"""What stores do when connections break, keys are wrong, or two processes write the same name."""

from __future__ import annotations

import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from supervisor.aws.retry import Backoff
from supervisor.errors import PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef, VersionPin
from supervisor.storage.onedata import OnedataStore
from supervisor.storage.probe import supports_conditions
from supervisor.storage.s3_protocol import MIB
from supervisor.storage.webdav.store import WebDavStore
from tests.fakes.stores.cutting_proxy import CuttingProxy, cutting_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from supervisor.connections import ProviderConfig
    from supervisor.storage.s3 import S3Store
    from tests.conformance.object_store_endpoints import S3Endpoint

QUICK = Backoff(sleep=lambda _seconds: None)
PLAIN_HTTP = ("minio-nanio", "webdav-apache", "onedata-double")
PROVIDERS = ("minio-local", *PLAIN_HTTP, "webdav-nginx")
FILES = ("webdav-apache", "webdav-nginx", "onedata-double")
ADDRESS = {"minio": "endpoint", "webdav": "hostname", "onedata": "oneprovider_host"}
WRONG = "wr0ng-s3cret-value"


def provider(endpoint: S3Endpoint) -> ProviderConfig:
    assert endpoint.config is not None
    return endpoint.config


@pytest.fixture
def proxy(endpoint: S3Endpoint) -> Iterator[CuttingProxy]:
    config = provider(endpoint)
    port = urlsplit(config.options[ADDRESS[config.kind]]).port
    assert port is not None
    with cutting_proxy(port) as running:
        yield running


@pytest.fixture
def store(
    endpoint: S3Endpoint, proxy: CuttingProxy
) -> Iterator[S3Store | WebDavStore | OnedataStore]:
    """Open the store behind the proxy; it repeats requests without pauses."""
    config = provider(endpoint)
    option = ADDRESS[config.kind]
    url = urlsplit(config.options[option])
    behind = url._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()
    moved = replace(config, options={**config.options, option: behind})
    store = without_pauses(replace(endpoint, config=moved).connect())
    yield store
    store.close()


def without_pauses(
    store: S3Store | WebDavStore | OnedataStore,
) -> S3Store | WebDavStore | OnedataStore:
    if isinstance(store, WebDavStore):
        api = replace(store.api, client=replace(store.api.client, backoff=QUICK))
        folders = replace(store.writer.folders, client=api.client)
        return replace(store, api=api, writer=replace(store.writer, api=api, folders=folders))
    if isinstance(store, OnedataStore):
        return replace(
            store, api=replace(store.api, client=replace(store.api.client, backoff=QUICK))
        )
    return replace(store, api=replace(store.api, client=replace(store.api.client, backoff=QUICK)))


@pytest.fixture
def ref(endpoint: S3Endpoint) -> ObjectRef:
    return ObjectRef(endpoint.provider, endpoint.bucket, f"{uuid.uuid4().hex}/my file.bin")


@pytest.mark.parametrize("endpoint", PLAIN_HTTP, indirect=True)
def test_an_upload_that_breaks_off_is_repeated(
    store: S3Store | WebDavStore | OnedataStore, proxy: CuttingProxy, ref: ObjectRef, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"0123456789abcdef" * (MIB // 8))
    proxy.cut_requests.append(MIB)
    uploaded = store.upload(source, ref, condition=IfNoneMatch(), metadata={"scar-run": "r"})
    assert proxy.cuts == 1
    found = store.read(ref)
    assert found is not None
    assert found[0] == source.read_bytes()
    assert found[1].etag == uploaded.etag


@pytest.mark.parametrize("endpoint", PLAIN_HTTP, indirect=True)
def test_an_upload_that_never_ends_leaves_no_object(
    endpoint: S3Endpoint,
    store: S3Store | WebDavStore | OnedataStore,
    proxy: CuttingProxy,
    ref: ObjectRef,
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(2 * MIB))
    proxy.cut_requests += [MIB] * 12
    with pytest.raises(StorageError, match=r"my file\.bin"):
        store.upload(source, ref, condition=IfNoneMatch())
    proxy.cut_requests.clear()
    assert endpoint.connect().head(ref) is None


@pytest.mark.parametrize("endpoint", PLAIN_HTTP, indirect=True)
def test_a_download_that_breaks_off_is_resumed(
    store: S3Store | WebDavStore | OnedataStore, proxy: CuttingProxy, ref: ObjectRef, tmp_path: Path
) -> None:
    content = b"0123456789abcdef" * (MIB // 4)
    stored = store.write(ref, content)
    store.close()
    proxy.cut_responses += [MIB, MIB]
    target = tmp_path / "back"
    found = store.download(ref, target, version=VersionPin(etag=stored.etag))
    assert proxy.cuts == 2
    assert target.read_bytes() == content
    assert found.size == len(content)


@pytest.mark.parametrize("endpoint", ["webdav-apache"], indirect=True)
@pytest.mark.parametrize("condition", [None, IfNoneMatch()])
def test_a_move_whose_response_was_lost_is_not_taken_for_another_writer(
    store: WebDavStore, proxy: CuttingProxy, ref: ObjectRef, condition: IfNoneMatch | None
) -> None:
    proxy.drop_response_to.append(b"MOVE /")
    store.write(ref, b"mine", condition=condition)
    assert proxy.cuts == 1
    found = store.read(ref)
    assert found is not None
    assert found[0] == b"mine"


@pytest.mark.parametrize("endpoint", ["onedata-double"], indirect=True)
@pytest.mark.parametrize("lost", [b"type=LNK", b"create_parents", b"DELETE /"])
def test_a_request_whose_response_was_lost_is_not_taken_for_another_writer(
    store: OnedataStore, proxy: CuttingProxy, ref: ObjectRef, lost: bytes
) -> None:
    proxy.drop_response_to.append(lost)
    store.write(ref, b"mine", condition=IfNoneMatch())
    assert proxy.cuts == 1
    found = store.read(ref)
    assert found is not None
    assert found[0] == b"mine"


@pytest.mark.parametrize("endpoint", PROVIDERS, indirect=True)
def test_wrong_keys_are_an_error_that_names_the_provider_and_no_key(
    endpoint: S3Endpoint, ref: ObjectRef
) -> None:
    wrong = replace(endpoint, secrets=dict.fromkeys(endpoint.secrets, WRONG))
    with pytest.raises(StorageError) as caught:
        wrong.connect().write(ref, b"x")
    text = f"{caught.value.problem} {caught.value.remedy} {caught.value.__cause__!r}"
    assert WRONG not in text
    assert provider(endpoint).name in caught.value.remedy
    assert "storage_providers" in caught.value.remedy


@pytest.mark.parametrize("endpoint", ["minio-local", "minio-nanio"], indirect=True)
def test_a_missing_bucket_of_another_store_is_named_with_the_provider(
    endpoint: S3Endpoint, ref: ObjectRef
) -> None:
    with pytest.raises(StorageError, match="no-such-bucket") as caught:
        endpoint.connect().write(replace(ref, bucket="no-such-bucket-here"), b"x")
    assert "minio.lab" in caught.value.remedy


@pytest.mark.parametrize("endpoint", ["webdav-apache", "webdav-nginx"], indirect=True)
def test_an_address_without_its_folder_is_an_error_with_a_remedy(
    endpoint: S3Endpoint, ref: ObjectRef
) -> None:
    config = provider(endpoint)
    hostname = f"{config.options['hostname']}/absent/folder"
    elsewhere = replace(config, options={**config.options, "hostname": hostname})
    with pytest.raises(StorageError, match=r"my file\.bin") as caught:
        replace(endpoint, config=elsewhere).connect().write(ref, b"x")
    assert "webdav.cloud" in caught.value.remedy


@pytest.mark.parametrize("endpoint", FILES, indirect=True)
def test_of_writers_at_once_the_complete_file_of_one_remains(
    endpoint: S3Endpoint, ref: ObjectRef
) -> None:
    contents = [str(number).encode() * 50_000 for number in range(8)]

    def write(content: bytes) -> bool:
        store = endpoint.connect()
        try:
            store.write(ref, content, condition=IfNoneMatch())
        except PreconditionFailed:
            return False
        finally:
            store.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [c for c, ok in zip(contents, pool.map(write, contents), strict=True) if ok]
    store = endpoint.connect()
    found = store.read(ref)
    store.close()
    assert found is not None
    assert found[0] in won
    assert len(won) == 1 or not endpoint.atomic


@pytest.mark.parametrize("endpoint", FILES, indirect=True)
def test_many_files_are_written_into_a_new_folder_at_once(endpoint: S3Endpoint) -> None:
    store = endpoint.connect()
    folder = f"{uuid.uuid4().hex}/two words/ü/100%25/#1"
    refs = [ObjectRef(endpoint.provider, endpoint.bucket, f"{folder}/{n}") for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda ref: store.write(ref, ref.key.encode(), condition=IfNoneMatch()), refs)
        )
    found = [store.read(ref) for ref in refs]
    store.close()
    assert [item and item[0] for item in found] == [ref.key.encode() for ref in refs]


@pytest.mark.parametrize("endpoint", FILES, indirect=True)
def test_a_folder_that_was_removed_meanwhile_is_made_again(
    endpoint: S3Endpoint, ref: ObjectRef
) -> None:
    store = endpoint.connect()
    folder = ref.key.partition("/")[0]
    store.write(ref, b"one")
    if isinstance(store, WebDavStore):
        request = store.api.request("DELETE", (ref.bucket, folder, ""))
        store.api.client.send(request)
    else:
        store.delete(ref)
    store.write(ref, b"two", condition=IfNoneMatch())
    found = store.read(ref)
    store.close()
    assert found is not None
    assert found[0] == b"two"


@pytest.mark.parametrize("endpoint", FILES, indirect=True)
@pytest.mark.parametrize("key", ["a/../b", "a//b", "a/", "./a", f"{'x' * 256}/a"])
def test_what_is_no_path_of_a_file_is_refused_before_a_request(
    endpoint: S3Endpoint, key: str
) -> None:
    store = endpoint.connect()
    with pytest.raises(StorageError):
        store.write(ObjectRef(endpoint.provider, endpoint.bucket, key), b"x")
    with pytest.raises(StorageError):
        store.head(ObjectRef(endpoint.provider, endpoint.bucket, key))


@pytest.mark.parametrize("endpoint", FILES, indirect=True)
def test_a_failed_condition_leaves_nothing_beside_the_object(
    endpoint: S3Endpoint, ref: ObjectRef
) -> None:
    store = endpoint.connect()
    if isinstance(store, WebDavStore):
        store = replace(store, writer=replace(store.writer, new_name=lambda: "name"))
    else:
        assert isinstance(store, OnedataStore)
        store = replace(store, new_name=lambda: "name")
    first = store.write(ref, b"one")
    with pytest.raises(PreconditionFailed):
        store.write(ref, b"two", condition=IfNoneMatch())
    with pytest.raises(PreconditionFailed):
        store.write(ref, b"two", condition=IfMatch(f"{first.etag}x"))
    beside = replace(ref, key=f"{ref.key.partition('/')[0]}/.scar-name.part")
    assert store.head(beside) is None
    store.close()


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [("minio-local", True), ("minio-nanio", False)],
    indirect=["endpoint"],
)
def test_the_probe_tells_whether_a_store_checks_write_conditions(
    endpoint: S3Endpoint, expected: bool
) -> None:
    path = f"{endpoint.bucket}/probe folder/"
    assert supports_conditions(provider(endpoint), endpoint.secrets, path) is expected


@pytest.mark.parametrize("endpoint", ["minio-nanio"], indirect=True)
def test_the_probe_fails_for_a_store_that_cannot_be_used(endpoint: S3Endpoint) -> None:
    config = provider(endpoint)
    with pytest.raises(StorageError, match="no-such-bucket"):
        supports_conditions(config, endpoint.secrets, "no-such-bucket-here/folder")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    nowhere = replace(config, options={"endpoint": f"http://127.0.0.1:{port}"})
    store = without_pauses(replace(endpoint, config=nowhere).connect())
    with pytest.raises(StorageError, match="Cannot connect"):
        store.write(ObjectRef("minio.lab", "data", "key"), b"")
