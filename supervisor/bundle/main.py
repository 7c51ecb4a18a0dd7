"""Started by ``/opt/scar/launch`` in every function image."""

import sys


def self_test() -> None:
    """Load every part of the bundle that a run may need and say so."""
    import bz2
    import hashlib
    import http.client
    import json
    import lzma
    import ssl
    import subprocess
    import threading
    import zlib
    from pathlib import Path

    home = Path(__file__).parent
    ssl.create_default_context(cafile=home / "roots.pem")
    ssl.create_default_context(cafile=home / "ca-bundle.pem")
    thread = threading.Thread(target=hashlib.sha256)
    thread.start()
    thread.join()
    for codec in (bz2, lzma, zlib):
        codec.decompress(codec.compress(b"scar"))
    "scar.example".encode("idna")
    import supervisor

    parts = [http.client.__name__, subprocess.__name__, supervisor.__name__]
    report = {
        "ok": True,
        "python": sys.version.split()[0],
        "openssl": ssl.OPENSSL_VERSION,
        "home": str(home),
        "loaded": parts,
    }
    sys.stdout.write(json.dumps(report) + "\n")


if sys.argv[1:] == ["--self-test"]:
    self_test()
else:
    from supervisor.__main__ import main

    sys.exit(main())
