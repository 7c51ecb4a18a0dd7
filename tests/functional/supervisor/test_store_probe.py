"""The test of an output's store: what it says, and that its object is deleted in any case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supervisor.connections import PROBE_NAME, ProviderConfig
from supervisor.errors import StorageError
from supervisor.storage.probe import supports_conditions
from tests.functional.supervisor.scripted_server import Reply, scripted

if TYPE_CHECKING:
    from tests.functional.supervisor.scripted_server import ScriptedServer

KEYS = {"access_key": "a", "secret_key": "b"}
STORED = Reply(headers={"etag": '"e"'})
DELETED = Reply(status=204)


def error(status: int, code: str) -> Reply:
    return Reply(status=status, body=f"<Error><Code>{code}</Code></Error>".encode())


def probe(server: ScriptedServer) -> bool:
    secrets = dict.fromkeys(KEYS, "ssm:/x")
    config = ProviderConfig(name="minio.lab", options={"endpoint": server.url}, secrets=secrets)
    return supports_conditions(config, KEYS, "data/out")


@pytest.mark.parametrize(
    ("second", "expected"),
    [(error(412, "PreconditionFailed"), True), (STORED, False), (error(501, "NotImplemented"), 0)],
)
def test_the_second_write_decides(second: Reply, expected: bool) -> None:
    with scripted(STORED, second, DELETED) as server:
        assert probe(server) == expected
        requests = server.requests
    assert [r.method for r in requests] == ["PUT", "PUT", "DELETE"]
    (target,) = {r.target for r in requests}
    assert target.startswith(f"/data/out/{PROBE_NAME}")


def test_the_object_of_a_failed_write_is_deleted_and_the_first_error_shown() -> None:
    with (
        scripted(error(403, "AccessDenied"), error(404, "NoSuchBucket")) as server,
        pytest.raises(StorageError, match="AccessDenied"),
    ):
        probe(server)
    assert [r.method for r in server.requests] == ["PUT", "DELETE"]


def test_an_object_that_cannot_be_deleted_is_named() -> None:
    with (
        scripted(STORED, error(412, "PreconditionFailed"), error(403, "AccessDenied")) as server,
        pytest.raises(StorageError, match=f"test object data/out/{PROBE_NAME}") as caught,
    ):
        probe(server)
    assert caught.value.remedy.startswith("Delete it")
