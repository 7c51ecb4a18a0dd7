"""Sends requests to one repository of a registry: authorization, bounded retries, errors."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from scar.image.errors import RegistryError, RegistryUnreachableError
from scar.image.registry.auth import RegistryAuth
from scar.image.registry.deadlines import TransferLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from requests import Response

    from scar.image.registry.credentials import Login
    from scar.image.registry.http_client import HttpResponse

Result = TypeVar("Result")

MAX_ATTEMPTS = 5
CONNECT_ATTEMPTS = 2  # if the connection fails: this machine may be offline, so fail fast
SLOW_SHARE = 4  # a failed read that took this share of its deadline counts as a slow one
MAX_REDIRECTS = 5
MAX_ERROR_LENGTH = 300  # characters of a registry's error that are shown
MAX_RETRY_AFTER = 60.0  # seconds: if a registry asks for a longer wait, the request fails
_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class RegistryTransport:
    """Sends requests to ``<endpoint>/v2/<name>/…``; safe to share between threads.

    ``endpoint`` is ``https://host`` or ``http://host:port``; ``actions`` are the permissions that
    are requested for a token: ``pull`` or ``pull,push``.
    """

    def __init__(
        self,
        endpoint: str,
        name: str,
        login: Login | None,
        *,
        actions: str,
        sleep: Callable[[float], None] = time.sleep,
        limits: TransferLimits | None = None,
    ) -> None:
        # Imported here to keep the start of the other commands fast.
        from scar.image.registry.http_client import HttpClient

        self.endpoint = endpoint.rstrip("/")
        self.name = name
        is_https = urlsplit(endpoint).scheme == "https"  # no proxy for loopback
        self.client = HttpClient(limits or TransferLimits(), use_proxy=is_https)
        self._auth = RegistryAuth(self.endpoint, f"repository:{name}:{actions}", login, self.client)
        self.sleep = sleep

    def close(self) -> None:
        self.client.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        expected: tuple[int, ...],
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> HttpResponse:
        """Return the response to a request, with retries; raise RegistryError."""
        return self.retry(
            lambda: self.request_once(method, path, expected=expected, headers=headers, data=data)
        )

    def retry(self, work: Callable[[], Result]) -> Result:
        """Return the result of ``work``, which is called again after each TransientError.

        Raise RegistryError after ``MAX_ATTEMPTS`` attempts, or fewer if the error says so.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return work()
            except TransientError as error:
                self.pause_before_retry(attempt, error)
        raise AssertionError

    def pause_before_retry(self, attempt: int, error: TransientError) -> None:
        """Wait before the next attempt; raise RegistryError if ``attempt`` was the last one."""
        if attempt >= error.max_attempts or error.retry_after > MAX_RETRY_AFTER:
            kind = RegistryUnreachableError if error.unreachable else RegistryError
            raise kind(
                f"{error} ({attempt} attempts).", remedy="Check the network, then try again."
            ) from error
        self.sleep(error.retry_after if error.retry_after >= 0 else min(8.0, 0.5 * 2**attempt))

    def request_once(
        self,
        method: str,
        path: str,
        *,
        expected: tuple[int, ...],
        headers: Mapping[str, str] | None = None,
        data: bytes | Iterable[bytes] | None = None,
    ) -> HttpResponse:
        """Return the response to a single request, with its body.

        Raise TransientError if a retry may succeed, else RegistryError; both for each status that
        is not ``expected``. ``path`` may be a full URL.
        """
        from scar.image.registry.http_client import BodyTooLargeError, EncodedBodyError

        url, hops = self._full_url(path), 0
        while True:
            authorization = self._auth.headers_for(url)
            sent = {**(headers or {}), **authorization}
            with self._translated_errors(method, url):
                try:
                    response = self.client.exchange(
                        method, url, headers=sent, data=data, success=expected
                    )
                except BodyTooLargeError as error:
                    raise RegistryError(
                        f"{method} {_strip_query(url)}: the response has more than 4 MiB.",
                        remedy="No manifest is that large: use another image or registry.",
                    ) from error
                except EncodedBodyError as error:
                    raise RegistryError(
                        f"{method} {_strip_query(url)}: the response is compressed, which was not"
                        " asked for.",
                        remedy="Check the proxy between this machine and the registry.",
                    ) from error
            if method not in _SAFE_METHODS or response.status not in _REDIRECTS:
                return self._check_response(method, response, expected, authorization)
            url, hops = self._next_url(method, url, response.headers, hops), hops + 1

    def open_once(self, path: str, headers: Mapping[str, str]) -> Response:
        """Return the response to a GET whose body is read later; the caller closes it.

        Raise as ``request_once``, for each status but 200 and 206.
        """
        url, hops = self._full_url(path), 0
        while True:
            authorization = self._auth.headers_for(url)
            with self._translated_errors("GET", url):
                response = self.client.open("GET", url, headers={**headers, **authorization})
            if response.status_code in {200, 206}:
                return response
            response.close()
            if response.status_code not in _REDIRECTS:
                # The same request again, for the body of the error.
                self.request_once("GET", path, expected=(), headers=headers)
            url, hops = self._next_url("GET", url, response.headers, hops), hops + 1

    def _full_url(self, path: str) -> str:
        return urljoin(f"{self.endpoint}/v2/{self.name}/", path)

    def _next_url(self, method: str, url: str, headers: Mapping[str, str], hops: int) -> str:
        """Return where a redirect leads; raise RegistryError if it must not be followed."""
        target = urljoin(url, headers.get("Location", ""))
        problem = ""
        if hops >= MAX_REDIRECTS:
            problem = f"more than {MAX_REDIRECTS} redirects"
        elif not target.startswith(("https://", "http://")) or target == url:
            problem = f"an invalid redirect to {_strip_query(target)!r}"
        elif url.startswith("https:") and target.startswith("http:") and "/blobs/" not in url:
            # Blobs are checked against their digest; a manifest by its tag is not.
            problem = f"a redirect to the insecure address {_strip_query(target)}"
        if problem:
            raise RegistryError(
                f"{method} {_strip_query(url)}: {problem}.",
                remedy="Check the image's name, and the proxy between here and the registry.",
            )
        return target

    @contextlib.contextmanager
    def _translated_errors(self, method: str, url: str) -> Iterator[None]:
        from scar.image.registry.connection_errors import describe_failure
        from scar.image.registry.http_client import HTTP_ERRORS

        start = time.monotonic()
        try:
            yield
        except HTTP_ERRORS as error:
            failure = describe_failure(error, url)
            # A host that drips and then hangs up, just before the deadline, is as slow as one that
            # reaches it. Uploads may have taken long for other reasons.
            took_long = time.monotonic() - start >= self.client.limits.document / SLOW_SHARE
            is_lasting = failure.is_lasting or (took_long and method in _SAFE_METHODS)
            raise TransientError(
                f"{method} {_strip_query(url)} failed: {failure.problem}",
                max_attempts=CONNECT_ATTEMPTS if is_lasting else MAX_ATTEMPTS,
                unreachable=True,
            ) from error

    def _check_response(
        self,
        method: str,
        response: HttpResponse,
        expected: tuple[int, ...],
        authorization: Mapping[str, str],
    ) -> HttpResponse:
        status = response.status
        if status in expected:
            return response
        problem = f"{method} {_strip_query(response.url)}: {status} {_response_error(response)}"
        # The first request of a session has no token: its 401 names the token service. A retry
        # by TransientError covers this and expired tokens, and counts against the attempts.
        if status == 401:
            sent = authorization.get("Authorization", "")
            if self._auth.answer_challenge(sent, response.headers.get("WWW-Authenticate", "")):
                raise TransientError(problem, retry_after=0.0)
        if status in _TRANSIENT_STATUSES:
            raise TransientError(problem, retry_after=_parse_retry_after(response))
        remedy = _REMEDIES.get(status, "See the registry's error message.")
        raise RegistryError(problem, remedy=remedy, status=status)


class TransientError(Exception):
    """A failure that a retry may resolve.

    ``retry_after``: seconds to wait; negative for an exponential backoff. ``unreachable``: there
    was no response.
    """

    def __init__(
        self,
        problem: str,
        *,
        retry_after: float = -1.0,
        max_attempts: int = MAX_ATTEMPTS,
        unreachable: bool = False,
    ) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        self.max_attempts = max_attempts
        self.unreachable = unreachable


def _parse_retry_after(response: HttpResponse) -> float:
    """Return the seconds of the Retry-After header; negative if it is missing or a date."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return -1.0


_REMEDIES = {
    407: "The proxy needs a login: put user and password into its address in HTTPS_PROXY.",
    401: "Log in with `docker login`; an earlier login may have expired.",
    403: "The credentials lack permission (in ECR: ecr:InitiateLayerUpload, ecr:PutImage…).",
    404: "The repository does not exist; `scar init` creates the repositories of functions.",
    413: "The image is too large for this registry.",
}


def _strip_query(url: str) -> str:
    """Return the URL without its query, which may contain a signature."""
    return url.partition("?")[0]


def _response_error(response: HttpResponse) -> str:
    """Return the first error of an OCI error document, else the beginning of the body."""
    try:
        first = json.loads(response.body)["errors"][0]
        text = f"{first['code']}: {first['message']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        text = response.body[:MAX_ERROR_LENGTH].decode(errors="replace").strip()
    return text[:MAX_ERROR_LENGTH]
