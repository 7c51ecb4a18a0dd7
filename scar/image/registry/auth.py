"""Authorizes requests to a registry: anonymously, with a password, or with a bearer token."""

from __future__ import annotations

import base64
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scar.image.errors import RegistryError, RegistryUnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response, Session

    from scar.image.registry.credentials import Login

TIMEOUT = (10.0, 60.0)  # seconds to connect to the token service, and to wait for data
_CHALLENGE_PARAMETER = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"')


class RegistryAuth:
    """The Authorization header for one repository; safe to share between threads.

    The password is sent to the registry's own host and to the token service that this host names,
    never over a less secure connection, and never to the hosts to which blobs are redirected.
    """

    def __init__(self, endpoint: str, scope: str, login: Login | None, session: Session) -> None:
        self._endpoint = urlsplit(endpoint)
        self._scope = scope
        self._login = login
        self._session = session
        self._lock = threading.Lock()
        self._header = ""
        if login and login.user:
            self._header = _basic_header(login)

    def headers_for(self, url: str) -> dict[str, str]:
        """Return the headers to add to a request to this URL."""
        # Upload locations may be presigned URLs of a storage service, which must not receive the
        # credentials. S3 also refuses presigned requests that have an Authorization header.
        if urlsplit(url).netloc != self._endpoint.netloc:
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
            parameters = {name.lower(): value for name, value in _CHALLENGE_PARAMETER.findall(rest)}
            # The same header again means that the registry rejects these credentials for good.
            if scheme.lower() == "bearer" and "realm" in parameters:
                self._header = f"Bearer {self._request_token(parameters)}"
                return self._header != sent
            if scheme.lower() == "basic" and self._login is not None:
                self._header = _basic_header(self._login)
                return self._header != sent
            return False

    def _request_token(self, parameters: Mapping[str, str]) -> str:
        from requests import ConnectionError as RequestsConnectionError
        from requests import RequestException, Timeout

        realm = parameters["realm"]
        url = urlsplit(realm)
        # The realm comes from the network: a response of a registry on HTTPS must not cause the
        # password to be sent in clear text.
        if url.scheme not in {"https", self._endpoint.scheme} or not url.netloc:
            raise RegistryError(
                f"{self._endpoint.netloc} names an insecure token service: {realm}.",
                remedy="Use a registry whose token service has HTTPS.",
            )
        try:
            response = self._send_token_request(realm, parameters.get("service", ""))
            if response.status_code != 200:
                raise RegistryError(
                    f"{url.netloc} issued no token for {self._scope}: HTTP status"
                    f" {response.status_code}.",
                    remedy="Check the image's name; log in with `docker login` if it is private.",
                )
            # Token services return one of two names, or both, for the same token.
            document = response.json()
            token = document.get("token") or document.get("access_token") or ""
        except (RequestException, ValueError, AttributeError) as error:
            unreachable = isinstance(error, RequestsConnectionError | Timeout)
            kind = RegistryUnreachableError if unreachable else RegistryError
            raise kind(
                f"{url.netloc} issued no token for {self._scope}: {error}.",
                remedy="Check the network, then try again.",
            ) from error
        if not isinstance(token, str) or not token:
            raise RegistryError(
                f"{url.netloc} returned no token for {self._scope}.",
                remedy="Try again; if the error persists, report it to the registry's operator.",
            )
        return token

    def _send_token_request(self, realm: str, service: str) -> Response:
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
            return self._session.post(realm, data=form, timeout=TIMEOUT, allow_redirects=False)
        query = {"service": service, "scope": self._scope}
        headers = {"Authorization": _basic_header(login)} if login and login.user else {}
        return self._session.get(
            realm,
            params={name: value for name, value in query.items() if value},
            headers=headers,
            timeout=TIMEOUT,
            allow_redirects=False,
        )


def _basic_header(login: Login) -> str:
    pair = f"{login.user}:{login.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
