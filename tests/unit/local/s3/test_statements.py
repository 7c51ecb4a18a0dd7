"""How many statements of SQL a request costs: each is as dear as the rest of a step."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from scar.local.http.bodies import BytesBody
from scar.local.http.messages import Request, Response
from scar.local.s3.service import S3Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Connections:
    """Opens connections that note the statements they execute."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - passed on
        connection = sqlite3.Connection(*arguments, **options)
        connection.set_trace_callback(self.statements.append)
        return connection


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    connections = Connections()
    monkeypatch.setattr(sqlite3, "connect", connections.connect)
    return connections


@pytest.fixture
def service(tmp_path: Path, connections: Connections) -> Iterator[S3Service]:
    assert connections.statements == []
    made = S3Service(
        tmp_path / "s3",
        "123456789012",
        deliver=lambda _arn, _payload, _trace: None,
        destination_exists=lambda _: True,
    )
    ask(made, "PUT", "/bucket")
    ask(made, "PUT", "/bucket/old", b"body")  # opens the connections
    ask(made, "GET", "/bucket/old")
    yield made
    made.close()


def ask(service: S3Service, method: str, path: str, data: bytes = b"", **headers: str) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent["content-length"] = str(len(data))
    response = service.handle(
        Request(method=method, path=path, query="", headers=sent, body=BytesBody(data))
    )
    assert response.status == 200
    return response


def test_a_small_object_is_read_by_one_statement(
    service: S3Service, connections: Connections
) -> None:
    connections.statements.clear()
    assert ask(service, "GET", "/bucket/old").body == b"body"
    assert len(connections.statements) == 1


@pytest.mark.parametrize("condition", [{}, {"if_none_match": "*"}], ids=["always", "if-absent"])
def test_a_small_object_is_written_by_four_statements_in_a_transaction(
    service: S3Service, connections: Connections, condition: dict[str, str]
) -> None:
    connections.statements.clear()
    ask(service, "PUT", "/bucket/new", b"body", **condition)
    # The bucket with its settings, the object before; its body, its row.
    assert [s.split()[0] for s in connections.statements] == [
        "BEGIN", "SELECT", "SELECT", "INSERT", "INSERT", "COMMIT",
    ]  # fmt: skip
