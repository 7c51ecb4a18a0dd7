"""With plain keys no command for objects imports the SDK, which takes longer than its work."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.transfer.faulty_client import FaultyClient

SDK = ("boto3", "botocore", "s3transfer", "urllib3", "http.client", "pydantic", "scar.local.server")


@pytest.mark.parametrize("command", ["put", "get", "ls"])
def test_the_sdk_is_not_imported(
    command: str, client: FaultyClient, endpoint: str, tmp_path: Path
) -> None:
    client.s3.put_object(Bucket="photos", Key="in/a", Body=b"a")
    path = {"put": __file__, "get": str(tmp_path / "to")}.get(command)
    where = ["-b", "photos/in", *(["-p", path] if path else [])]
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "HOME": str(tmp_path),
    }
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "scar", command, *where],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = (line for line in shown.stderr.splitlines() if line.startswith("import time:"))
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert "scar.aws.client.direct.object_client" in imported
    assert not imported & {*SDK}
