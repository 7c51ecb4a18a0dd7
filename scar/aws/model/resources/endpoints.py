"""HTTP endpoints of functions: HTTP APIs of Amazon API Gateway, and function URLs of Lambda."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from scar.aws.model.resources.base import Pairs, Resource, ResourceKey
from scar.aws.model.resources.lambda_ import EventInvokeConfig, LambdaFunction

AuthorizationType = Literal["AWS_IAM", "NONE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsRules:
    """Cross-origin resource sharing; without origins there is none. ``max_age`` is in seconds.

    The names of methods are in upper case, sorted, and those of headers in lower case, sorted.
    """

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEndpoint(Resource):
    """What both kinds of endpoint have; ``name`` is the function's.

    ``policy_matches``: the function's resource-based policy allows the endpoint's requests, and no
    others. ``url`` is the address that AWS gave it, only observed.
    """

    is_trigger: ClassVar[bool] = True

    authorization: AuthorizationType = "AWS_IAM"
    cors: CorsRules = CorsRules()
    policy_matches: bool = True
    url: str = field(default="", compare=False)

    @property
    def function(self) -> str:
        return self.name

    @property
    def needs(self) -> frozenset[ResourceKey]:
        return frozenset(
            {
                ResourceKey(LambdaFunction.kind, self.name),
                # For the asynchronous calls that a request may ask for.
                ResourceKey(EventInvokeConfig.kind, self.name),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpApi(HttpEndpoint):
    """An HTTP API whose requests all go to one function.

    Several APIs of an account may have the same ``api_name``: the function's is found by its tag.
    ``rate`` is in requests per second. ``function_arn`` is the target of the default route and
    ``is_deployed`` whether the default stage exists and deploys changes by itself. Only observed:
    ``other_routes``, which are not scar's, and the number of ``duplicates``, further APIs with the
    tag of this function.
    """

    kind: ClassVar[str] = "http-api"

    api_name: str = ""
    function_arn: str = ""
    rate: float = 0.0
    burst: int = 0
    tags: Pairs = ()
    is_deployed: bool = True
    other_routes: tuple[str, ...] = ()
    duplicates: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionUrl(HttpEndpoint):
    """The URL of a function; a function has at most one."""

    kind: ClassVar[str] = "function-url"
