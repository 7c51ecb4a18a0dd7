"""Real servers of other stores for tests: Apache, nginx and an S3-compatible one, unprivileged.

Each listens on a free port of the loopback interface, has a folder of its own below the system's
temporary folder, and is ended by its process id. As root, they run as ``nobody``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.engine_harness import unavailable
from tests.waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LOGIN, PASSWORD = "marie", "pass word:ü-7f3a"
ACCESS_KEY, SECRET_KEY = "AKIALOCALNANIO000000", "nanio-secret-key-0123456789"
_EMULATORS = Path(sys.prefix) / "ministack" / "bin"  # the environment of `make venv`
_MODULES = Path("/usr/lib/apache2/modules")
_APACHE_MODULES = (
    *("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic"),
    *("dav", "dav_fs"),
)
_NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_http_dav_ext_module.so")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A running server; ``root`` is the folder with its files."""

    url: str
    root: Path


@contextlib.contextmanager
def apache() -> Iterator[RunningServer]:
    """Run Debian's Apache with mod_dav and Basic authentication."""
    program = shutil.which("apache2", path="/usr/sbin:/usr/bin")
    if program is None or not (_MODULES / "mod_dav_fs.so").is_file():
        unavailable("apache2 is not installed: apt-get install apache2-bin")
    with _folder() as folder, _free_port() as port:
        loaded = "\n".join(f"LoadModule {n}_module {_MODULES}/mod_{n}.so" for n in _APACHE_MODULES)
        config = folder / "apache.conf"
        config.write_text(
            f"""ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{loaded}
DocumentRoot {folder}/root
DavLockDB {folder}/locks
<Directory {folder}/root>
    Dav On
    AuthType Basic
    AuthName dav
    AuthUserFile {folder}/users
    Require valid-user
</Directory>
"""
        )
        with _running([program, "-DFOREGROUND", "-f", str(config)], folder, port):
            yield RunningServer(url=f"http://127.0.0.1:{port}", root=folder / "root")


@contextlib.contextmanager
def nginx(certificate: Path) -> Iterator[RunningServer]:
    """Run Debian's nginx with WebDAV behind TLS; ``certificate`` is a PEM file with the key."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if program is None or not _NGINX_MODULE.is_file():
        unavailable("nginx is not installed: apt-get install nginx-light libnginx-mod-http-dav-ext")
    with _folder() as folder, _free_port() as port:
        shutil.copy(certificate, folder / "tls.pem")
        (folder / "tls.pem").chmod(0o644)  # a throw-away key, read by another user
        temporary = "\n".join(
            f"{name}_temp_path {folder}/{name};"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = folder / "nginx.conf"
        config.write_text(
            f"""load_module {_NGINX_MODULE};
pid {folder}/pid;
error_log {folder}/error.log;
daemon off;
worker_processes 1;
events {{}}
http {{
    access_log off;
    {temporary}
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/tls.pem;
        ssl_certificate_key {folder}/tls.pem;
        location /base/ {{
            alias {folder}/root/;
            auth_basic dav;
            auth_basic_user_file {folder}/users;
            dav_methods PUT DELETE MKCOL COPY MOVE;
            dav_ext_methods PROPFIND OPTIONS;
        }}
    }}
}}
"""
        )
        command = [program, "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(config)]
        with _running(command, folder, port):
            yield RunningServer(url=f"https://127.0.0.1:{port}/base", root=folder / "root")


@contextlib.contextmanager
def nanio() -> Iterator[RunningServer]:
    """Run nanio, a store with S3's API that ignores write conditions and newer checksums."""
    program = shutil.which("nanio", path=f"{_EMULATORS}:{os.environ['PATH']}")
    if program is None:
        unavailable("nanio is not installed: run `make venv`")
    with _folder() as folder, _free_port() as port:
        command = [program, "serve", "--data-dir", str(folder / "root"), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
        keys = {"NANIO_ACCESS_KEY": ACCESS_KEY, "NANIO_SECRET_KEY": SECRET_KEY}
        (folder / "root").chmod(0o777)
        # Its environment may be in a folder that other users cannot read.
        with _running(command, folder, port, keys, as_nobody=False):
            yield RunningServer(url=f"http://127.0.0.1:{port}", root=folder / "root")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="scar-store-"))
    digest = b64encode(hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()).decode()
    try:
        folder.chmod(0o755)
        (folder / "root").mkdir()
        (folder / "users").write_text(f"{LOGIN}:{{SHA}}{digest}\n")
        if os.getuid() == 0:
            for path in (folder, folder / "root"):
                shutil.chown(path, "nobody", "nogroup")
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _free_port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    yield port


@contextlib.contextmanager
def _running(
    command: Sequence[str],
    folder: Path,
    port: int,
    variables: Mapping[str, str] | None = None,
    *,
    as_nobody: bool = True,
) -> Iterator[None]:
    other_user = as_nobody and os.getuid() == 0
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user="nobody" if other_user else None,
            group="nogroup" if other_user else None,
            extra_groups=[] if other_user else None,
        )
    try:
        _wait_until_open(port, process, folder)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_open(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + TIMEOUT
    while True:
        with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 5):
            return
        shown = "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))
        assert process.poll() is None, shown
        assert time.monotonic() < end, f"{process.args!r} did not start: {shown}"
        time.sleep(0.05)
