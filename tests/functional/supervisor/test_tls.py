"""A server without a trusted certificate is rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supervisor.aws.retry import Backoff
from supervisor.errors import StorageError
from supervisor.model import ObjectRef
from supervisor.storage import s3
from tests.conformance.object_store_endpoints import moto_https

if TYPE_CHECKING:
    from pathlib import Path


def test_an_unknown_certificate_authority_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    slept: list[float] = []
    with moto_https(tmp_path) as endpoint:
        environ = {**endpoint.environ}
        del environ["AWS_CA_BUNDLE"]
        store = s3.connect(environ, Backoff(sleep=slept.append))
        with pytest.raises(StorageError, match="not trusted") as caught:
            store.head(ObjectRef("s3", "data", "key"))
    assert "AWS_CA_BUNDLE" in caught.value.remedy
    assert slept == []
