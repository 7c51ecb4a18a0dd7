"""How a registry is told who asks: nothing, a password, or a token that its challenge names."""

from __future__ import annotations

import base64
import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scar.image.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response, Session

    from scar.image.registry.credentials import Login

TIMEOUT = (10.0, 60.0)  # seconds to connect to whoever gives tokens, and without any answer
_CHALLENGE_PARAMETER = re.compile(r'([A-Za-z_]+)="((?:[^"\\]|\\.)*)"')


class RegistryAuth:
    """The Authorization header for one repository; shared by threads.

    A password goes to the registry's own host and to the token service that this host names
    over the same kind of connection; never to where blobs are redirected.
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
        """Return what to send along to this address."""
        if urlsplit(url).netloc != self._endpoint.netloc:
            return {}
        header = self._header
        return {"Authorization": header} if header else {}

    def answer_challenge(self, sent: str, challenge: str) -> bool:
        """Answer a 401: return whether it is worth asking again.

        ``sent`` is the header that was refused, ``challenge`` what the registry wants. Raise
        RegistryError if the token service refuses.
        """
        with self._lock:
            if sent != self._header:
                return True  # another thread was faster
            scheme, _, rest = challenge.partition(" ")
            wanted = {name.lower(): value for name, value in _CHALLENGE_PARAMETER.findall(rest)}
            if scheme.lower() == "bearer" and "realm" in wanted:
                self._header = f"Bearer {self._request_token(wanted)}"
                return self._header != sent
            if scheme.lower() == "basic" and self._login is not None:
                self._header = _basic_header(self._login)
                return self._header != sent
            return False

    def _request_token(self, wanted: Mapping[str, str]) -> str:
        from requests import RequestException

        realm = wanted["realm"]
        place = urlsplit(realm)
        if place.scheme not in {"https", self._endpoint.scheme} or not place.netloc:
            raise RegistryError(
                f"{self._endpoint.netloc} sends its users to {realm} for a token: that is not"
                " a safe address.",
                remedy="Use the registry over HTTPS.",
            )
        try:
            answer = self._send_token_request(realm, wanted.get("service", ""))
            if answer.status_code != 200:
                raise RegistryError(
                    f"{place.netloc} gives no token for {self._scope}: status"
                    f" {answer.status_code}.",
                    remedy="Check the image's name; log in with `docker login` if it is private.",
                )
            told = answer.json()
            token = told.get("token") or told.get("access_token") or ""
        except (RequestException, ValueError, AttributeError) as error:
            raise RegistryError(
                f"{place.netloc} gives no token for {self._scope}: {error}.",
                remedy="Check the network, then try again.",
            ) from error
        if not isinstance(token, str) or not token:
            raise RegistryError(
                f"{place.netloc} answers without a token for {self._scope}.",
                remedy="Try again; if it stays so, the registry is at fault.",
            )
        return token

    def _send_token_request(self, realm: str, service: str) -> Response:
        login = self._login
        if login is not None and login.identity_token:
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
