"""URLs of S3 that are signed in their query: a holder of one may send that one request.

Source: AWS, "Authenticating requests: using query parameters (Signature Version 4)".
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.aws.request import UNSIGNED_PAYLOAD
from supervisor.aws.sigv4 import ALGORITHM, CredentialScope, day_scope, sign_canonical

if TYPE_CHECKING:
    from supervisor.aws.request import AwsRequest
    from supervisor.aws.sigv4 import Credentials


def presign(
    request: AwsRequest, *, credentials: Credentials, region: str, timestamp: float, expires: int
) -> str:
    """Return the URL of a request to S3; ``timestamp`` in epoch seconds, ``expires`` in seconds.

    The sender must add exactly the headers of ``request``: all of them are signed, names in lower
    case. The body is not signed. The URL ends with the credentials, if they end before.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(timestamp))
    scope = CredentialScope(region, "s3")
    signed = {
        name: " ".join(value.split())
        for name, value in sorted({**request.headers, "host": request.origin.authority}.items())
    }
    fields = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{day_scope(scope, stamp)}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": ";".join(signed),
    }
    if credentials.token:
        fields["X-Amz-Security-Token"] = credentials.token
    complete = replace(request, query=(*request.query, *fields.items()))
    canonical = "\n".join(
        (
            request.method,
            complete.encoded_path or "/",
            complete.encoded_query,
            *(f"{name}:{value}" for name, value in signed.items()),
            "",
            ";".join(signed),
            UNSIGNED_PAYLOAD,
        )
    )
    signature = sign_canonical(canonical, credentials, scope, stamp)
    origin = request.origin
    return f"{origin.scheme}://{origin.authority}{complete.target}&X-Amz-Signature={signature}"
