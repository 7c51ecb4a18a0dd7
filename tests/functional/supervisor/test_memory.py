"""Files pass through in constant memory, however large; their number is bounded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


MANY_FILES = """
import os, pathlib, sys
from supervisor.errors import OutputError
from supervisor.execution.output_listing import list_outputs
from supervisor.execution.workspace import create_workspace
from supervisor.model import OutputRule
rules = (OutputRule(provider="s3", path="data/out", suffix=tuple(sys.argv[3:])),)
with create_workspace(pathlib.Path(sys.argv[1])) as workspace:
    for number in range(int(sys.argv[2])):
        os.mknod(workspace.outputs / f"file-{number}")
    try:
        listing = list_outputs(workspace.files, rules)
        print(*listing.left_out)
    except OutputError as error:
        print(error.problem)
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize(
    ("count", "suffixes", "said", "mib"),
    [
        (100_001, (), "The script wrote more than 100,000 output files.", 150),
        (20_000, (".csv",), "20000 files did not match suffix .csv", 32),
    ],
    ids=["selected", "left out"],
)
def test_too_many_output_files_are_listed_in_bounded_memory(
    tmp_path: Path, count: int, suffixes: tuple[str, ...], said: str, mib: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MANY_FILES, str(tmp_path), str(count), *suffixes],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    problem, peak = done.stdout.splitlines()
    assert problem == said
    assert int(peak) < mib << 10
    assert list(tmp_path.iterdir()) == []
