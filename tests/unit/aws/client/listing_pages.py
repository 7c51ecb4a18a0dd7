"""Pages of ListObjectsV2 as S3 and other stores write them, and what the SDK reads in them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

from botocore.parsers import RestXMLParser
from botocore.session import Session
from hypothesis import strategies as st

if TYPE_CHECKING:
    from botocore.model import Shape

NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
S3_ORDER = ("Key", "LastModified", "ETag", "ChecksumAlgorithm", "Size", "StorageClass")

# Characters that XML can carry: other keys exist only with encoding-type=url.
_names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20
)
_times = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
_forms = st.sampled_from(
    [
        "%Y-%m-%dT%H:%M:%S.000Z",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S.%f+00:00",
        "%a, %d %b %Y %H:%M:%S GMT",
    ]
)


@st.composite
def _objects(draw: st.DrawFn) -> dict[str, str]:
    quote = draw(st.sampled_from(["&quot;", "&#34;", '"', ""]))
    found = {
        "Key": draw(_names.filter(bool)),
        "LastModified": draw(_times).strftime(draw(_forms)),
        "ETag": f"{quote}{draw(st.text('0123456789abcdef-', min_size=1))}{quote}",
        "ChecksumAlgorithm": "CRC64NVME",
        "ChecksumType": "FULL_OBJECT",
        "Size": str(draw(st.integers(min_value=0, max_value=5 * 1024**4))),
        "Owner": "<ID>75aa</ID>",
        "StorageClass": "STANDARD",
    }
    dropped = draw(st.sets(st.sampled_from(["ETag", "ChecksumAlgorithm", "Owner", "StorageClass"])))
    order = draw(st.one_of(st.just(S3_ORDER), st.permutations(list(found))))
    return {name: found[name] for name in order if name not in dropped}


@st.composite
def listing_pages(draw: st.DrawFn) -> bytes:
    encoded = draw(st.booleans())
    space = draw(st.sampled_from(["", "\n  "]))

    def text(name: str) -> str:
        return quote_plus(name, safe="/") if encoded else escape(name)

    parts = ["<Name>photos</Name>"]
    parts += ["<EncodingType>url</EncodingType>"] if encoded else []
    token = draw(st.sampled_from(["", "1/abc+=="]))
    parts.append(f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>")
    parts += [f"<NextContinuationToken>{token}</NextContinuationToken>"] if token else []
    for found in draw(st.lists(_objects(), max_size=4)):
        fields = {**found, "Key": text(found["Key"])}
        inner = space.join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        parts.append(f"<Contents>{space}{inner}{space}</Contents>")
    for name in draw(st.lists(_names.filter(bool), max_size=3)):
        parts.append(f"<CommonPrefixes><Prefix>{text(name)}</Prefix></CommonPrefixes>")
    head = draw(st.sampled_from(['<?xml version="1.0" encoding="UTF-8"?>\n', ""]))
    namespace = draw(st.sampled_from([NAMESPACE, ""]))
    body = space.join(parts)
    return f"{head}<ListBucketResult{namespace}>{body}</ListBucketResult>".encode()


@cache
def output_shape() -> Shape:
    shape = Session().get_service_model("s3").operation_model("ListObjectsV2").output_shape
    assert shape is not None
    return shape


def parse_with_sdk(body: bytes) -> dict[str, Any]:
    response = {"body": body, "headers": {}, "status_code": 200}
    parsed: dict[str, Any] = RestXMLParser().parse(response, output_shape())
    return parsed
