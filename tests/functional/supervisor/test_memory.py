"""Files pass through in constant memory, however large."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.functional.supervisor.scripted_server import Reply, scripted

SIZE = 64 << 20
PROGRAM = """
import os, pathlib, sys
from supervisor.model import ObjectRef, VersionPin
from supervisor.storage import open_store
store, file = open_store("s3", os.environ), pathlib.Path(sys.argv[1])
store.upload(file, ObjectRef("s3", "data", "key"))
store.download(ObjectRef("s3", "data", "key"), file, version=VersionPin())
store.close()
lines = pathlib.Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def test_64_mib_are_uploaded_and_downloaded_in_less_than_48_mib_of_memory(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as sparse:
        sparse.truncate(SIZE)
    with scripted(Reply(headers={"etag": '"e"'}), Reply(body=bytes(SIZE))) as server:
        shown = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(file)],
            capture_output=True,
            check=True,
            text=True,
            cwd=Path(__file__).parents[3],
            env={
                "AWS_ENDPOINT_URL": server.url,
                "AWS_REGION": "eu-west-1",
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
            },
        )
        assert len(server.requests[0].body) == SIZE
    assert int(shown.stdout) < 48 << 10
    assert file.stat().st_size == SIZE
