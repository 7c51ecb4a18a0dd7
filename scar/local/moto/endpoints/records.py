"""Endpoints as the HTTP application of ``scar.local.endpoints`` reads them, on each request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.local.moto.endpoints.http_apis import DEFAULT_TIMEOUT
from scar.local.moto.endpoints.rules import function_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from scar.local.moto.endpoints.api_store import Document, StoredApi
    from scar.local.moto.endpoints.configuration import EndpointConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCors:
    """A CORS configuration; methods and headers may be ``*``. ``max_age``: seconds or None."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRecord:
    """An endpoint that a request may call.

    ``is_url``: a function URL, else an HTTP API. ``function``: ARN of the function, empty if no
    route or stage leads to one. ``needs_signature``: authorization by IAM. ``timeout`` in seconds,
    None without. ``rate`` and ``burst``: requests, None for the account's.
    """

    id: str
    account: str
    region: str
    is_url: bool
    function: str
    needs_signature: bool
    cors: EndpointCors | None = None
    timeout: float | None = None
    rate: float | None = None
    burst: int | None = None
    permission_source: str = field(default="")


class EndpointRecords:
    """Endpoints by the id in their address."""

    def __init__(self, configuration: EndpointConfiguration, lock: threading.RLock) -> None:
        self._configuration = configuration
        self._lock = lock

    def find_api(self, identity: str) -> EndpointRecord | None:
        """Return an HTTP API, or None."""
        with self._lock:
            api = self._configuration.apis.get(identity)
            return None if api is None else _api_record(api, self._configuration.account)

    def find_url(self, identity: str) -> EndpointRecord | None:
        """Return a function URL, or None."""
        with self._lock:
            found = self._configuration.urls.find(identity)
            if found is None:
                return None
            function, url = found
            return EndpointRecord(
                id=identity,
                account=self._configuration.account,
                region=function.region,
                is_url=True,
                function=function.function_arn,
                needs_signature=url["AuthType"] != "NONE",
                cors=_cors_rules(url.get("Cors")),
            )


def _api_record(api: StoredApi, account: str) -> EndpointRecord:
    identity = api.document["ApiId"]
    # Only $default is accepted, for routes and stages.
    route: Document = next(iter(api.parts["Route"].values()), {})
    stage: Document = api.parts["Stage"].get("$default", {})
    target = str(route.get("Target", "")).removeprefix("integrations/")
    integration = api.parts["Integration"].get(target, {})
    limits = stage.get("DefaultRouteSettings") or {}
    is_served = bool(stage.get("AutoDeploy") and integration)
    return EndpointRecord(
        id=identity,
        account=account,
        region=api.region,
        is_url=False,
        function=function_of(integration.get("IntegrationUri", "")) if is_served else "",
        needs_signature=route.get("AuthorizationType") == "AWS_IAM",
        cors=_cors_rules(api.document.get("CorsConfiguration")),
        timeout=integration.get("TimeoutInMillis", DEFAULT_TIMEOUT) / 1000,
        rate=limits.get("throttlingRateLimit"),
        burst=limits.get("throttlingBurstLimit"),
        permission_source=f"arn:aws:execute-api:{api.region}:{account}:{identity}/$default/$default",
    )


def _cors_rules(document: Mapping[str, object] | None) -> EndpointCors | None:
    if not document:
        return None
    # Lambda spells these fields with a capital.
    fields = {name.lower(): value for name, value in document.items()}

    def texts(name: str) -> tuple[str, ...]:
        value = fields.get(name)
        return tuple(map(str, value)) if isinstance(value, list) else ()

    age = fields.get("maxage")
    return EndpointCors(
        origins=texts("alloworigins"),
        methods=texts("allowmethods"),
        headers=tuple(name.lower() for name in texts("allowheaders")),
        exposed=texts("exposeheaders"),
        credentials=bool(fields.get("allowcredentials")),
        max_age=age if isinstance(age, int) and age >= 0 else None,
    )
