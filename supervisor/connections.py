"""What a function is connected to besides its buckets: its HTTP endpoint and other stores."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Days for which the state bucket keeps bodies and results that are too large for Lambda. A run may
# wait for its job, or for `scar retry`, with the body; a result is fetched by who waits for it.
BODY_DAYS = 14
RESULT_DAYS = 1


# Base names of the objects that deployments write to try a store; they start no runs.
PROBE_NAME = ".scar-probe-"


class EndpointKind(enum.StrEnum):
    """Which service of AWS accepts the function's HTTP requests: the FDL's ``api_gateway.type``."""

    HTTP = "http"  # an HTTP API of Amazon API Gateway
    URL = "url"  # a Lambda function URL


class EndpointAuthentication(enum.StrEnum):
    """Who may call the endpoint: the FDL's ``api_gateway.authentication``."""

    IAM = "IAM"  # requests signed with Signature Version 4 by an identity that may invoke it
    NONE = "NONE"  # everybody who knows the address


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """The function's HTTP endpoint. ``max_body`` is in bytes; larger bodies are refused.

    ``allow_origins`` are those of CORS, empty without CORS.
    """

    kind: EndpointKind
    authentication: EndpointAuthentication = EndpointAuthentication.IAM
    max_body: int = 0
    allow_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """A store other than the account's S3: an entry of the FDL's ``storage_providers``.

    ``name`` is the FDL's ``kind.name`` (``minio.lab``), as ``storage_provider`` has it. ``options``
    are plain values (``endpoint``, ``region``, ``path_style``, ``verify``, ``space``…), ``secrets``
    references by option (``access_key``, ``token``…), in the form of ``aws.secret_references``.
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.name.partition(".")[0]
