"""In stores of files and folders a name cannot be that of both: the error says so."""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from supervisor.descriptors import OpenFile
from supervisor.errors import StorageError
from supervisor.execution.outputs import upload_file
from supervisor.model import IfNoneMatch, ObjectRef
from tests.conformance.test_store_faults import FILES, without_pauses

if TYPE_CHECKING:
    from supervisor.storage.onedata import OnedataStore
    from supervisor.storage.s3 import S3Store
    from supervisor.storage.webdav.store import WebDavStore
    from tests.conformance.object_store_endpoints import S3Endpoint


@pytest.fixture
def ref(endpoint: S3Endpoint) -> ObjectRef:
    return ObjectRef(endpoint.provider, endpoint.bucket, f"{uuid.uuid4().hex}/my file.bin")


@pytest.mark.parametrize("endpoint", FILES, indirect=True)
@pytest.mark.parametrize(("first", "second"), [("c", "c/f"), ("c", "c/a/f"), ("a/c", "a/c/f")])
@pytest.mark.parametrize("condition", [None, IfNoneMatch()])
def test_a_file_in_the_place_of_a_folder_is_named(
    endpoint: S3Endpoint, ref: ObjectRef, first: str, second: str, condition: IfNoneMatch | None
) -> None:
    store = without_pauses(endpoint.connect())
    folder = ref.key.partition("/")[0]
    store.write(replace(ref, key=f"{folder}/{first}"), b"1")
    with pytest.raises(StorageError) as caught:
        store.write(replace(ref, key=f"{folder}/{second}"), b"2", condition=condition)
    store.close()
    assert f"{folder}/{second}" in caught.value.problem
    assert "a file and a folder" in caught.value.remedy
    assert "temporary" not in caught.value.remedy
    if endpoint.provider == "webdav.cloud":
        assert f"{endpoint.bucket}/{folder}/{first} is a file" in caught.value.problem


@pytest.mark.parametrize("endpoint", FILES, indirect=True)
def test_a_folder_in_the_place_of_a_file_is_named(endpoint: S3Endpoint, ref: ObjectRef) -> None:
    store = without_pauses(endpoint.connect())
    folder = ref.key.partition("/")[0]
    store.write(ref, b"1")
    with pytest.raises(StorageError) as caught:
        upload_bytes(store, replace(ref, key=folder))
    found = store.read(ref)
    store.close()
    assert "a file and a folder" in caught.value.remedy
    assert found is not None
    assert found[0] == b"1"


def upload_bytes(store: S3Store | WebDavStore | OnedataStore, ref: ObjectRef) -> None:
    """Upload a byte as runs upload their outputs."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"2")
        file.flush()
        source = OpenFile(descriptor=file.fileno(), name="output", size=1)
        upload_file(store, source, ref, {"scar-run": "r1"}, lambda _text: None)
