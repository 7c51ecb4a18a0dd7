"""Push a composed image over a registry's HTTP API (OCI distribution), without an engine."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from scar.image.blobs import CHUNK, Blob
from scar.image.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests import Response, Session

    from scar.image.compose import ComposedImage

ATTEMPTS = 4
TIMEOUT = (10.0, 300.0)  # seconds to connect, and without any answer
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Login:
    """User and password; the password stays out of messages."""

    user: str
    password: str = field(repr=False)


class Repository:
    """One repository of one registry; ``endpoint`` is ``https://host`` or ``http://host:port``."""

    def __init__(
        self,
        endpoint: str,
        name: str,
        login: Login | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import requests

        self.endpoint = endpoint.rstrip("/")
        self.name = name
        self._session: Session = requests.Session()
        self._session.trust_env = urlsplit(endpoint).scheme == "https"  # no proxy for loopback
        self._login = login
        self._sleep = sleep

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def has_blob(self, digest: str) -> bool:
        """Tell whether the repository has the blob."""
        return self._call("HEAD", f"blobs/{digest}", expected=(200, 404)).status_code == 200

    def has_manifest(self, reference: str) -> bool:
        """Tell whether the repository has a manifest of this tag or digest."""
        accept = {"Accept": "application/vnd.oci.image.manifest.v1+json, */*"}
        answer = self._call("HEAD", f"manifests/{reference}", expected=(200, 404), headers=accept)
        return answer.status_code == 200

    def put_blob(self, blob: Blob) -> None:
        """Upload a blob in one streamed request; an interrupted upload starts over."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._upload(blob)
                return
            except _Passing as error:
                self._pause(attempt, error)

    def put_manifest(self, manifest: Blob, media_type: str, reference: str = "") -> None:
        """Store a manifest under its digest, or under a tag."""
        with manifest.open() as file:
            data = file.read()
        answer = self._call(
            "PUT",
            f"manifests/{reference or manifest.digest}",
            expected=(201,),
            headers={"Content-Type": media_type},
            data=data,
        )
        told = answer.headers.get("Docker-Content-Digest", manifest.digest)
        if told != manifest.digest:
            raise RegistryError(
                f"{self.endpoint} stored {self.name} as {told}, not as {manifest.digest}.",
                remedy="The registry changes images; it cannot be used.",
            )

    def delete_manifest(self, digest: str) -> None:
        """Remove a manifest; it may be gone already."""
        self._call("DELETE", f"manifests/{digest}", expected=(202, 404))

    def _upload(self, blob: Blob) -> None:
        started = self._once("POST", "blobs/uploads/", expected=(202,))
        place = urljoin(started.url, started.headers["Location"])
        place += f"{'&' if '?' in place else '?'}digest={blob.digest}"
        with blob.open() as file:
            self._once(
                "PUT",
                place,
                expected=(201,),
                headers={"Content-Type": "application/octet-stream"},
                data=_Sized(file, blob.size) if blob.size else b"",
            )

    def _call(
        self,
        method: str,
        path: str,
        *,
        expected: tuple[int, ...],
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Response:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(method, path, expected=expected, headers=headers, data=data)
            except _Passing as error:
                self._pause(attempt, error)
        raise AssertionError

    def _pause(self, attempt: int, error: _Passing) -> None:
        if attempt == ATTEMPTS:
            raise RegistryError(
                f"{error} ({attempt} attempts)", remedy="Check the network, then try again."
            ) from error
        self._sleep(min(8.0, 0.5 * 2**attempt))

    def _once(
        self,
        method: str,
        path: str,
        *,
        expected: tuple[int, ...],
        headers: Mapping[str, str] | None = None,
        data: bytes | _Sized | None = None,
    ) -> Response:
        from requests import RequestException

        url = urljoin(f"{self.endpoint}/v2/{self.name}/", path)
        try:
            answer = self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=data,
                auth=self._auth(url),
                timeout=TIMEOUT,
                allow_redirects=method in {"GET", "HEAD"},
            )
        except RequestException as error:
            raise _Passing(f"{method} {_shown(url)} failed: {error}") from error
        if answer.status_code in expected:
            return answer
        problem = f"{method} {_shown(url)}: {answer.status_code} {_reason(answer)}"
        if answer.status_code in _PASSING:
            raise _Passing(problem)
        raise RegistryError(problem, remedy=_REMEDIES.get(answer.status_code, "See the answer."))

    def _auth(self, url: str) -> tuple[str, str] | None:
        """Give the password to the registry's own host only, never to where it redirects."""
        if self._login is None or urlsplit(url).netloc != urlsplit(self.endpoint).netloc:
            return None
        return self._login.user, self._login.password


def push(
    image: ComposedImage,
    repository: Repository,
    report: Callable[[str], None],
    tags: tuple[str, ...] = (),
) -> None:
    """Upload what the repository does not have yet, the manifest last; may be repeated.

    ``report`` gets one line per uploaded blob.
    """
    for blob in image.blobs:
        if not repository.has_blob(blob.digest):
            report(f"{repository.name}: pushing {blob.digest[7:19]} ({blob.size / 1e6:.1f} MB)")
            repository.put_blob(blob)
    for reference in (image.digest, *tags):
        repository.put_manifest(image.manifest, image.media_type, reference)


class _Passing(Exception):
    """Worth another attempt."""


class _Sized:
    """A file with a length, so that it is sent with Content-Length and not in chunks."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        return self._file.read(CHUNK if size < 0 else size)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._file.read(CHUNK):
            yield chunk


_REMEDIES = {
    401: "The registry does not accept the login; it may have expired: try again.",
    403: "The credentials may not push there (ecr:InitiateLayerUpload, ecr:PutImage, …).",
    404: "The repository does not exist; `scar init` creates it.",
    413: "The image is too large for this registry.",
}


def _shown(url: str) -> str:
    return url.partition("?")[0]


def _reason(answer: Response) -> str:
    try:
        first = answer.json()["errors"][0]
        return f"{first['code']}: {first['message']}"
    except (ValueError, LookupError, TypeError):
        return answer.text[:200].strip() or (answer.reason or "")
