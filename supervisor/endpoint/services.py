"""The requests to AWS for a function's endpoint: presigned URLs, and events to itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.aws.errors import AwsError
from supervisor.errors import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.model import FunctionConfig, ObjectRef
    from supervisor.storage.s3_api import S3ObjectApi

# Seconds for which a presigned URL is valid, if the role's credentials are so long.
URL_LIFETIME = 900


@dataclass(frozen=True, slots=True)
class AwsEndpointServices:
    """Adapter of ``ports.EndpointServices`` for one function."""

    config: FunctionConfig
    environ: Mapping[str, str]
    api: S3ObjectApi

    def sign_upload(self, ref: ObjectRef, size: int) -> tuple[str, Mapping[str, str]]:
        from supervisor.storage.presigned import presign_upload

        return presign_upload(self.api, ref, size, expires=URL_LIFETIME)

    def sign_download(self, ref: ObjectRef, content_type: str) -> str:
        from supervisor.storage.presigned import presign_download

        return presign_download(self.api, ref, content_type, expires=URL_LIFETIME)

    def enqueue(self, event: bytes) -> None:
        from supervisor.aws import function_invoker

        try:
            function_invoker.connect(self.environ).enqueue(self.config.name, event)
        except AwsError as error:
            is_unprocessed = error.transient and not error.outcome_unknown
            raise RequestRefused(
                "The request cannot be queued: Lambda throttles it."
                if error.throttled
                else "The request cannot be queued.",
                remedy="Send it again later." if is_unprocessed else "Its run may start.",
                status=503,
                retry_after=5 if is_unprocessed else 0,
            ) from error


def connect(config: FunctionConfig, environ: Mapping[str, str]) -> AwsEndpointServices:
    """Create the services from the environment of a function; raise ConfigError."""
    from supervisor.config import bucket_owners
    from supervisor.storage import s3

    store = s3.connect(environ, bucket_owners=bucket_owners(config), encryption=config.encryption)
    return AwsEndpointServices(config, environ, store.api)
