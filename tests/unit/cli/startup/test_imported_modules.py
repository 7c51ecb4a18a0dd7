"""What a command imports before it does something, which is most of the time of a short one.

A command may import ``most`` modules besides those of Python's standard library, and none that
begins with a name of ``without``. Raise a budget only with a reason, in the same commit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import scar
from scar.cli.commands import COMMANDS, cluster, image, job, local
from scar.local.home import LocalCloudHome, RunningServer
from scar.local.processes import start_time

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[4]
SDK = ("boto3", "botocore", "s3transfer", "urllib3", "jmespath", "dateutil", "requests")
NETWORK = ("ssl", "http.client", "email", "asyncio")
FDL = ("pydantic", "pydantic_core", "yaml", "scar.fdl.model", "scar.fdl.loader")
RESOURCES = ("scar.aws.handlers", "scar.aws.model.resources", "scar.aws.compile")
SERVER = tuple(
    f"scar.local.{name}"
    for name in ("server", "cloud", "moto", "lambda_", "batch", "s3", "engines", "registry")
) + tuple(f"scar.local.http.{name}" for name in ("auth", "sigv4", "aws_chunked", "server"))
WORK = ("scar.aws.inventory", "scar.runs.states", "scar.runs.ledger", "scar.transfer", "scar.image")
NOTHING_OF_A_COMMAND = (*SDK, *NETWORK, *FDL, *RESOURCES, *SERVER, *WORK)
LISTING = (*FDL, *SERVER, "scar.aws.model.resources", "scar.aws.handlers.aws_resources")
# Of functions that have Batch, an endpoint or gathered events; and slow modules of the library.
OF_SOME_FUNCTIONS = (
    *("scar.aws.compile.batch.job_capacity", "scar.aws.requests.batch_requests"),
    *("scar.aws.requests.rules.batch", "scar.fdl.batch_rules", "supervisor.job_model"),
    *(f"scar.aws.model.resources.{name}" for name in ("batch", "endpoints", "event_sources")),
)
SLOW = ("importlib.metadata", "tempfile", "shutil", "socket", "concurrent")
# Of starting the local cloud, of proxies and of deployments.
NOT_OF_TRANSFERS = (
    *SDK,
    *LISTING,
    *NETWORK,
    *SLOW,
    "subprocess",
    "supervisor.invocation",
    "scar.fdl.scar_words",
)
MOST_FOR_HELP = 70  # click, and what declares the options


@dataclass(frozen=True, slots=True)
class Budget:
    """``arguments`` of scar, or the ``words`` of a command line that a shell completes."""

    most: int
    without: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    words: str = ""

    @property
    def name(self) -> str:
        return " ".join(self.arguments) or f"TAB after {self.words}"


def helps() -> Iterator[Budget]:
    """Yield the budget of each command's help."""
    groups = {
        "cluster": cluster.cluster,
        "image": image.image,
        "job": job.job,
        "local": local.local,
    }
    names: list[tuple[str, ...]] = [(name,) for name in COMMANDS]
    names += [(name, sub) for name, group in groups.items() for sub in group.commands_help]
    for words in names:
        yield Budget(MOST_FOR_HELP, NOTHING_OF_A_COMMAND, (*words, "--help"))


BUDGETS = (
    Budget(4, ("click", "re", "typing", *NOTHING_OF_A_COMMAND), ("--version",)),
    Budget(5, ("click", "re", "typing", *NOTHING_OF_A_COMMAND), ("--help",)),
    *helps(),
    Budget(7, ("click", "re", "typing", *NOTHING_OF_A_COMMAND), words="scar sta"),
    Budget(7, ("click", "re", "typing", *NOTHING_OF_A_COMMAND), words="scar init --no"),
    Budget(MOST_FOR_HELP, NOTHING_OF_A_COMMAND, words="scar init --refresh --no"),
    Budget(MOST_FOR_HELP, NOTHING_OF_A_COMMAND, ("completion", "bash")),
    Budget(MOST_FOR_HELP, NOTHING_OF_A_COMMAND, ("version", "-j")),
    # Half of them are pydantic's and those of the FDL's models.
    Budget(
        251,
        (*SDK, *SERVER, *SLOW, *OF_SOME_FUNCTIONS, "ssl", "http.client", "scar.runs"),
        ("validate", "-f", "f.yaml"),
    ),
    Budget(115, (*SDK, *LISTING, *NETWORK), ("--local", "ls")),
    Budget(110, (*SDK, *LISTING, *NETWORK), ("--local", "ls", "-j")),
    Budget(110, NOT_OF_TRANSFERS, ("--local", "ls", "-b", "photos")),
    Budget(119, NOT_OF_TRANSFERS, ("--local", "put", "-b", "photos", "-p", "f.yaml")),
    Budget(119, NOT_OF_TRANSFERS, ("--local", "get", "-b", "photos", "-p", "got")),
    Budget(368, LISTING, ("--local", "status")),
)


IDENTITY = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/u"
    b"</Arn><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)
LISTING_PAGE = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><LastModified>"
    b"2026-11-30T12:00:00.000Z</LastModified><ETag>&quot;1&quot;</ETag><Size>1</Size></Contents>"
    b"</ListBucketResult>"
)


class OneObject(BaseHTTPRequestHandler):
    """A local cloud without functions, and with an object ``a`` in every bucket."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_lambda = self.path.startswith("/2015-03-31/")
        is_object = self.path.endswith(("/a", "f.yaml"))
        body = b'{"Functions": []}' if is_lambda else IDENTITY if self.path == "/" else LISTING_PAGE
        body = b"1" * (self.command == "GET") if is_object else body
        self.send_response(200)
        self.send_header("x-amzn-RequestId", "r-1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Write nothing to stderr."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A user without settings, with a running local cloud and an FDL file."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "f.yaml").write_text(
        "functions:\n  aws:\n  - lambda:\n      name: gray\n      container: {image: x}\n"
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneObject)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    home = LocalCloudHome(folder / "cloud")
    home.create()
    home.write_server_record(
        RunningServer(
            pid=os.getpid(),
            started=start_time(os.getpid()) or 0,
            port=server.server_port,
            engine="process",
            version=scar.__version__,
        )
    )
    yield {"HOME": str(folder), "SCAR_LOCAL_HOME": str(home.path), "PYTHONPATH": str(ROOT)}
    server.shutdown()
    thread.join()
    server.server_close()


def imported_modules(budget: Budget, environment: dict[str, str]) -> set[str]:
    """Run the command; return the modules that it imports."""
    completion = {
        "_SCAR_COMPLETE": "bash_complete",
        "COMP_WORDS": budget.words,
        "COMP_CWORD": str(budget.words.count(" ")),
    }
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "scar", *budget.arguments],
        capture_output=True,
        text=True,
        cwd=environment["HOME"],
        env={**environment, **(completion if budget.words else {})},
        timeout=120,
        check=False,
    )
    lines = shown.stderr.splitlines()
    assert shown.returncode == 0, [n for n in lines if not n.startswith("import time:")]
    assert shown.stdout or {"ls", "status", "validate", "put", "get"} & {*budget.arguments}
    columns = (line.split("|") for line in lines if line.startswith("import time:"))
    names = {name[-1].strip() for name in columns} - {"imported package"}  # the title
    assert "scar.cli.main" in names
    return names


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.name)
def test_a_command_imports_no_more_than_its_budget(
    budget: Budget, environment: dict[str, str]
) -> None:
    modules = imported_modules(budget, environment)
    forbidden = {
        module
        for module in modules
        if any(f"{module}.".startswith(f"{name}.") for name in budget.without)
    }
    assert not forbidden
    standard = {*sys.stdlib_module_names, "_distutils_hack", "sitecustomize", "usercustomize"}
    own = {module for module in modules if module.split(".")[0] not in standard}
    assert len(own) <= budget.most, sorted(own)
