"""A server of S3 listings with the records of any number of runs, in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection as Pipe

NOW = 1_790_000_000.0
LAST_DAY = datetime.fromtimestamp(NOW, UTC).date()
RECORDS = ("attempt-1", "claim", "delegated", "done")
PAGE = 1_000
ACCOUNT = "123456789012"
_IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/bench</Arn><UserId>AIDA</UserId>
<Account>{ACCOUNT}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


@dataclass(frozen=True, kw_only=True)
class RunListings:
    """The runs of each function, evenly distributed over days; each has the four ``RECORDS``.

    ``delay`` in seconds is added to each response.
    """

    functions: int
    runs: int
    days: int = 10
    delay: float = 0.0

    def list_folders(self, prefix: str) -> list[str]:
        """Return the common prefixes below ``runs/`` or ``runs/<function>/``."""
        if prefix.count("/") == 1:
            return [f"runs/fn-{number}/" for number in range(self.functions)]
        days = [LAST_DAY - timedelta(days=back) for back in reversed(range(self.days))]
        return [f"{prefix}{day.isoformat()}/" for day in days]

    def list_keys(self, prefix: str, position: int) -> tuple[list[str], int]:
        """Return a page of keys below a function or a day, and the next position; 0: it ends."""
        folders = self.list_folders(prefix) if prefix.count("/") == 2 else [prefix]
        records = self.runs // self.days * len(RECORDS)
        step = 16**32 // (self.runs // self.days)  # run ids are hashes
        end = min(position + PAGE, records * len(folders))
        keys = []
        for number in range(position, end):
            day, record = divmod(number, records)
            run, name = divmod(record, len(RECORDS))
            keys.append(f"{folders[day]}{run * step:032x}/{RECORDS[name]}.json")
        return keys, end if end < records * len(folders) else 0

    def position_after(self, key: str) -> int:
        """Return the position of the next key of the day."""
        run, name = key.split("/")[3:]
        step = 16**32 // (self.runs // self.days)
        record = RECORDS.index(name.removesuffix(".json"))
        return int(run, 16) // step * len(RECORDS) + record + 1


@contextmanager
def serve(listings: RunListings) -> Iterator[str]:
    """Serve them in another process; yield the endpoint."""
    ours, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(listings, its))
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(listings: RunListings, pipe: Pipe) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(listings.delay)
            self._respond(_page(listings, parse_qs(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._respond(_IDENTITY)

        def _respond(self, text: str) -> None:
            body = text.encode()
            head = (
                f"HTTP/1.1 200 OK\r\nDate: {formatdate(NOW, usegmt=True)}\r\n"
                f"x-amz-request-id: R\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            self.wfile.write(head.encode() + body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_address[1])
    server.serve_forever()


def _page(listings: RunListings, query: dict[str, list[str]]) -> str:
    prefix, token = query["prefix"][0], int(query.get("continuation-token", ["0"])[0])
    if "start-after" in query and not token:
        token = listings.position_after(query["start-after"][0])
    parts = ["<EncodingType>url</EncodingType>", f"<Prefix>{prefix}</Prefix>"]
    if "delimiter" in query:
        folders = listings.list_folders(prefix)
        parts += [f"<CommonPrefixes><Prefix>{f}</Prefix></CommonPrefixes>" for f in folders]
        parts.append("<IsTruncated>false</IsTruncated>")
    else:
        keys, position = listings.list_keys(prefix, token)
        parts += [_object(key, token + number) for number, key in enumerate(keys)]
        parts.append(f"<IsTruncated>{'true' if position else 'false'}</IsTruncated>")
        parts += [f"<NextContinuationToken>{position}</NextContinuationToken>"] * bool(position)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{"".join(parts)}'
        "</ListBucketResult>"
    )


def _object(key: str, number: int) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>2026-09-21T13:{number % 60:02}:00.000Z"
        f"</LastModified><ETag>&quot;{number:032x}&quot;</ETag>"
        "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
        "<Size>300</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )
