"""Presigned URLs are those of botocore, byte for byte, on generated requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirCredentials
from hypothesis import given
from hypothesis import strategies as st

from supervisor.aws.presign import presign
from supervisor.aws.request import AwsRequest
from supervisor.aws.sigv4 import Credentials
from tests.unit.supervisor.aws.test_sigv4 import keys, origins

if TYPE_CHECKING:
    from supervisor.aws.request import Origin


@given(
    keys,
    origins,
    st.sampled_from(["", "IQoJ+/token=="]),
    st.dictionaries(
        st.sampled_from(["content-length", "if-none-match", "x-amz-expected-bucket-owner"]),
        st.sampled_from(["*", "17", "123456789012"]),
    ),
    st.integers(0, 2**31),
)
def test_urls_equal_those_of_botocore(
    key: str, origin: Origin, token: str, headers: dict[str, str], timestamp: int
) -> None:
    credentials = Credentials(access_key="AKID", secret_key="secret", token=token)
    request = AwsRequest(method="PUT", origin=origin, path=f"/{key}", headers=headers)
    url = presign(
        request, credentials=credentials, region="eu-west-1", timestamp=timestamp, expires=900
    )
    theirs = AWSRequest(
        method="PUT",
        url=f"{origin.scheme}://{origin.authority}{request.encoded_path}",
        headers=headers,
    )
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(timestamp))
    theirs.context["timestamp"] = stamp
    signer: Any = S3SigV4QueryAuth(
        TheirCredentials("AKID", "secret", token or None), "s3", "eu-west-1", expires=900
    )
    _sign_at(signer, theirs, stamp)
    place, _, query = url.partition("?")
    their_place, _, their_query = str(theirs.url).partition("?")
    assert place == their_place
    assert sorted(query.split("&")) == sorted(their_query.split("&"))


def _sign_at(
    signer: Any,  # noqa: ANN401 - private methods
    request: AWSRequest,
    stamp: str,
) -> None:
    """Sign as ``add_auth`` does, at this time instead of now."""
    signer._modify_request_before_signing(request)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    signer._inject_signature_to_request(request, signature)
