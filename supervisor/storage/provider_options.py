"""Reads what all providers of the FDL's ``storage_providers`` have: address, trust, secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import ConfigError
from supervisor.storage.provider_keys import HEADER_KEYS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from supervisor.aws.connection_pool import ConnectionPool
    from supervisor.aws.request import Origin
    from supervisor.connections import ProviderConfig
    from supervisor.logs import Log

_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """The options of a provider; every method raises ConfigError that names provider and option.

    ``read`` returns the values of its secrets, and raises SecretError.
    """

    config: ProviderConfig
    read: Callable[[], Mapping[str, str]]
    log: Log | None = None

    @property
    def name(self) -> str:
        return self.config.name

    def text(self, option: str, default: str = "") -> str:
        return self.config.options.get(option, default)

    def secret(self, name: str) -> str:
        """Return the value of a secret, which is never logged; raise SecretError.

        Raise ConfigError for a value that cannot be sent: errors of the HTTP library contain it.
        """
        value = self.read().get(name, "")
        if not value:
            raise self.error(f"{name} is missing or empty", f"Set {name}")
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise self.error(
                f"{name} has a line break or another control character",
                f"Store the value without it, also at its end, as {name}",
            )
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.error(f"{name} is not text in UTF-8", f"Correct {name}")
        if name in HEADER_KEYS and not value.isascii():
            raise self.error(f"{name} is not ASCII", f"Correct {name}")
        return value

    def flag(self, option: str) -> bool | None:
        """Return a flag; None if it is not set."""
        text = self.text(option).lower()
        if text and text not in _FLAGS:
            raise self.error(f"{option} is {text!r}", f"Write true or false as {option}")
        return _FLAGS.get(text)

    def origin(self, option: str) -> Origin:
        """Return the address: a URL, or a host with or without port, which means https."""
        from urllib.parse import unquote

        from supervisor.aws.endpoints import parse_endpoint
        from supervisor.aws.request import Origin

        text = self.text(option).strip()
        if not text:
            raise self.error(f"{option} is missing", f"Set {option}")
        url = text if "://" in text else f"https://{text}"
        if "@" in url.partition("://")[2].partition("/")[0]:
            # The value is not repeated: it has a password in it.
            raise self.error(
                f"{option} has a login in it", "Use the options for login and password"
            )
        origin = parse_endpoint(url, f"storage_providers.{self.name}: {option}")
        if "?" in url or "#" in url:
            raise self.error(f"{option} has a query or fragment", f"Remove it from {option}")
        # A URL is written encoded, as it is copied from a browser.
        return Origin(origin.scheme, origin.host, origin.port, unquote(origin.path))

    def connections(self, environ: Mapping[str, str], origin: Origin) -> ConnectionPool:
        """Return a pool that trusts what ``verify`` and ``ca_bundle`` say."""
        from supervisor.aws.connection_pool import ConnectionPool

        verify, bundle = self.flag("verify"), self.text("ca_bundle")
        if verify is False:
            if self.log is not None:
                self.log.warning(
                    f"The certificate of {origin} is not verified ({self.name}: verify: false)."
                )
            return ConnectionPool(environ, create_context=_create_unverified_context)
        if bundle:
            return ConnectionPool(environ, create_context=lambda: self._trust(bundle))
        return ConnectionPool(environ)

    def _trust(self, bundle: str) -> ssl.SSLContext:
        """Return a context that trusts a file, or certificates in PEM format."""
        import ssl

        try:
            if "-----BEGIN" in bundle:
                return ssl.create_default_context(cadata=bundle)
            return ssl.create_default_context(cafile=bundle)
        except (OSError, ValueError) as error:
            raise self.error(
                f"ca_bundle cannot be used: {error}",
                "Use a file of the image, a PEM file beside the FDL file, or text in PEM format",
            ) from error

    def warn_if_readable(self, origin: Origin) -> None:
        """Warn about secrets over plain HTTP, except on this machine."""
        loopback = origin.host in ("localhost", "::1") or origin.host.startswith("127.")
        if not origin.is_tls and not loopback and self.log is not None:
            self.log.warning(
                f"Requests to {origin} ({self.name}) are not encrypted: others on the way can read"
                " the data, and what authenticates the requests.",
                remedy="Use https.",
            )

    def error(self, problem: str, remedy: str) -> ConfigError:
        return ConfigError(
            f"storage_providers.{self.name}: {problem}.",
            remedy=f"{remedy} of {self.name} in the FDL, and run `scar init` again.",
        )


def _create_unverified_context() -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
