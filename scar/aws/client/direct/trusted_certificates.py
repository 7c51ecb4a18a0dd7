"""The certificates that direct requests trust: those that the SDK would trust."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from scar.errors import ConfigurationError
from supervisor.errors import ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping


def context_factory(bundle: str, environ: Mapping[str, str]) -> Callable[[], ssl.SSLContext]:
    """Return what creates a TLS context; ``bundle`` is AWS_CA_BUNDLE or the profile's ca_bundle.

    Without it REQUESTS_CA_BUNDLE applies, and then the certificates that come with the SDK. What
    creates the context raises ConfigurationError.
    """

    def create() -> ssl.SSLContext:
        from supervisor.aws.tls import create_ssl_context

        chosen = bundle or environ.get("REQUESTS_CA_BUNDLE", "")
        file = Path(chosen).expanduser() if chosen else _find_sdk_bundle()
        try:
            return create_ssl_context(file)
        except ConfigError as error:
            raise ConfigurationError(error.problem, remedy=error.remedy) from error

    return create


def _find_sdk_bundle() -> Path | None:
    """Return certifi's bundle, or that of botocore, without importing either."""
    for package in ("certifi", "botocore"):
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin).with_name("cacert.pem")
            if file.is_file():
                return file
    return None
