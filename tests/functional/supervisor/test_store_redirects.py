"""Requests to other stores: redirects, repeats, and to whom keys are sent."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from supervisor.aws.retry import Backoff
from supervisor.connections import ProviderConfig
from supervisor.errors import ObjectChanged, StorageError
from supervisor.model import IfNoneMatch, ObjectRef, VersionPin
from supervisor.storage import open_provider
from supervisor.storage.http_client import MAX_REDIRECTS
from supervisor.storage.webdav.store import WebDavStore
from tests.functional.supervisor.scripted_server import Close, Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supervisor.aws.connection_pool import ConnectionPool, StreamedResponse
    from supervisor.aws.request import AwsRequest, Origin
    from supervisor.ports import ObjectStore

REF = ObjectRef("webdav.dcache", "pnfs", "data/two words.bin")
PATH = "/pnfs/data/two%20words.bin"
PASSWORD = "s3cret-pässword"
BASIC = f"Basic {b64encode(f'marie:{PASSWORD}'.encode()).decode()}"
NO_PROPERTIES = Reply(status=405)
ANY = VersionPin()


def open_webdav(url: str) -> ObjectStore:
    values = {"login": "marie", "password": PASSWORD}
    config = ProviderConfig(
        name="webdav.dcache", options={"hostname": url}, secrets=dict.fromkeys(values, "ssm:/x")
    )
    return open_provider(config, {}, read_secrets=lambda: values)


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"location": location})


def test_a_download_follows_a_redirect_to_another_server_without_the_login(tmp_path: Path) -> None:
    token = "/pool/file%2Fname?uuid=a%2Bb"
    with (
        scripted(Reply(body=b"content")) as pool,
        scripted(redirect(f"{pool.url}{token}"), NO_PROPERTIES) as door,
    ):
        store = open_webdav(door.url)
        found = store.download(REF, tmp_path / "f", version=ANY)
    assert (tmp_path / "f").read_bytes() == b"content"
    assert found.size == 7
    assert [r.headers.get("authorization") for r in door.requests] == [BASIC, BASIC]
    assert door.requests[0].target == PATH
    assert [r.target for r in pool.requests] == [token]
    assert "authorization" not in pool.requests[0].headers


def test_a_redirect_on_the_same_server_keeps_the_login() -> None:
    with scripted(redirect("/moved/file"), Reply(body=b"x"), NO_PROPERTIES) as server:
        found = open_webdav(server.url).read(REF)
    assert found is not None
    assert found[0] == b"x"
    assert server.requests[1].target == "/moved/file"
    assert server.requests[1].headers["authorization"] == BASIC


def test_redirects_end() -> None:
    with (
        scripted(*[redirect("/again")] * (MAX_REDIRECTS + 1)) as server,
        pytest.raises(StorageError, match="redirected GET more than") as caught,
    ):
        open_webdav(server.url).read(REF)
    assert "webdav.dcache" in caught.value.remedy


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "https://[::1", "file:///etc/passwd"])
def test_a_redirect_to_what_is_no_http_address_is_refused(target: str) -> None:
    with (
        scripted(redirect(target)) as server,
        pytest.raises(StorageError, match="redirects GET"),
    ):
        open_webdav(server.url).read(REF)


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_to_a_metadata_service_is_refused(status: int) -> None:
    with (
        scripted(redirect("http://169.254.169.254/latest/meta-data/", status)) as server,
        pytest.raises(StorageError, match="a link-local address: nothing was sent"),
    ):
        open_webdav(server.url).read(REF)


def test_data_is_not_redirected_to_this_machine_by_another_one() -> None:
    with (
        scripted() as victim,
        scripted(Reply(status=405), redirect(f"{victim.url}/x", 307), Reply(status=404)) as door,
        pytest.raises(StorageError, match="a loopback address: nothing was sent"),
    ):
        elsewhere(open_webdav(door.url)).write(REF, b"data")
    assert victim.requests == []


def test_the_address_behind_a_name_is_checked_before_anything_is_sent() -> None:
    with scripted() as victim:
        # A name of 127.0.0.1 that only the resolver knows as such.
        target = victim.url.replace("127.0.0.1", "2130706433")
        with (
            scripted(redirect(f"{target}/x")) as door,
            pytest.raises(StorageError, match="a loopback address: nothing was sent"),
        ):
            elsewhere(open_webdav(door.url)).read(REF)
    assert victim.requests == []


def elsewhere(store: ObjectStore) -> WebDavStore:
    """Return the store as if its server were on another machine."""
    assert isinstance(store, WebDavStore)
    client = store.api.client
    pool = ElsewherePool(client.connections, client.origin)
    client = replace(client, connections=cast("ConnectionPool", pool))
    api = replace(store.api, client=client)
    folders = replace(store.writer.folders, client=client)
    return replace(store, api=api, writer=replace(store.writer, api=api, folders=folders))


@dataclass(frozen=True)
class ElsewherePool:
    """Connections whose responses from ``origin`` say that they are from another address."""

    pool: ConnectionPool
    origin: Origin

    def send_request(
        self,
        request: AwsRequest,
        headers: Mapping[str, str],
        **options: Any,  # noqa: ANN401 - passed on
    ) -> StreamedResponse:
        reply = self.pool.send_request(request, headers, **options)
        if request.origin.port == self.origin.port:
            reply.peer = "192.0.2.1"
        return reply


def test_a_redirect_to_the_folder_of_that_name_says_that_it_is_a_folder() -> None:
    with (
        scripted(redirect(f"{PATH}/", 301)) as server,
        pytest.raises(StorageError, match="is a folder"),
    ):
        open_webdav(server.url).head(REF)


def test_a_write_is_redirected_with_its_body_only_if_the_method_is_kept() -> None:
    with (
        scripted(Reply(status=201)) as pool,
        scripted(
            Reply(status=405),  # MKCOL: the folder exists
            redirect(f"{pool.url}/pool", 307),
            Reply(headers={"content-length": "4"}),
            Reply(status=201),  # MOVE
            Reply(headers={"content-length": "4", "etag": '"e"'}),
        ) as door,
    ):
        url = door.url
        stored = open_webdav(url).write(REF, b"data", condition=IfNoneMatch())
    assert stored.etag == "e"
    assert pool.requests[0].body == b"data"
    assert "authorization" not in pool.requests[0].headers
    move = door.requests[3]
    assert (move.method, move.headers["overwrite"]) == ("MOVE", "F")
    assert move.headers["destination"] == f"{url}{PATH}"


def test_a_move_that_is_redirected_is_an_error_with_the_right_address_as_remedy() -> None:
    with (
        scripted(
            Reply(status=405),
            Reply(status=201),
            Reply(headers={"content-length": "1"}),
            redirect("/elsewhere", 301),
            Reply(status=204),  # the temporary file is deleted
        ) as server,
        pytest.raises(StorageError, match="301") as caught,
    ):
        open_webdav(server.url).write(REF, b"x")
    assert "hostname" in caught.value.remedy
    assert server.requests[-1].method == "DELETE"


def test_a_file_that_arrived_in_part_is_not_moved_to_its_name() -> None:
    with (
        scripted(
            Reply(status=405),
            Reply(status=201),
            Reply(headers={"content-length": "2"}),
            Reply(status=204),
        ) as server,
        pytest.raises(StorageError, match="3 bytes were sent, and the server has 2"),
    ):
        open_webdav(server.url).write(REF, b"abc")
    assert [r.method for r in server.requests] == ["MKCOL", "PUT", "HEAD", "DELETE"]
    assert all("two%20words" not in r.target for r in server.requests)


def test_an_object_that_changes_during_its_download_is_not_used(tmp_path: Path) -> None:
    first = Reply(headers={"etag": 'W/"one"'}, body=b"12345", only=2)
    other = Reply(
        status=206, headers={"etag": '"two"', "content-range": "bytes 2-4/5"}, body=b"xyz"
    )
    with (
        scripted(first, other) as server,
        pytest.raises(ObjectChanged),
    ):
        open_webdav(server.url).download(REF, tmp_path / "f", version=ANY)
    assert not (tmp_path / "f").exists()
    assert server.requests[1].headers["range"] == "bytes=2-"
    assert "if-match" not in server.requests[1].headers


def test_a_weak_etag_is_the_same_as_the_strong_one(tmp_path: Path) -> None:
    first = Reply(headers={"etag": 'W/"one"'}, body=b"12345", only=2)
    rest = Reply(status=206, headers={"etag": '"one"', "content-range": "bytes 2-4/5"}, body=b"345")
    with scripted(first, rest, NO_PROPERTIES) as server:
        found = open_webdav(server.url).download(
            REF, tmp_path / "f", version=VersionPin(etag='W/"one"')
        )
    assert (tmp_path / "f").read_bytes() == b"12345"
    assert found.etag == "one"


def test_a_damaged_property_counts_as_no_metadata() -> None:
    for body in (b"<", b"<!DOCTYPE x><x/>", b"<x/>", b"\xff"):
        with scripted(Reply(), Reply(status=207, body=body)) as server:
            found = open_webdav(server.url).head(REF)
        assert found is not None
        assert found.metadata == {}


def test_a_request_without_a_response_is_repeated_and_not_for_ever() -> None:
    with scripted(Close(), Close(), Close()) as server:
        store = open_webdav(server.url)
        assert isinstance(store, WebDavStore)
        backoff = Backoff(max_attempts=3, sleep=lambda _seconds: None)
        quick = replace(store.api, client=replace(store.api.client, backoff=backoff))
        with pytest.raises(StorageError) as caught:
            replace(store, api=quick).head(REF)
    assert len(server.requests) == 3
    assert PASSWORD not in f"{caught.value.problem}{caught.value.remedy}"
