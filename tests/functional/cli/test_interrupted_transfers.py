"""Ctrl-C in the middle of a request: no file is left that is not complete."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 20_000_000
IDENTITY = b"<R><Arn>arn:aws:iam::123456789012:user/u</Arn><Account>123456789012</Account></R>"
LISTING = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>out/%s</Key>"
    b"<LastModified>2026-11-29T03:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
    b"<Size>%d</Size></Contents></ListBucketResult>"
)
UPLOAD = b"<R><UploadId>u</UploadId></R>"


class SlowStore:
    """Answers lists and heads, sends half of each content, and reads no end of an upload."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.targets: list[str] = []
        self.is_slow = threading.Event()
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers = {}
                while header := stream.readline().strip():
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                method, target, _ = line.decode().split()
                self.targets.append(f"{method} {target}")
                if not self._answer(connection, method, target):
                    self.is_slow.set()
                    self._ended.wait(60)
                    return
                stream.read(int(headers.get("content-length", 0)))

    def _answer(self, connection: socket.socket, method: str, target: str) -> bool:
        """Answer a request; return False if the answer is not complete."""
        body, length = b"", self.size if method == "HEAD" else None
        if target == "/":
            body = IDENTITY
        elif "list-type" in target:
            body = LISTING % (b"object", self.size)
        elif "uploads" in target:
            body = UPLOAD
        elif method == "PUT":
            return False
        elif method == "GET":
            body, length = bytes(1000), 8 << 20 if self.size == SIZE else self.size
        status = "200 OK" if self.size != SIZE or method != "GET" else "206 Partial"
        status = "200 OK" if "list-type" in target else status
        number = len(body) if length is None else length
        head = (
            f'HTTP/1.1 {status}\r\nx-amz-request-id: r\r\nETag: "e"\r\n'
            f"Content-Range: bytes 0-8388607/{SIZE}\r\nContent-Length: {number}\r\n\r\n"
        )
        connection.sendall(head.encode() + (b"" if method == "HEAD" else body))
        return method == "HEAD" or number == len(body)


@pytest.fixture(params=[1_000_000, SIZE], ids=["small", "large"])
def store(request: pytest.FixtureRequest) -> Iterator[SlowStore]:
    running = SlowStore(request.param)
    yield running
    running.close()


def interrupt(store: SlowStore, *arguments: str) -> tuple[int, str]:
    """Run a command, and press Ctrl-C when it waits for the store; return status and stderr."""
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": store.url,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "scar", *arguments], env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        until(store.is_slow.is_set)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_an_interrupted_download_leaves_no_file(store: SlowStore, tmp_path: Path) -> None:
    status, err = interrupt(store, "get", "-b", "photos/out", "-p", str(tmp_path / "to"))
    assert status == 130, err
    assert "Interrupted: nothing was downloaded." in err
    assert list((tmp_path / "to").iterdir()) == []


def test_an_interrupted_upload_deletes_its_parts(store: SlowStore, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    os.truncate(path, store.size)
    status, err = interrupt(store, "put", "-b", "photos/in", "-p", str(path))
    assert status == 130, err
    assert "Interrupted: nothing was uploaded." in err
    aborts = [target for target in store.targets if target.startswith("DELETE ")]
    assert aborts == (["DELETE /photos/in/a?uploadId=u"] if store.size == SIZE else [])
