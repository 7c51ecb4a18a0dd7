"""What presigned URLs and the headers beside them tell their holders."""

from __future__ import annotations

import pytest

from supervisor.model import ObjectRef
from supervisor.storage import s3
from supervisor.storage.presigned import presign_download, presign_upload

ENVIRON = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "hidden",
}
OWNER = "123456789012"
REF = ObjectRef("s3", "state", "requests/fn/0")


@pytest.mark.parametrize("kind", ["upload", "download"])
def test_no_url_and_no_header_names_the_owner_of_the_bucket(kind: str) -> None:
    api = s3.connect(ENVIRON, bucket_owners={"state": OWNER}).api
    assert api.build_request("GET", REF).headers == {"x-amz-expected-bucket-owner": OWNER}
    if kind == "upload":
        url, headers = presign_upload(api, REF, 4, expires=60)
        assert headers == {"content-length": "4", "if-none-match": "*"}
    else:
        url = presign_download(api, REF, "text/plain", expires=60)
    assert OWNER not in url
    assert "owner" not in url
    assert "hidden" not in url
