"""One call of a function through its endpoint: bodies and results of any size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from urllib3.exceptions import HTTPError

from scar.errors import OperationRefusedError, ScarError, WaitTimeoutError
from scar.runs.endpoints.http import (
    MAX_ATTEMPTS,
    MAX_MESSAGE,
    EndpointClient,
    HttpReply,
    is_throttled_by_lambda,
)
from scar.runs.invoke import InvocationResponse, parse_status
from scar.runs.left_out import describe_headers
from supervisor.connections import EndpointKind
from supervisor.events.response_body import JOB_HEADER, RUN_HEADER, STATUS_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scar.aws.inventory.endpoints import Endpoint

# Lambda takes 6 MiB of JSON, with the body as base64 or as a JSON string; the rest is for headers.
MAX_EVENT = 6 * 1024 * 1024 - 65_536
# Either is enough; functions of SCAR know only the second.
ASYNCHRONOUS = {"prefer": "respond-async", "x-amz-invocation-type": "Event"}
UPLOAD_PATH = ".scar/upload"
MAX_TRANSFERS = 3  # attempts of an upload or download
# Seconds after which an HTTP API gives up waiting, less some for the clocks.
API_PATIENCE = 28.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBody:
    """The body of a request: bytes, or a regular file that is streamed."""

    content: bytes = b""
    file: Path | None = None
    size: int = 0
    content_type: str = "application/octet-stream"

    @property
    def event_size(self) -> int:
        """The bytes that the body has in an event of Lambda, at most."""
        if self.file is not None:
            return -(-self.size // 3) * 4
        if self.content_type == "application/json" and len(self.content) <= MAX_EVENT:
            return len(json.dumps(self.content.decode()))
        return -(-len(self.content) // 3) * 4


@dataclass(slots=True, kw_only=True)
class EndpointCall:
    """Calls one function. ``report`` receives messages about what takes long."""

    endpoint: Endpoint
    function: str
    client: EndpointClient
    report: Callable[[str], None]

    def send(
        self,
        query: Mapping[str, str],
        body: CallBody | None,
        target: IO[bytes],
        *,
        asynchronous: bool = False,
    ) -> InvocationResponse:
        """Send the request; write the function's output to ``target`` as it arrives.

        Raise WaitTimeoutError if only the endpoint has given up, another ScarError if no run
        answers. The response of a run that failed is returned: it has its status.
        """
        headers = dict(ASYNCHRONOUS) if asynchronous else {}
        content: bytes | None = None
        if body is not None:
            headers["content-type"] = body.content_type
            if body.event_size > MAX_EVENT:
                headers["x-scar-body"] = self._upload(body)
            else:
                content = body.file.read_bytes() if body.file else body.content
        url = request_url(self.endpoint.url, query)
        method = "GET" if body is None else "POST"
        reply = self.client.send_until_accepted(
            self.endpoint, method, url, headers=headers, body=content
        )
        self._require_response(reply)
        if reply.status == 303:
            self._download(reply.headers.get("location", ""), target)
        else:
            self._copy(reply, target)
        run = reply.headers.get(RUN_HEADER, "")
        return InvocationResponse(
            status=reply.status,
            output=b"",
            request_id=reply.headers.get("amz-lambda-request-id", "") or run,
            run_id=run,
            job_id=reply.headers.get(JOB_HEADER, ""),
            note=describe_headers(dict(reply.headers), is_direct=True),
            script_status=parse_status(reply.headers.get(STATUS_HEADER, "")),
        )

    def _require_response(self, reply: HttpReply, *, runs: bool = True) -> None:
        """Raise ScarError for what is not the response of a run, or of one that does not run."""
        if RUN_HEADER in reply.headers or reply.status < 400:
            return
        is_http_api = self.endpoint.kind is EndpointKind.HTTP
        is_late = reply.seconds >= API_PATIENCE
        if runs and is_http_api and reply.status in (503, 504) and is_late:
            raise WaitTimeoutError(
                f"The HTTP API of {self.function} waits 30 s for a response; the run goes on.",
                remedy=f"`scar status -n {self.function}` shows it. Invoke it with -a, or set"
                " api_gateway.type: url, which waits as long as the function may run.",
            )
        if is_throttled_by_lambda(reply, self.endpoint):
            raise self._throttled_error()
        text = reply.read_message()
        if reply.status == 413:
            raise ScarError(
                f"{self.function} refuses the body: {text}",
                remedy="A larger api_gateway.max_body takes effect with `scar init`. Files that are"
                " put into an input folder start the function too.",
            )
        remedies = {
            403: "Your identity needs lambda:InvokeFunctionUrl and lambda:InvokeFunction for a"
            " function URL, execute-api:Invoke for an HTTP API; see `scar policy`.",
            429: "Its limit of requests is reached: try again later, or increase"
            " api_gateway.throttling.",
            503: f"Whether it has run is not known: see `scar status -n {self.function}`.",
        }
        raise ScarError(
            f"The endpoint of {self.function} returned HTTP status {reply.status}: {text}",
            remedy=remedies.get(reply.status, f"See `scar log -n {self.function}`."),
        )

    def _throttled_error(self) -> ScarError:
        return ScarError(
            f"The endpoint of {self.function} returned HTTP status 503 at once, {MAX_ATTEMPTS}"
            " times: all concurrency of the function is in use, so that Lambda throttles it."
            " Nothing has run.",
            remedy="Try again when other runs have ended, or increase lambda.concurrency, or the"
            " account's quota of concurrent executions.",
        )

    def _upload(self, body: CallBody) -> str:
        """Send a body to the state bucket; return its id."""
        size = body.size if body.file else len(body.content)
        reply = self.client.send_until_accepted(
            self.endpoint, "GET", f"{self.endpoint.url}{UPLOAD_PATH}?size={size}"
        )
        self._require_response(reply, runs=False)
        try:
            place: dict[str, Any] = json.loads(reply.read(MAX_MESSAGE))
            url, body_id, headers = str(place["url"]), str(place["body"]), dict(place["headers"])
        except (KeyError, TypeError, ValueError) as error:
            raise OperationRefusedError(
                f"The endpoint of {self.function} did not return where to upload {size:,} bytes.",
                remedy="Run `scar init` with this release: it updates the function.",
            ) from error
        self.report(f"Uploading {size:,} bytes …")
        stored = self._put(url, headers, body)
        for attempt in range(1, MAX_TRANSFERS):
            if stored.status < 500:
                break
            self.client.sleep(2.0 ** (attempt - 1))
            stored = self._put(url, headers, body)
            # 412: an attempt before, whose response said nothing, has stored it.
            if stored.status == 412:
                return body_id
        if stored.status < 300:
            return body_id
        raise OperationRefusedError(
            f"The upload of the body was refused with HTTP status {stored.status}:"
            f" {stored.read_message()}",
            remedy="Run the same command again; the URL of an upload is valid for 15 minutes.",
        )

    def _put(self, url: str, headers: Mapping[str, str], body: CallBody) -> HttpReply:
        if body.file is None:
            return self.client.send("PUT", url, headers=headers, body=body.content)
        with body.file.open("rb") as file:
            return self.client.send("PUT", url, headers=headers, body=file)

    def _download(self, url: str, target: IO[bytes]) -> None:
        """Write a stored result; after a broken connection go on where it broke."""
        done = 0
        for attempt in range(1, MAX_TRANSFERS + 1):
            reply = self.client.send("GET", url, headers={"range": f"bytes={done}-"})
            if reply.status not in (200, 206):
                raise OperationRefusedError(
                    f"The result cannot be read: HTTP status {reply.status}:"
                    f" {reply.read_message()}",
                    remedy="Its URL is valid for 15 minutes; invoke the function again.",
                )
            try:
                for chunk in reply.chunks():
                    target.write(chunk)
                    done += len(chunk)
            except HTTPError as error:
                if attempt == MAX_TRANSFERS:
                    raise _broken(self.function, done) from error
            else:
                return

    def _copy(self, reply: HttpReply, target: IO[bytes]) -> None:
        done = 0
        try:
            for chunk in reply.chunks():
                target.write(chunk)
                done += len(chunk)
        except HTTPError as error:
            raise _broken(self.function, done) from error


def request_url(url: str, query: Mapping[str, str]) -> str:
    """Return the URL with the query, encoded as RFC 3986 has it: a space as %20, never as +.

    The signature is for the query as it is sent, and AWS computes it with %20.
    """
    return f"{url}?{urlencode(query, quote_via=quote, safe='')}" if query else url


def _broken(function: str, done: int) -> ScarError:
    return ScarError(
        f"The connection broke after {done:,} bytes of the output of {function}.",
        remedy="The run itself is not affected: see `scar status`.",
    )
