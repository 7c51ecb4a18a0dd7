"""An FDL file of a step: deployed with the printed policy, used with commands, removed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tests.acceptance.kit.commands import CommandResult, run_scar
from tests.acceptance.kit.run import TAG
from tests.acceptance.kit.users import create_user, delete_user

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.acceptance.kit.run import AcceptanceRun

T = TypeVar("T")

COMMAND_SECONDS = 900.0
POLL_SECONDS = {False: 0.2, True: 5.0}
_OUTSIDE_LAMBDA = ("api_gateway", "batch", "cloudwatch", "ecr", "iam")


def describe_function(
    run: AcceptanceRun,
    name: str,
    bucket: str,
    **keys: Any,  # noqa: ANN401 - FDL's keys
) -> dict[str, Any]:
    """Return a function of an FDL file: it copies ``<bucket>/in/<name>`` to ``out/<name>``."""
    outside = {key: keys.pop(key) for key in _OUTSIDE_LAMBDA if key in keys}
    architecture = keys.get("architecture", "x86_64")
    container = {
        **run.target.container(architecture),
        "timeout_threshold": 4,
        **keys.pop("container", {}),
    }
    described: dict[str, Any] = {
        "name": run.function_name(name),
        "memory": 256,
        "timeout": 60,
        "init_script": str(run.settings.folder / keys.pop("script", "copy.sh")),
        "container": container,
        "tags": {TAG: run.settings.run},
        "input": [{"path": f"{run.bucket_name(bucket)}/in/{name}"}],
        "output": [{"path": f"{run.bucket_name(bucket)}/out/{name}"}],
        **keys,
    }
    return {"lambda": described, "cloudwatch": {"log_retention_policy_in_days": 1}, **outside}


@dataclass(slots=True)
class Deployment:
    """One FDL file and its user; ``scar`` runs a command, in which FILE stands for the file."""

    run: AcceptanceRun
    file: Path
    role: str = ""

    @classmethod
    def write(cls, run: AcceptanceRun, name: str, *functions: Mapping[str, Any]) -> Deployment:
        """Write the file, and create the user with the policy that scar prints for it."""
        deployment = cls(run, run.file(f"{name}.yaml", ""))
        deployment.rewrite(*functions)
        run.journal.append("deployed", name=str(deployment.file))
        deployment.role = create_user(run, name, deployment.printed_policies())
        return deployment

    def rewrite(self, *functions: Mapping[str, Any]) -> None:
        """Replace the functions of the file; its user keeps the policy of the file as it was."""
        self.file.write_text(json.dumps({"functions": {"aws": functions}}))

    @property
    def functions(self) -> list[dict[str, Any]]:
        """The functions of the file, as ``lambda`` describes them."""
        document = json.loads(self.file.read_text())
        return [function["lambda"] for function in document["functions"]["aws"]]

    def scar(self, *words: str, status: int = 0, timeout: float = 0) -> CommandResult:
        """Run a command as this deployment's user; the time limit is in seconds."""
        return run_scar(
            *(str(self.file) if word == "FILE" else word for word in words),
            environment=self.run.target.environment(self.role),
            folder=self.run.settings.folder,
            timeout=timeout or COMMAND_SECONDS,
            status=status,
        )

    def printed_policies(self) -> list[Any]:
        """Return the policies that ``scar policy`` prints for the file."""
        account = self.run.target.client("sts").get_caller_identity()["Account"]
        where = ("--account", account, "--region", self.run.target.region)
        printed = self.scar("policy", "-f", "FILE", *where).json()
        return printed if isinstance(printed, list) else [printed]

    def init(self, *, status: int = 0, timeout: float = 0) -> CommandResult:
        """Deploy the file, and record the time."""
        with self.run.timed("init"):
            return self.scar("init", "-f", "FILE", status=status, timeout=timeout)

    def drift(self, minutes: float) -> list[dict[str, Any]]:
        """Return, and record, what another ``init`` would change after these minutes."""
        time.sleep(minutes * 60)
        changes: list[dict[str, Any]] = self.scar("plan", "-f", "FILE", "-j").json()["changes"]
        found = [
            {
                "action": change["action"],
                "kind": change["kind"],
                "fields": [each["name"] for each in change.get("changed", [])],
            }
            for change in changes
        ]
        self.run.journal.append("drift", step=self.run.step, minutes=minutes, changes=found)
        return found

    def put(self, *files: Path, function: int = 0) -> None:
        """Upload files into the input folder of a function."""
        folder = self.functions[function]["input"][0]["path"]
        paths = [word for file in files for word in ("-p", str(file))]
        self.scar("put", "-b", folder, *paths)

    def wait(self, function: int = 0, *, status: int = 0, timeout: float = 600) -> CommandResult:
        """Wait until every uploaded file of a function has a run that has ended."""
        name = self.functions[function]["name"]
        with self.run.timed("runs ended"):
            limit = f"{timeout:.0f}"
            return self.scar(
                "wait", "-n", name, "--timeout", limit, status=status, timeout=timeout + 60
            )

    def get(self, function: int = 0) -> dict[str, bytes]:
        """Download the output folder of a function; return the contents by relative path."""
        target = self.run.settings.folder / "downloads" / f"{self.file.stem}-{time.monotonic_ns()}"
        target.mkdir(parents=True)
        folder = self.functions[function]["output"][0]["path"]
        self.scar("get", "-b", folder, "-p", str(target))
        files = (path for path in target.rglob("*") if path.is_file())
        return {str(path.relative_to(target)): path.read_bytes() for path in files}

    def states(self, function: int = 0) -> dict[str, int]:
        """Return the number of runs in each state, as ``scar status`` has it."""
        name = self.functions[function]["name"]
        (row,) = self.scar("status", "-n", name, "-j").json()["functions"]
        return {key: row[key] for key in ("waiting", "lambda", "queued", "running")} | {
            key: row[key] for key in ("done", "failed", "lost")
        }

    def until(self, condition: Callable[[], T], *, seconds: float = 600) -> T:
        """Call the condition until its result is true, and return that; fail after this time."""
        end = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < end, f"not within {seconds:.0f} s"
            time.sleep(POLL_SECONDS[self.run.settings.is_aws])
        return result

    def jobs(self, function: int = 0) -> list[dict[str, Any]]:
        """Return the descriptions of the jobs of a function."""
        batch, name = self.run.target.client("batch"), self.functions[function]["name"]
        queues = [queue["jobQueueName"] for queue in batch.describe_job_queues()["jobQueues"]]
        filters = [{"name": "JOB_NAME", "values": [f"{name}-*"]}]
        ids = [
            job["jobId"]
            for queue in queues
            for job in batch.list_jobs(jobQueue=queue, filters=filters)["jobSummaryList"]
        ]
        described: list[dict[str, Any]] = batch.describe_jobs(jobs=ids[:100])["jobs"] if ids else []
        return described

    def remove(self) -> CommandResult:
        """Remove the functions of the file and the user."""
        with self.run.timed("rm"):
            result = self.scar("rm", "-f", "FILE", "--force")
        self.run.journal.append("removed", name=str(self.file))
        delete_user(self.run, self.role.rpartition("/")[2])
        return result
