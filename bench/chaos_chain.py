"""A chain of three functions in mode ``batch`` over 2,000 files, on the local cloud under --chaos.

Run with ``python -m bench.chaos_chain [--files N] [--seed SEED]``. It deploys, uploads and waits as
a user would, and fails unless every output exists once and every run has ended. 6,000 jobs start
6,000 processes: most of the time is theirs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench._local import bench

if TYPE_CHECKING:
    from bench._local import BenchCloud

FUNCTIONS = ("one", "two", "three")
STATE = "scar-123456789012-us-east-1"
FDL = """\
functions:
  aws:
"""
FUNCTION = """\
  - lambda:
      name: {name}
      execution_mode: batch
      init_script: to_output.sh
      container: {{image_file: image.tar}}
      input: [{{storage_provider: s3, path: bench/{name}}}]
      output: [{{storage_provider: s3, path: bench/{target}}}]
    batch: {{attempts: 5, memory: 128, vcpus: 1, compute_resources: {{max_v_cpus: 16}}}}
"""
SCRIPT = """\
#!/bin/sh
cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"
"""
SECONDS_PER_FILE = 10.0  # after which the chain counts as stuck


def keys(cloud: BenchCloud, bucket: str, prefix: str) -> list[str]:
    """Return the keys of all objects, without folder markers."""
    pages = cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return [key for key in found if not key.endswith("/")]


def deploy(cloud: BenchCloud) -> float:
    """Create the chain and return the seconds that it took."""
    (cloud.folder / "to_output.sh").write_text(SCRIPT)
    targets = (*FUNCTIONS[1:], "end")
    text = "".join(
        FUNCTION.format(name=name, target=target)
        for name, target in zip(FUNCTIONS, targets, strict=True)
    )
    (cloud.folder / "chain.yaml").write_text(FDL + text)
    begin = time.perf_counter()
    cloud.scar("init", "-f", "chain.yaml")
    return time.perf_counter() - begin


def upload(cloud: BenchCloud, files: int) -> float:
    """Upload the files with ``put`` and return the seconds that it took."""
    for number in range(files):
        path = cloud.folder / "files" / f"{number % 20:02}" / f"{number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
    begin = time.perf_counter()
    cloud.scar("put", "-b", "bench/one", "-p", "files")
    return time.perf_counter() - begin


def run_records(cloud: BenchCloud) -> dict[str, set[str]]:
    """Return the names of the records of each run by its folder."""
    runs: dict[str, set[str]] = {}
    for key in keys(cloud, STATE, "runs/"):
        run, _, name = key.rpartition("/")
        runs.setdefault(run, set()).add(name)
    return runs


def wait_for_end(cloud: BenchCloud, files: int) -> Counter[str]:
    """Wait until all runs are recorded as done or failed; return how many runs ended how."""
    end = time.perf_counter() + 120 + SECONDS_PER_FILE * files
    while True:
        states = Counter(
            "done" if "done.json" in names else "failed" if "error.json" in names else "unfinished"
            for names in run_records(cloud).values()
        )
        if states["done"] >= files * len(FUNCTIONS) or time.perf_counter() > end:
            return states
        time.sleep(5)


def problems(cloud: BenchCloud, files: int) -> list[str]:
    """Return which guarantees are broken: a run for each file, an output of each run, once."""
    found = []
    runs = run_records(cloud)
    outputs: Counter[str] = Counter()
    for run, names in runs.items():
        if "done.json" not in names:
            found.append(f"{run} has not ended: {sorted(names)}")
            continue
        body = cloud.s3.get_object(Bucket=STATE, Key=f"{run}/done.json")["Body"].read()
        outputs.update(output["key"] for output in json.loads(body)["outputs"])
    for name in FUNCTIONS:
        count = sum(run.startswith(f"runs/{name}/") for run in runs)
        if count != files:
            found.append(f"{count} runs of {name} for {files} files")
    twice = [key for key, count in outputs.items() if count > 1]
    found += [f"{key} was created {outputs[key]} times" for key in twice]
    count = len(keys(cloud, "bench", "end/"))
    if count != files or len(outputs) != files * len(FUNCTIONS):
        found.append(f"{count} objects at the end, {len(outputs)} outputs, {files} files")
    return found


def main() -> None:
    """Print the figures; exit with status 1 if a guarantee is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--engine", default="process")
    options = parser.parse_args()
    with bench(options.engine, chaos=options.seed) as cloud:
        init = deploy(cloud)
        put = upload(cloud, options.files)
        begin = time.perf_counter()
        states = wait_for_end(cloud, options.files)
        seconds = time.perf_counter() - begin
        time.sleep(5)  # for late duplicates
        broken = problems(cloud, options.files)
        status: Any = json.loads(cloud.scar("local", "status", "-j"))
    print(
        f"--chaos={options.seed}: init {init:.0f} s, put {put:.0f} s, {options.files} files through"
        f" {len(FUNCTIONS)} functions in {seconds:.0f} s"
        f" ({options.files * len(FUNCTIONS) / seconds:.1f} runs/s); {dict(states)}"
    )
    for name, count in status["conditions"]["refused_above_the_rate"].items():
        print(f"  {count:6} refused above the rate: {name}")
    for name, count in status["conditions"]["occurred"].items():
        print(f"  {count:6} {name}")
    print("\n".join(broken) or "every output once, every run accounted for")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
