"""``--self-test``: check that the supervisor can work in this image."""

from __future__ import annotations

import importlib
import os
import pkgutil
import ssl
import sys
import tempfile
import threading
from pathlib import Path

import supervisor
from supervisor.aws import sigv4
from supervisor.aws.request import AwsRequest, Origin
from supervisor.execution.process_runner import ProcessRunner
from supervisor.invocation import ProcessSpec
from supervisor.logs import Log

EXPECTED_OUTPUT = "the script ran"


def run_self_test(home: Path, *, script: bool) -> dict[str, object]:
    """Import and use all parts; return versions and results, raise the error of what fails.

    ``home`` is the folder of the bundle. No script is started if ``script`` is false (an emulator
    may not be able to), or without /proc, which the supervisor needs to find child processes.
    """
    bundled = (home / "ld.so").is_file()
    for name in ("roots.pem", "ca-bundle.pem") if bundled else ():
        ssl.create_default_context(cafile=home / name)
    for name in ("bz2", "lzma", "zlib"):
        codec = importlib.import_module(name)
        codec.decompress(codec.compress(b"scar"))
    "scar.example".encode("idna")
    thread = threading.Thread(target=_sign_request)
    thread.start()
    thread.join()
    script = script and Path("/proc/self").exists()
    loader = ("ld.so", "--inhibit-cache", "--library-path", "lib", "python")
    python = tuple(str(home / part) if part[0] != "-" else part for part in loader)
    return {
        "ok": True,
        "python": sys.version.split()[0],
        "machine": os.uname().machine,
        "openssl": ssl.OPENSSL_VERSION,
        "home": str(home),
        "modules": _import_modules(),
        "signature": _sign_request(),
        "script": _run_script(python if bundled else (sys.executable,)) if script else "not tried",
    }


def _sign_request() -> str:
    """Sign a request to S3; return the signature."""
    request = AwsRequest(
        method="GET", origin=Origin("https", "b.s3.amazonaws.com", 443), path="/key"
    )
    credentials = sigv4.Credentials(access_key="AKIDEXAMPLE", secret_key="not a secret")  # noqa: S106
    scope = sigv4.CredentialScope("us-east-1", "s3")
    headers = sigv4.sign(request, credentials=credentials, scope=scope, timestamp=0)
    return headers["authorization"].rpartition("=")[2]


def _import_modules() -> int:
    """Import all modules of the supervisor; return their number."""
    names = [
        found.name
        for found in pkgutil.walk_packages(supervisor.__path__, "supervisor.")
        if not found.name.startswith("supervisor.bundle")
    ]
    for name in names:
        importlib.import_module(name)
    return len(names)


def _run_script(python: tuple[str, ...]) -> str:
    """Run this Python as a script would run: the image may have no other program."""
    output: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder:
        spec = ProcessSpec(
            argv=(*python, "-I", "-c", f"print({EXPECTED_OUTPUT!r})"),
            environment={},
            cwd=Path(folder),
            folder=Path(folder),
        )
        status, _ = ProcessRunner(Log(), write=output.append).run(spec, timeout=60)
    text = b"".join(output).decode("utf-8", "replace").strip()
    if (status, text) != (0, EXPECTED_OUTPUT):
        raise RuntimeError(f"A script ended with status {status} and printed {text!r}.")
    return text
