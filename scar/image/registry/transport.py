"""Sends requests to one repository of a registry: authorization, bounded retries, errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from scar.image.errors import RegistryError, RegistryUnreachableError
from scar.image.registry.auth import RegistryAuth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from requests import Response, Session
    from requests.models import PreparedRequest

    from scar.image.registry.credentials import Login

Result = TypeVar("Result")

MAX_ATTEMPTS = 5
CONNECT_ATTEMPTS = 2  # if the connection fails: this machine may be offline, so fail fast
TIMEOUT = (10.0, 300.0)  # seconds to connect, and to wait for data
MAX_RETRY_AFTER = 60.0  # seconds: if a registry asks for a longer wait, the request fails
_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_SAFE_METHODS = frozenset({"GET", "HEAD"})


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
    ) -> None:
        import requests

        self.endpoint = endpoint.rstrip("/")
        self.name = name
        self._session: Session = requests.Session()
        self._session.trust_env = urlsplit(endpoint).scheme == "https"  # no proxy for loopback
        self._auth = RegistryAuth(
            self.endpoint, f"repository:{name}:{actions}", login, self._session
        )
        self.sleep = sleep

    def close(self) -> None:
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        expected: tuple[int, ...],
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Response:
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
        stream: bool = False,
    ) -> Response:
        """Return the response to a single request.

        Raise TransientError if a retry may succeed, else RegistryError; both for each status that
        is not ``expected``. ``path`` may be a full URL.
        """
        import requests

        url = urljoin(f"{self.endpoint}/v2/{self.name}/", path)
        authorization = self._auth.headers_for(url)
        try:
            response = self._session.request(
                method,
                url,
                headers={**(headers or {}), **authorization},
                data=data,
                auth=_keep_headers,
                timeout=TIMEOUT,
                allow_redirects=method in _SAFE_METHODS,
                stream=stream,
            )
        except requests.ConnectionError as error:
            attempts = CONNECT_ATTEMPTS if _never_connected(error) else MAX_ATTEMPTS
            problem = f"{method} {_strip_query(url)} failed: {_root_cause(error)}"
            raise TransientError(problem, max_attempts=attempts, unreachable=True) from error
        except requests.RequestException as error:
            raise TransientError(
                f"{method} {_strip_query(url)} failed: {error}", unreachable=True
            ) from error
        status = response.status_code
        if status in expected:
            return response
        problem = f"{method} {_strip_query(url)}: {status} {_response_error(response)}"
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


def _never_connected(error: Exception) -> bool:
    # `requests` wraps the reason in its own ConnectionError, as it does for broken connections.
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    reason = error.args[0] if error.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)


def _root_cause(error: Exception) -> object:
    """Return the innermost error, whose text has no object addresses (``<urllib3… at 0x…>``)."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    return getattr(inner, "strerror", None) or inner


def _keep_headers(request: PreparedRequest) -> PreparedRequest:
    """Return the request unchanged: with any ``auth``, `requests` does not use ~/.netrc."""
    return request


def _parse_retry_after(response: Response) -> float:
    """Return the seconds of the Retry-After header; negative if it is missing or a date."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return -1.0


_REMEDIES = {
    401: "Log in with `docker login`; an earlier login may have expired.",
    403: "The credentials lack permission (in ECR: ecr:InitiateLayerUpload, ecr:PutImage…).",
    404: "The repository does not exist; `scar init` creates the repositories of functions.",
    413: "The image is too large for this registry.",
}


def _strip_query(url: str) -> str:
    """Return the URL without its query, which may contain a signature."""
    return url.partition("?")[0]


def _response_error(response: Response) -> str:
    """Return the first error of an OCI error document, else the beginning of the body."""
    try:
        first = response.json()["errors"][0]
        return f"{first['code']}: {first['message']}"
    except (ValueError, LookupError, TypeError):
        return response.text[:200].strip() or (response.reason or "")
