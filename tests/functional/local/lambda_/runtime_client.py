"""A small function runtime for tests: executes the event's ``do``, then responds.

The response contains the process id and the event, or what the action itself returned.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def sleep(event: Event) -> None:
    time.sleep(event["seconds"])


def leave(event: Event) -> None:
    os._exit(event["status"])


def allocate(event: Event) -> None:
    block = bytearray(event["mb"] << 20)
    block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])
    time.sleep(600)


def flood(event: Event) -> None:
    line = b"x" * 1023 + b"\n"
    for _ in range(event["mb"] << 10):
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def say(event: Event) -> None:
    sys.stdout.write(event["text"] + "\n")
    sys.stdout.flush()


def orphan(_: Event) -> Event:
    script = "setsid sleep 300 >/dev/null 2>&1 & echo $!"
    return {"orphan": int(subprocess.check_output(["sh", "-c", script]))}


def fill(event: Event) -> None:
    Path(os.environ["TMPDIR"], "big").write_bytes(b"x" * (event["mb"] << 20))
    time.sleep(600)


def large(event: Event) -> str:
    size: int = event["size"]
    return "x" * size


def environment(_: Event) -> Event:
    return dict(os.environ)


def mark(event: Event) -> None:
    with Path(event["path"]).open("a") as file:
        file.write(f"{event['request_id']}\n")


def meet(event: Event) -> None:
    """Wait until the folder contains the expected number of files."""
    Path(event["folder"], str(os.getpid())).touch()
    end = time.monotonic() + 300
    while len(list(Path(event["folder"]).iterdir())) < event["count"] and time.monotonic() < end:
        time.sleep(0.01)


def nothing(_: Event) -> None:
    pass


DEEDS = {
    "sleep": sleep,
    "exit": leave,
    "allocate": allocate,
    "flood": flood,
    "say": say,
    "orphan": orphan,
    "fill": fill,
    "large": large,
    "environment": environment,
    "mark": mark,
    "meet": meet,
    "nothing": nothing,
}


class Api:
    def __init__(self) -> None:
        host, _, token = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")
        self._root = f"/{token}/2018-06-01/runtime"
        self._connection = http.client.HTTPConnection(host)

    def next(self) -> tuple[str, Event]:
        response, body = self._ask("GET", "/invocation/next")
        return str(response.headers["Lambda-Runtime-Aws-Request-Id"]), json.loads(body)

    def post(self, path: str, document: object) -> None:
        self._ask("POST", path, json.dumps(document))

    def _ask(
        self, method: str, path: str, body: str | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request(method, self._root + path, body)
        response = self._connection.getresponse()
        return response, response.read()


def main() -> None:
    api = Api()
    if os.environ.get("INIT") == "exit":
        sys.exit(7)
    if os.environ.get("INIT") == "slow":
        time.sleep(0.5)
    if os.environ.get("INIT") == "stuck":
        time.sleep(600)
    if os.environ.get("INIT") == "error":
        api.post("/init/error", {"errorType": "Bad", "errorMessage": "no"})
        sys.exit(1)
    while True:
        request_id, event = api.next()
        if event.get("do") == "fail":
            error = {"errorType": "Oops", "errorMessage": "it failed"}
            api.post(f"/invocation/{request_id}/error", error)
            continue
        deed = DEEDS[event.get("do", "nothing")]
        answer = deed({**event, "request_id": request_id})
        api.post(
            f"/invocation/{request_id}/response", answer or {"pid": os.getpid(), "event": event}
        )


main()
