"""The contract of ObjectStore, tested with every endpoint of ``object_store_endpoints``."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import ObjectAbsent, ObjectChanged, PreconditionFailed, StorageError
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef, VersionPin
from supervisor.storage.s3_protocol import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from supervisor.ports import ObjectStore
    from tests.conformance.object_store_endpoints import S3Endpoint

ANY = VersionPin()
HARD_KEYS = (
    "in/plain.txt",
    "in/two words  .txt",
    "in/a+b.txt",
    "in/a%2Bb%20c.txt",
    "in/ünïcode-日本-😀.txt",
    "in/q?x=1&y#z;'\"<>!*().txt",
    "in/~tilde/dot.dot/",
    "x" * 1024,
)


@pytest.fixture
def store(endpoint: S3Endpoint) -> Iterator[ObjectStore]:
    store = endpoint.connect()
    yield store
    store.close()


@pytest.fixture
def ref(endpoint: S3Endpoint) -> ObjectRef:
    return ObjectRef(endpoint.provider, endpoint.bucket, f"{uuid.uuid4().hex}/object.bin")


@pytest.mark.parametrize("key", HARD_KEYS, ids=ascii)
def test_what_was_written_under_a_key_is_read_under_it(
    store: ObjectStore, endpoint: S3Endpoint, key: str
) -> None:
    kinds = {"/ at the end": key.endswith("/"), "long names": len(key) > 255, "%": "%" in key}
    if lacking := [kind for kind in endpoint.lacks if kinds.get(kind)]:
        pytest.skip(f"this endpoint takes no key with {lacking[0]}")
    ref = ObjectRef(endpoint.provider, endpoint.bucket, key)
    store.write(ref, key.encode())
    found = store.read(ref)
    assert found is not None
    assert found[0] == key.encode()


def test_an_absent_object_is_none(store: ObjectStore, ref: ObjectRef) -> None:
    assert store.head(ref) is None
    assert store.read(ref) is None


def test_a_part_of_an_object_ends_with_the_object(
    endpoint: S3Endpoint, store: ObjectStore, ref: ObjectRef
) -> None:
    if "ranges" in endpoint.lacks:
        pytest.skip("this endpoint returns an error for a range that passes the end")
    assert store.read_range(ref, 0, 4) is None
    store.write(ref, b"0123456789")
    parts = [(0, 4, b"0123"), (4, 4, b"4567"), (8, 4, b"89"), (10, 4, b""), (99, 1, b"")]
    for first, length, part in parts:
        assert store.read_range(ref, first, length) == part


def test_head_returns_size_etag_times_and_metadata(
    endpoint: S3Endpoint, store: ObjectStore, ref: ObjectRef
) -> None:
    metadata = {"scar-run": "fn/2026-11-21/ab", "note": "naïve — 日本", "edge": " x ", "e": "=?x"}
    written = store.write(ref, b"hello", metadata=metadata)
    found = store.head(ref)
    assert found is not None
    assert found.size == written.size == 5
    assert found.etag == written.etag
    assert endpoint.files or found.etag == "5d41402abc4b2a76b9719d911017c592"
    assert found.metadata == written.metadata == (metadata if endpoint.metadata else {})
    assert not found.response_date or abs(found.response_date - found.last_modified) < 60


def test_an_empty_file_is_uploaded_and_downloaded(
    store: ObjectStore, ref: ObjectRef, tmp_path: Path
) -> None:
    source = tmp_path / "empty"
    source.touch()
    store.upload(source, ref)
    assert store.download(ref, tmp_path / "back", version=ANY).size == 0
    assert (tmp_path / "back").read_bytes() == b""


@pytest.mark.parametrize("size", [1, 5 * MIB, 5 * MIB + 1, 11 * MIB + 7])
def test_a_file_is_uploaded_and_downloaded_in_one_or_several_parts(
    endpoint: S3Endpoint, store: ObjectStore, ref: ObjectRef, tmp_path: Path, size: int
) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes((b"0123456789abcdef" * (size // 16 + 1))[:size])
    metadata = {"scar-run": "r"}
    uploaded = store.upload(source, ref, condition=IfNoneMatch(), metadata=metadata)
    assert uploaded.size == size
    found = store.download(ref, back, version=VersionPin(etag=uploaded.etag))
    assert (found.size, found.etag) == (size, uploaded.etag)
    assert found.metadata == (metadata if endpoint.metadata else {})
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("size", [10, 6 * MIB])
def test_if_none_match_succeeds_once(
    store: ObjectStore, ref: ObjectRef, tmp_path: Path, size: int
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"1" * size)
    second.write_bytes(b"2" * size)
    store.upload(first, ref, condition=IfNoneMatch())
    with pytest.raises(PreconditionFailed):
        store.upload(second, ref, condition=IfNoneMatch())
    found = store.read(ref)
    assert found is not None
    assert found[0][:1] == b"1"


def test_the_same_bytes_written_by_another_client_are_a_failed_precondition(
    store: ObjectStore, ref: ObjectRef
) -> None:
    store.write(ref, b"same", condition=IfNoneMatch())
    with pytest.raises(PreconditionFailed):
        store.write(ref, b"same", condition=IfNoneMatch())


def test_of_many_concurrent_conditional_writes_one_succeeds(
    endpoint: S3Endpoint, store: ObjectStore, ref: ObjectRef
) -> None:
    if not endpoint.atomic:
        pytest.skip("this endpoint checks first and writes later")

    def write(number: int) -> int | None:
        try:
            store.write(ref, str(number).encode(), condition=IfNoneMatch())
        except PreconditionFailed:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [n for n in pool.map(write, range(16)) if n is not None]
    found = store.read(ref)
    assert found is not None
    assert found[0] == str(winners[0]).encode()
    assert len(winners) == 1


def test_an_old_version_is_downloaded_although_a_newer_one_exists(
    endpoint: S3Endpoint, store: ObjectStore, tmp_path: Path
) -> None:
    if not endpoint.versioned_bucket:
        pytest.skip("this endpoint keeps no versions")
    ref = ObjectRef(endpoint.provider, endpoint.versioned_bucket, "key")
    old, new = store.write(ref, b"old"), store.write(ref, b"new")
    assert old.version_id != new.version_id
    pin = VersionPin(version_id=old.version_id, etag=old.etag)
    assert store.download(ref, tmp_path / "f", version=pin).version_id == old.version_id
    assert (tmp_path / "f").read_bytes() == b"old"
    with pytest.raises(ObjectChanged):
        store.download(ref, tmp_path / "f", version=replace(pin, version_id="0" * 32))


def test_if_match_succeeds_on_the_same_version_only(store: ObjectStore, ref: ObjectRef) -> None:
    first = store.write(ref, b"one")
    second = store.write(ref, b"two, longer", condition=IfMatch(first.etag))
    with pytest.raises(PreconditionFailed):
        store.write(ref, b"three", condition=IfMatch(first.etag))
    found = store.head(ref)
    assert found is not None
    assert found.etag == second.etag


def test_if_match_fails_on_an_absent_object(store: ObjectStore, ref: ObjectRef) -> None:
    with pytest.raises(PreconditionFailed):
        store.write(ref, b"x", condition=IfMatch("5d41402abc4b2a76b9719d911017c592"))


def test_a_replaced_object_is_not_downloaded(
    store: ObjectStore, ref: ObjectRef, tmp_path: Path
) -> None:
    old = store.write(ref, b"old")
    store.write(ref, b"newer")
    with pytest.raises(ObjectChanged) as caught:
        store.download(ref, tmp_path / "f", version=VersionPin(etag=old.etag))
    assert not isinstance(caught.value, ObjectAbsent)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("version", [ANY, VersionPin(etag="5d41402abc4b2a76b9719d911017c592")])
def test_an_absent_object_is_not_downloaded(
    store: ObjectStore, ref: ObjectRef, tmp_path: Path, version: VersionPin
) -> None:
    with pytest.raises(ObjectAbsent):
        store.download(ref, tmp_path / "f", version=version)
    assert not (tmp_path / "f").exists()


def test_a_missing_bucket_is_named(
    endpoint: S3Endpoint, store: ObjectStore, ref: ObjectRef, tmp_path: Path
) -> None:
    if endpoint.files:
        pytest.skip("a folder is made when a file is written to it")
    elsewhere = replace(ref, bucket="no-such-bucket-of-ours")
    with pytest.raises(StorageError, match="no-such-bucket-of-ours") as caught:
        store.write(elsewhere, b"x")
    assert "Create the bucket" in caught.value.remedy
    with pytest.raises(StorageError, match="NoSuchBucket"):
        store.read(elsewhere)
    with pytest.raises(StorageError, match="NoSuchBucket") as missing:
        store.download(elsewhere, tmp_path / "f", version=ANY)
    assert not isinstance(missing.value, ObjectChanged)
