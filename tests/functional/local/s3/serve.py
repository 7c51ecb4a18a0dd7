"""Run the S3 service as a process: ``python serve.py FOLDER``; prints its port."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from scar.local.http.auth import Authenticator
from scar.local.http.messages import Request, Response
from scar.local.http.server import HttpServer
from scar.local.s3.service import S3Service


class AuthenticatedS3:
    """Authenticates requests with keys derived from the secret ``k``."""

    def __init__(self, service: S3Service) -> None:
        self._service = service
        self._authenticator = Authenticator(b"k")

    def handle(self, request: Request) -> Response:
        result = self._authenticator.authenticate(request)
        return result if isinstance(result, Response) else self._service.handle(result)


def main(folder: Path) -> None:
    """Serve until killed; every delivered event is a line of ``events`` in the folder."""
    folder.mkdir(exist_ok=True)
    with (folder / "events").open("ab", buffering=0) as events:

        def deliver(_: str, payload: bytes, _trace: str) -> None:
            for record in json.loads(payload)["Records"]:
                events.write(json.dumps(record["s3"]["object"]["key"]).encode() + b"\n")

        service = S3Service(
            folder / "s3", "123456789012", deliver=deliver, destination_exists=lambda _: True
        )
        sys.stdout.write(f"{HttpServer(AuthenticatedS3(service)).start()}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
