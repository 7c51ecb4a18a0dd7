"""Certificates that sign those of a server: ``ca_bundle`` of ``storage_providers``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

if TYPE_CHECKING:
    from pydantic import ValidationInfo

# Of certificates, which every function image contains. Mozilla's whole bundle has 0.3 MB.
MAX_BUNDLE_BYTES = 1 << 20
# Key of the validation's context: whether files are read, which is the default.
READS_CERTIFICATES = "reads_certificates"
_PEM = "-----BEGIN"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def names_image_file(bundle: str) -> bool:
    """Return whether the value is the path of a file in the function's image."""
    return bundle.startswith("/")


def read_ca_bundle(value: str, info: ValidationInfo) -> str:
    """Return certificates in PEM format, or the absolute path of a file in the image.

    A relative path is that of a file of this machine, relative to the FDL file: it is replaced by
    the certificates in it. Raise ValueError.
    """
    context = info.context or {}
    if not value or names_image_file(value) or not context.get(READS_CERTIFICATES, True):
        return value
    if _PEM in value:
        return _certificates_of(value, "the text")
    try:
        path = Path(context.get("folder", Path()), Path(value).expanduser()).absolute()
    except RuntimeError as error:
        raise ValueError(f"{value} starts with the home of an unknown user") from error
    return _certificates_of(_read_text(path), f"the file {path}")


def _read_text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():  # a FIFO without a writer would block
            raise ValueError(f"{path} is not a regular file")
        with path.open("rb") as file:
            data = file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise ValueError(
            f"the file {path} cannot be read: {error.strerror}; a relative path is that of a file"
            " of this machine, an absolute path that of a file in the function's image"
        ) from error
    if len(data) > MAX_BUNDLE_BYTES:
        raise ValueError(f"the file {path} is longer than {MAX_BUNDLE_BYTES:,} bytes")
    # Comments between certificates may have any encoding.
    return data.decode(errors="replace")


def _certificates_of(text: str, subject: str) -> str:
    """Return only the certificates: a private key beside them must not get into images."""
    import ssl

    found = "".join(f"{block}\n" for block in _CERTIFICATE.findall(text))
    if not found:
        raise ValueError(f"{subject} has no certificate in PEM format")
    if len(found.encode()) > MAX_BUNDLE_BYTES:
        raise ValueError(f"{subject} is longer than {MAX_BUNDLE_BYTES:,} bytes")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found)
    except (ValueError, ssl.SSLError) as error:
        raise ValueError(f"{subject} has a damaged certificate: {error}") from error
    return found


CaBundle = Annotated[str, AfterValidator(read_ca_bundle)]
