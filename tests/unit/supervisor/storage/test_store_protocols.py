"""What other stores send is parsed without an exception, whatever it is."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.aws.errors import AwsErrorResponse
from supervisor.errors import StorageError
from supervisor.model import ObjectRef
from supervisor.storage import onedata_api, s3_errors
from supervisor.storage.webdav import protocol as webdav_protocol

METADATA = st.dictionaries(st.text(string.ascii_letters + "-", min_size=1), st.text())


@given(METADATA)
def test_metadata_comes_back_from_a_property(metadata: dict[str, str]) -> None:
    assert (
        webdav_protocol.parse_metadata(webdav_protocol.build_property_update(metadata)) == metadata
    )


@given(st.binary() | st.text().map(str.encode))
def test_any_response_of_a_webdav_server_has_some_metadata_and_status(document: bytes) -> None:
    assert isinstance(webdav_protocol.parse_metadata(document), dict)
    assert webdav_protocol.was_property_set(document) in (True, False)


@pytest.mark.parametrize("encoding", ["foo", "utf-7", "utf-16", "cp037", "rot13"])
def test_an_encoding_that_cannot_be_read_counts_as_no_metadata(encoding: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode()
    assert webdav_protocol.parse_metadata(document) == {}
    assert webdav_protocol.was_property_set(document) is False


@given(
    st.binary()
    | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_any_error_response_of_a_oneprovider_is_an_error_of_that_store(body: bytes) -> None:
    error = onedata_api.parse_error(400, {}, body, "onedata.egi")
    assert error.status == 400
    assert error.problem.startswith("onedata.egi returned 400")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"id": "posix", "details": {"errno": "enoent"}}}, "enoent"),
        ({"error": {"id": "unauthorized", "description": "no"}}, "unauthorized"),
        ({"error": {"id": "x", "details": []}}, "x"),
        ({"error": "text"}, ""),
    ],
)
def test_the_code_of_an_error_is_the_errno(body: object, code: str) -> None:
    assert onedata_api.parse_error(400, {}, json.dumps(body).encode(), "o").code == code


@given(st.text(min_size=1), st.text())
def test_a_path_has_no_part_that_leads_elsewhere(bucket: str, key: str) -> None:
    try:
        parts = webdav_protocol.split_path(ObjectRef("webdav.x", bucket, key))
    except StorageError:
        return
    assert "/".join(parts) == f"{bucket}/{key}"
    assert not {"", ".", ".."} & set(parts)


@pytest.mark.parametrize(("status", "is_temporary"), [(400, False), (418, False), (503, True)])
def test_only_an_error_that_may_be_temporary_is_called_so(status: int, is_temporary: bool) -> None:
    ref = ObjectRef("webdav.lab", "data", "x")
    error = AwsErrorResponse(status, "", "", server="webdav.lab")
    for translated in (
        webdav_protocol.translate_error(error, ref, "write"),
        onedata_api.translate_error(error, ref, "write"),
    ):
        assert ("temporary" in translated.remedy) is is_temporary
        assert translated.remedy


@pytest.mark.parametrize("code", ["XMinioParentIsObject", "XMinioObjectExistsAsDirectory"])
def test_minio_has_no_file_and_folder_of_the_same_name(code: str) -> None:
    error = AwsErrorResponse(400, code, "", server="minio.lab")
    translated = s3_errors.translate_error(error, ObjectRef("minio.lab", "b", "x"), "s3:PutObject")
    assert "a file and a folder" in translated.remedy


@given(st.binary(max_size=300))
def test_any_response_is_about_a_folder_or_not_or_does_not_say_so(document: bytes) -> None:
    assert webdav_protocol.is_folder(document) in (True, False, None)


def test_a_folder_is_known_by_its_type() -> None:
    answer = '<d:multistatus xmlns:d="DAV:"><d:resourcetype>%s</d:resourcetype></d:multistatus>'
    assert webdav_protocol.is_folder((answer % "<d:collection/>").encode()) is True
    assert webdav_protocol.is_folder((answer % "").encode()) is False
    assert webdav_protocol.is_folder(b'<d:multistatus xmlns:d="DAV:"/>') is None
