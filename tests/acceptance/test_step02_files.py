"""Step 2: files and folders with names that S3's events and filters encode, and a large file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(2)

FOLDER = "my photos/año=1+x"
NAMES = ("plain.txt", "zwei Wörter + eins.txt")
MIB = 1 << 20


@pytest.fixture
def bucket(run: AcceptanceRun) -> str:
    return run.bucket_name("files")


def test_files_of_a_folder_with_special_characters_are_processed_once_per_upload(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]], bucket: str
) -> None:
    folder = f"{bucket}/{FOLDER}"
    described = function("files", "files", input=[{"path": folder}], ephemeral_storage=1024)
    files = deploy("files", described)
    files.init()
    assert files.drift(0) == []
    sources = {name: run.file(f"names/{name}", f"I am {name}") for name in NAMES}
    sources["big.bin"] = run.file("names/big.bin", b"0123456789abcdef" * MIB)
    with sources["big.bin"].open("ab") as big:
        big.truncate(run.settings.big_mb * MIB)
    files.put(*sources.values())
    files.wait()
    digests = {name: hashlib.sha256(data).digest() for name, data in files.get().items()}
    assert digests == {
        name: hashlib.sha256(path.read_bytes()).digest() for name, path in sources.items()
    }
    assert files.states()["done"] == 3

    url = f"s3://{folder}/{NAMES[1]}"
    (history,) = files.scar("why", url, "-j").json()
    assert history["state"] == "done"
    assert history["records"]["done"]["outputs"]
    files.until(lambda: "REPORT" in files.scar("log", "--file", url).stdout, seconds=120)

    files.put(sources[NAMES[1]])
    files.until(lambda: files.states()["done"] == 4, seconds=120)
    assert sum(files.states().values()) == 4
    assert len(files.scar("why", url, "-j").json()) == 2
