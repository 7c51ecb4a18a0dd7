"""``put`` or ``get`` a folder with obstore, by 64 threads; runs in obstore's environment.

``obstore_transfer.py put FOLDER BUCKET PREFIX`` or ``… get FOLDER BUCKET PREFIX``. Environment:
AWS_ENDPOINT_URL and AWS's credentials.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
from obstore.store import S3Store

THREADS = 64


def main() -> None:
    """Transfer every file."""
    action, folder, bucket, prefix = sys.argv[1:]
    store = S3Store(
        bucket,
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    root = Path(folder)

    def put(path: Path) -> None:
        obstore.put(store, f"{prefix}/{path.relative_to(root)}", path)

    def get(key: str) -> None:
        path = root / key.removeprefix(f"{prefix}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for chunk in obstore.get(store, key):
                file.write(chunk)

    with ThreadPoolExecutor(THREADS) as pool:
        if action == "put":
            list(pool.map(put, (path for path in root.rglob("*") if path.is_file())))
        else:
            pages = obstore.list(store, prefix)
            list(pool.map(get, (meta["path"] for page in pages for meta in page)))


if __name__ == "__main__":
    main()
