"""A Batch on loopback that takes SubmitJob at AWS's rate and throttles everything above it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.model.rates import REQUEST_RATES, TokenBucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.rates import RequestRate

BACKLOG = 4096  # connections that arrive at once


@dataclass(slots=True)
class RateLimitedBatch:
    """Counts the jobs by name, and the requests that it throttled."""

    rate: RequestRate = REQUEST_RATES["batch", "SubmitJob"]
    jobs: Counter[str] = field(default_factory=Counter)
    refusals: int = 0
    port: int = 0
    bucket: TokenBucket = field(init=False)

    def __post_init__(self) -> None:
        self.bucket = TokenBucket(self.rate)

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with which a submitter connects to it."""
        return {
            "AWS_ENDPOINT_URL_BATCH": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=BACKLOG)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            ready.set()
            await stop.wait()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            size = int(head.partition("content-length:")[2].partition("\r\n")[0])
            body = await reader.readexactly(size)
            writer.write(self._respond(json.loads(body)["jobName"]))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    def _respond(self, name: str) -> bytes:
        if self.bucket.try_take(time.monotonic()):
            self.jobs[name] += 1
            status, extra = "200 OK", ""
            body = json.dumps({"jobId": f"job-{name}", "jobName": name})
        else:
            self.refusals += 1
            status, extra = "429 Too Many", "x-amzn-ErrorType: TooManyRequestsException\r\n"
            body = '{"message": "Too Many Requests"}'
        head = f"HTTP/1.1 {status}\r\n{extra}content-length: {len(body)}\r\nconnection: close"
        return f"{head}\r\n\r\n{body}".encode()


@contextlib.contextmanager
def rate_limited_batch(rate: RequestRate | None = None) -> Iterator[RateLimitedBatch]:
    """Serve in a thread of this process."""
    batch = RateLimitedBatch(rate) if rate else RateLimitedBatch()
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(batch.serve(ready, stop),))
    thread.start()
    try:
        assert ready.wait(60)
        yield batch
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
