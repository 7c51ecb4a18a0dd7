"""Requests to one repository of a registry: access, bounded retries, errors in our words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from scar.image.errors import RegistryError
from scar.image.registry.auth import RegistryAuth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from requests import Response, Session
    from requests.models import PreparedRequest

    from scar.image.registry.credentials import Login

Result = TypeVar("Result")

MAX_ATTEMPTS = 5
CONNECT_ATTEMPTS = 2  # attempts where no connection comes about: this machine may be offline
TIMEOUT = (10.0, 300.0)  # seconds to connect, and without any answer
MAX_RETRY_AFTER = 60.0  # seconds: a registry that wants more is not waited for
_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class RegistryTransport:
    """Speaks to ``<endpoint>/v2/<name>/…``; safe to share between threads.

    ``endpoint`` is ``https://host`` or ``http://host:port``; ``actions`` is what a token is
    asked for: ``pull`` or ``pull,push``.
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
        """Ask, again if what went wrong may pass; raise RegistryError."""
        return self.retry(
            lambda: self.request_once(method, path, expected=expected, headers=headers, data=data)
        )

    def retry(self, work: Callable[[], Result]) -> Result:
        """Do the work, again after each Passing; raise RegistryError after ATTEMPTS of them."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return work()
            except TransientError as error:
                self.pause_before_retry(attempt, error)
        raise AssertionError

    def pause_before_retry(self, attempt: int, error: TransientError) -> None:
        """Wait before another attempt; raise RegistryError if this was the last one."""
        if attempt >= error.max_attempts or error.retry_after > MAX_RETRY_AFTER:
            raise RegistryError(
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
        """Ask one time. Raise Passing if another attempt may help, else RegistryError."""
        from requests import ConnectionError as NoConnection
        from requests import RequestException

        url = urljoin(f"{self.endpoint}/v2/{self.name}/", path)
        access = self._auth.headers_for(url)
        try:
            answer = self._session.request(
                method,
                url,
                headers={**(headers or {}), **access},
                data=data,
                auth=_keep_headers,
                timeout=TIMEOUT,
                allow_redirects=method in _SAFE_METHODS,
                stream=stream,
            )
        except NoConnection as error:
            attempts = CONNECT_ATTEMPTS if _never_connected(error) else MAX_ATTEMPTS
            problem = f"{method} {_strip_query(url)} failed: {_root_cause(error)}"
            raise TransientError(problem, max_attempts=attempts) from error
        except RequestException as error:
            raise TransientError(f"{method} {_strip_query(url)} failed: {error}") from error
        if answer.status_code in expected:
            return answer
        problem = f"{method} {_strip_query(url)}: {answer.status_code} {_response_error(answer)}"
        if answer.status_code == 401:
            sent = access.get("Authorization", "")
            if self._auth.answer_challenge(sent, answer.headers.get("WWW-Authenticate", "")):
                raise TransientError(problem, retry_after=0.0)
        if answer.status_code in _TRANSIENT_STATUSES:
            raise TransientError(problem, retry_after=_parse_retry_after(answer))
        raise RegistryError(
            problem,
            remedy=_REMEDIES.get(answer.status_code, "See the answer."),
            status=answer.status_code,
        )


class TransientError(Exception):
    """Worth another attempt, after ``wait`` seconds; negative: whenever it seems right."""

    def __init__(
        self, problem: str, *, retry_after: float = -1.0, max_attempts: int = MAX_ATTEMPTS
    ) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        self.max_attempts = max_attempts


def _never_connected(error: Exception) -> bool:
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    reason = error.args[0] if error.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)


def _root_cause(error: Exception) -> object:
    """Return what lies below, without the names of Python's objects where there is less to say."""
    inner: BaseException = error
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    return getattr(inner, "strerror", None) or inner


def _keep_headers(request: PreparedRequest) -> PreparedRequest:
    """Keep requests from putting a login of ~/.netrc in the place of ours."""
    return request


def _parse_retry_after(answer: Response) -> float:
    """Return the seconds that the registry wants to be left alone."""
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "")))
    except ValueError:
        return -1.0


_REMEDIES = {
    401: "Log in with `docker login`; a login that was there may have expired.",
    403: "The credentials may not do that there (in ECR: ecr:InitiateLayerUpload, ecr:PutImage…).",
    404: "The repository does not exist there; `scar init` creates those of functions.",
    413: "The image is too large for this registry.",
}


def _strip_query(url: str) -> str:
    return url.partition("?")[0]


def _response_error(answer: Response) -> str:
    try:
        first = answer.json()["errors"][0]
        return f"{first['code']}: {first['message']}"
    except (ValueError, LookupError, TypeError):
        return answer.text[:200].strip() or (answer.reason or "")
