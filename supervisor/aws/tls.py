"""Which roots a TLS connection trusts. ``ssl`` is loaded with the first one.

AWS_CA_BUNDLE comes first. For AWS's own hosts ``$SCAR_HOME/roots.pem`` (Amazon's roots) is
enough and loads 25 times faster than a full bundle. All others: ``$SCAR_HOME/ca-bundle.pem``
if there is one (an image may have no roots of its own), else OpenSSL's default, which follows
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
    """Return the file of roots to trust for the host; None means OpenSSL's default."""
    if given := environ.get("AWS_CA_BUNDLE"):
        return Path(given)
    home = Path(environ.get("SCAR_HOME", "/opt/scar"))
    names = ("roots.pem",) if host.endswith(AWS_SUFFIXES) else ()
    return next((home / n for n in (*names, "ca-bundle.pem") if (home / n).is_file()), None)


def create_ssl_context(file: Path | None) -> ssl.SSLContext:
    """Build a verifying client context; raise ConfigError if the file cannot be used."""
    import ssl

    if file is None:
        return ssl.create_default_context()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        made.load_verify_locations(cafile=file)
    except OSError as error:
        raise ConfigError(
            f"Cannot load the certificates in {file}: {error}.",
            remedy="Let AWS_CA_BUNDLE name a readable file of PEM certificates, or unset it.",
        ) from error
    return made
