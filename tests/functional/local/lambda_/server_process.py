"""A server of Lambda alone, to be killed; arguments: folder, event count, action."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.functional.local.lambda_.fakes import a_cloud, a_function


def main(folder: Path, *events: str) -> None:
    function = a_function()
    cloud = a_cloud(folder, function, concurrency=1)
    ids = [cloud.service.enqueue(function.arn, event.encode()) for event in events]
    sys.stdout.write(json.dumps(ids) + "\n")
    sys.stdout.flush()
    time.sleep(600)


main(Path(sys.argv[1]), *sys.argv[2:])
