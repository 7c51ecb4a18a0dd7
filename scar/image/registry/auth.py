"""Authorizes requests to a registry: anonymously, with a password, or with a bearer token."""

from __future__ import annotations

import base64
import json
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from scar.image.errors import RegistryError, RegistryUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.image.registry.credentials import Login
    from scar.image.registry.http_client import HttpClient, HttpResponse

_MAX_CHALLENGE_LENGTH = 4096  # characters of a WWW-Authenticate header that are parsed
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")  # visible ASCII: RFC 6750
_REPORT = "Try again; if the error persists, report it to the registry's operator."
_CHALLENGE_PARAMETER = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"')


class RegistryAuth:
    """The Authorization header for one repository; safe to share between threads.

    The password is sent to the registry's own host and to the token service that this host names,
    never over a less secure connection, and never to the hosts to which blobs are redirected.
    """

    def __init__(self, endpoint: str, scope: str, login: Login | None, client: HttpClient) -> None:
        self._endpoint = urlsplit(endpoint)
        self._scope = scope
        self._login = login
        self._client = client
        self._lock = threading.Lock()
        self._header = ""
        if login and login.user:
            self._header = _basic_header(login)

    def headers_for(self, url: str) -> dict[str, str]:
        """Return the headers to add to a request to this URL."""
        # Upload locations may be presigned URLs of a storage service, which must not receive the
        # credentials. S3 also refuses presigned requests that have an Authorization header.
        if _origin(url) != _origin(self._endpoint.geturl()):
            return {}
        header = self._header
        return {"Authorization": header} if header else {}

    def answer_challenge(self, sent: str, challenge: str) -> bool:
        """Handle a 401: get new credentials, and return whether to send the request again.

        ``sent`` is the Authorization header of the refused request, ``challenge`` the response's
        WWW-Authenticate header. Raise RegistryError if the token service issues no token.
        """
        with self._lock:
            # When a token expires, all uploading threads get a 401. The first one renews the token
            # while the others wait for the lock, and find that their header is no longer current.
            if sent != self._header:
                return True
            scheme, _, rest = challenge.partition(" ")
            parameters = {
                name.lower(): value
                for name, value in _CHALLENGE_PARAMETER.findall(rest[:_MAX_CHALLENGE_LENGTH])
            }
            # The same header again means that the registry rejects these credentials for good.
            if scheme.lower() == "bearer" and "realm" in parameters:
                self._header = f"Bearer {self._request_token(parameters)}"
                return self._header != sent
            if scheme.lower() == "basic" and self._login is not None:
                self._header = _basic_header(self._login)
                return self._header != sent
            return False

    def _request_token(self, parameters: Mapping[str, str]) -> str:
        from scar.image.registry.connection_errors import describe_failure
        from scar.image.registry.http_client import (
            HTTP_ERRORS,
            BodyTooLargeError,
            EncodedBodyError,
        )

        realm = parameters["realm"]
        self._check_realm(realm)
        host = urlsplit(realm).netloc
        failed = f"{host} issued no token for {self._scope}"
        try:
            response = self._send_token_request(realm, parameters.get("service", ""))
        except HTTP_ERRORS as error:
            raise RegistryUnreachableError(
                f"{failed}: {describe_failure(error, realm).problem}.",
                remedy="Check the network, then try again.",
            ) from error
        except (BodyTooLargeError, EncodedBodyError) as error:
            raise RegistryError(
                f"{failed}: its response is too large or compressed.", remedy=_REPORT
            ) from error
        if response.status != 200:
            raise RegistryError(
                f"{failed}: HTTP status {response.status}.",
                remedy="Check the image's name; log in with `docker login` if it is private.",
            )
        try:
            # Token services return one of two names, or both, for the same token.
            document = json.loads(response.body)
            token = document.get("token") or document.get("access_token") or ""
        except (ValueError, AttributeError, RecursionError) as error:
            raise RegistryError(f"{failed}: {error}.", remedy=_REPORT) from error
        # It becomes a header: other characters would begin a new one.
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise RegistryError(f"{host} returned no token for {self._scope}.", remedy=_REPORT)
        return token

    def _check_realm(self, realm: str) -> None:
        """Raise RegistryError if the login must not be sent to this token service.

        The realm comes from the network: a response must not cause the password to be sent in
        clear text, except to the host itself if the user chose plain HTTP for it.
        """
        try:
            scheme, host, _ = _origin(realm)
        except ValueError:
            scheme, host = "", ""
        is_own_host = host == self._endpoint.hostname
        is_safe = scheme == "https" or (
            scheme == self._endpoint.scheme and (is_own_host or self._login is None)
        )
        if not is_safe or not host:
            raise RegistryError(
                f"{self._endpoint.netloc} names an insecure token service: {realm}.",
                remedy="Use a registry whose token service has HTTPS.",
            )

    def _send_token_request(self, realm: str, service: str) -> HttpResponse:
        # Redirects are not followed: they would send the login to another host.
        login = self._login
        if login is not None and login.identity_token:  # OAuth2, by POST (distribution's oauth.md)
            form = {
                "grant_type": "refresh_token",
                "refresh_token": login.identity_token,
                "service": service,
                "scope": self._scope,
                "client_id": "scar",
            }
            return self._client.exchange("POST", realm, headers={}, data=form)
        query = {"service": service, "scope": self._scope}
        query_text = urlencode({name: value for name, value in query.items() if value})
        headers = {"Authorization": _basic_header(login)} if login and login.user else {}
        separator = "&" if urlsplit(realm).query else "?"
        return self._client.exchange("GET", f"{realm}{separator}{query_text}", headers=headers)


def _origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port, with the scheme's default port."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port


def _basic_header(login: Login) -> str:
    pair = f"{login.user}:{login.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
