"""The function's HTTP endpoint: the FDL's section ``api_gateway``."""

from typing import Literal

from pydantic import Field, StrictBool

from scar.fdl.field_types import TextList
from scar.fdl.model.base import FdlModel
from scar.fdl.values.byte_sizes import ByteSize

# Bytes. A limit of scar's own: the state bucket takes what Lambda cannot.
DEFAULT_MAX_BODY = 100 * 1024 * 1024


class CorsSpec(FdlModel):
    """Cross-origin resource sharing (CORS): which web pages may call the endpoint."""

    allow_origins: TextList = Field(
        (),
        description="origins whose pages may call the endpoint, such as `https://example.org`;"
        " `*`: all. An HTTP API needs `authentication: NONE` for it",
    )
    allow_methods: TextList = Field(
        (),
        description="HTTP methods that they may use, of GET, HEAD, POST, PUT, PATCH, DELETE and"
        " `*`; empty: GET, POST, PUT and DELETE",
    )
    allow_headers: TextList = Field(
        (),
        description="request headers that they may send; `*`: all. Those that endpoints understand"
        " are always among them",
    )
    expose_headers: TextList = Field(
        (),
        description="response headers that they may read; `*`: all. `x-scar-run-id` is always among"
        " them",
    )
    allow_credentials: StrictBool = Field(
        False, description="allow cookies and other credentials; not with the origin `*`"
    )
    max_age: int = Field(
        0, ge=0, le=86400, description="seconds for which browsers keep the answer (0 to 86400)"
    )


class ThrottlingSpec(FdlModel):
    """The endpoint's limit of requests, all callers together; HTTP APIs only."""

    rate: float = Field(
        100.0, gt=0, le=10000, description="requests per second, on average (up to 10000)"
    )
    burst: int = Field(200, ge=1, le=5000, description="requests at once (up to 5000)")


class ApiGatewaySpec(FdlModel):
    """HTTP endpoint of the function: an HTTP API of Amazon API Gateway, or a function URL."""

    boto_profile: str = Field(
        "default", description="accepted, not used: see `lambda.boto_profile`"
    )
    region: str = Field("", description="accepted, not used: see `lambda.region`")
    name: str = Field(
        "",
        max_length=128,
        description="name of the HTTP API; empty: the function has no HTTP API",
        examples=["my-api"],
    )
    type_: Literal["http", "url"] = Field(
        "http",
        alias="type",
        description="`http`: an HTTP API of Amazon API Gateway, which needs `name` and waits at"
        " most 30 seconds for a response; `url`: a function URL of Lambda, which waits as long as"
        " the function may run",
    )
    authentication: Literal["IAM", "NONE"] = Field(
        "IAM",
        description="`IAM`: requests must be signed by an identity of the account that may invoke"
        " the endpoint, as `scar invoke` does; `NONE`: everybody who knows the address may call it",
    )
    cors: CorsSpec = Field(CorsSpec(), description="cross-origin resource sharing for web pages")
    throttling: ThrottlingSpec = Field(
        ThrottlingSpec(), description="limit of requests per second of an HTTP API"
    )
    max_body: ByteSize = Field(
        DEFAULT_MAX_BODY,
        ge=1,
        le=2**31 - 1,
        description="largest request body: bytes, or a number with `MB`, `MiB` and so on; those"
        " above Lambda's limit (about 4.5 MB of binary data) go through the state bucket",
        examples=["30MiB"],
    )

    @property
    def is_used(self) -> bool:
        """Whether the function has an HTTP endpoint."""
        return bool(self.name) or self.type_ == "url"
