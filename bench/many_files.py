"""500 uploads of 10 KB in one ``put``: counts outputs and runs, and measures files per second."""

from __future__ import annotations

import random
import sys
import time
from typing import TYPE_CHECKING

from bench._local import bench, engines

if TYPE_CHECKING:
    from bench._local import BenchCloud

FILES = 500
LIMIT = 300.0


def outputs(cloud: BenchCloud, name: str) -> list[str]:
    """Return all keys of the output folder."""
    pages = cloud.s3.get_paginator("list_objects_v2").paginate(
        Bucket="bench", Prefix=f"{name}-out/"
    )
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return [key for key in keys if not key.endswith("/")]


def uploads(cloud: BenchCloud, name: str) -> int:
    """Return the number of runs that logged the upload of their output."""
    pages = cloud.logs.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{name}", filterPattern='"Done: 1 output"'
    )
    return sum(len(page["events"]) for page in pages)


def main() -> None:
    """Print a line for each engine; exit with status 1 if an output is missing or duplicate."""
    failed = False
    for engine in engines():
        with bench(engine) as cloud:
            cloud.copy_function("many", "lambda")
            for number in range(FILES):
                file = cloud.folder / "files" / f"{number % 10}" / f"{number:04}.bin"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(random.Random(number).randbytes(10_000))  # noqa: S311
            begin = time.perf_counter()
            cloud.scar("put", "-b", "bench/many-in", "-p", "files")
            put = time.perf_counter() - begin
            while len(found := outputs(cloud, "many")) < FILES:
                if time.perf_counter() - begin > LIMIT:
                    break
                time.sleep(0.1)
            done = time.perf_counter() - begin
            time.sleep(2)  # for the last lines of the logs
            uploaded = uploads(cloud, "many")
            failed = failed or (len(found), uploaded) != (FILES, FILES)
            print(
                f"{engine:8} {len(found)} of {FILES} outputs by {uploaded} uploads; "
                f"put {FILES / put:.0f} files/s, "
                f"upload to last output {FILES / done:.0f} files/s ({done:.1f} s)"
            )
    sys.exit(failed)


if __name__ == "__main__":
    main()
