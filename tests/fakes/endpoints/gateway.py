"""API Gateway on loopback: requests become events of a supervisor, results become responses."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # Event and request id; the JSON of a response.
    Handler = Callable[[dict[str, object], str], bytes]


@dataclass
class Gateway:
    """The requests that were received, as events; ``before`` may answer one instead."""

    handle: Handler
    url: str = ""
    events: list[dict[str, object]] = field(default_factory=list)
    # Status and headers of the next answers, before any request reaches the function.
    refusals: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)


@contextlib.contextmanager
def serve_gateway(handle: Handler) -> Iterator[Gateway]:
    """Serve on a free port of 127.0.0.1; ``url`` ends with a slash."""
    gateway = Gateway(handle)
    lock = threading.Lock()

    class RequestHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            event = _to_event(self, body)
            gateway.events.append(event)
            with lock:  # a sandbox of Lambda handles one event at a time
                if gateway.refusals:
                    status, headers, content = gateway.refusals.pop(0)
                else:
                    response = json.loads(handle(event, str(uuid.uuid4())))
                    status, headers = response["statusCode"], response["headers"]
                    content = base64.b64decode(response["body"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 the server's own names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), RequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        gateway.url = f"http://127.0.0.1:{server.server_port}/"
        try:
            yield gateway
        finally:
            server.shutdown()
            thread.join()


def _to_event(request: BaseHTTPRequestHandler, body: bytes) -> dict[str, object]:
    """Return the event of payload format 2.0; text is sent as it is, as API Gateway does."""
    parts = urlsplit(request.path)
    headers = {name.lower(): value for name, value in request.headers.items()}
    is_text = headers.get("content-type", "").startswith(("text/", "application/json"))
    event: dict[str, object] = {
        "version": "2.0",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": headers,
        "requestContext": {
            "stage": "$default",
            "http": {"method": request.command, "path": parts.path},
        },
        "isBase64Encoded": bool(body) and not is_text,
    }
    if parts.query:
        event["queryStringParameters"] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if body:
        event["body"] = body.decode() if is_text else base64.b64encode(body).decode()
    return event
