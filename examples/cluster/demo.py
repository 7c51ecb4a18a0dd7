#!/usr/bin/env python3
"""Start workers, ask each of them for its name, and spread some work over them.

The program is the manager of the cluster. It runs in a job of the function (`scar run`), whose
workers are further jobs, or on your own machine (`python demo.py`).
"""

import os
import socket

from scar.cluster import BatchCluster

FUNCTION = os.environ.get("SCAR_FUNCTION", "demo-cluster")
WORKERS = int(os.environ.get("WORKERS", "4"))


def square(number: int) -> int:
    return number * number


with (
    BatchCluster(FUNCTION, WORKERS, worker_timeout=900) as cluster,
    cluster.get_client() as client,
):
    names = client.run(socket.gethostname)
    print(f"Workers: {len(names)}")
    for address, name in sorted(names.items()):
        print(f"Worker {address} on {name}")
    total = sum(client.gather(client.map(square, range(1000))))
    print(f"Sum of the squares: {total}")
# Here the workers' jobs have ended.
