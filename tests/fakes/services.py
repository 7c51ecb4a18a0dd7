"""Services for the command line without a network; they record the calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import boto3

from scar.aws.client.connection import AwsConnection
from scar.aws.client.errors import MadeByScar4Error
from scar.aws.inventory.functions import FunctionSummary, InputFolder
from scar.aws.model.account import Account
from scar.aws.model.plan import Create, Plan
from scar.aws.model.resources import Bucket
from scar.cli.services import Services
from scar.runs.invoke import InputObject, InvocationResponse
from supervisor.job_model import BatchTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scar.aws.client.target import ConnectionTarget
    from scar.aws.deploy.remove import RemovalOptions
    from scar.aws.inventory.endpoints import Endpoint
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource
    from scar.runs.ledger import Run
    from supervisor.job_model import JobOptions

CHANGED = Plan((Create(Bucket(name="photos")),))


def function_summary(name: str = "gray", **fields: object) -> FunctionSummary:
    values: dict[str, object] = {
        "name": name,
        "image": "debian:12",
        "mode": "lambda",
        "memory": 512,
        "timeout": 60,
        "inputs": (InputFolder("photos/in"),),
    }
    return FunctionSummary(**(values | fields))  # type: ignore[arg-type]


@dataclass(frozen=True)
class FakeServices(Services):
    """Returns the values of its fields; records calls in ``targets``, ``deployed`` …"""

    summaries: list[FunctionSummary] = field(default_factory=list)
    files: list[InputObject] = field(default_factory=list)
    folders: list[str] | Exception = field(default_factory=list)
    answer: InvocationResponse = field(
        default_factory=lambda: InvocationResponse(status=200, output=b"", request_id="r-1")
    )
    plan: Plan = CHANGED
    error: BaseException | None = None
    targets: list[ConnectionTarget] = field(default_factory=list)
    deployed: list[tuple[Function, ...]] = field(default_factory=list)
    removed: list[tuple[str, ...]] = field(default_factory=list)
    removals: list[RemovalOptions] = field(default_factory=list)
    invoked: list[dict[str, object]] = field(default_factory=list)
    queued: list[dict[str, object]] = field(default_factory=list)
    options: dict[str, object] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    of_scar4: list[str] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)
    jobs: list[JobOptions] = field(default_factory=list)
    by_file: list[bool] = field(default_factory=list)
    endpoint: Endpoint | None = None
    target: BatchTarget = field(default_factory=lambda: BatchTarget(queue="q", definition="fn"))

    def find_endpoint(
        self, connection: AwsConnection, function: FunctionSummary
    ) -> Endpoint | None:
        return self.endpoint

    def require_job_options(
        self,
        connection: AwsConnection,
        function: FunctionSummary,
        options: JobOptions,
        *,
        by_file: bool,
    ) -> BatchTarget:
        self.jobs.append(options)
        self.by_file.append(by_file)
        return self.target

    def read_endpoints(
        self, connection: AwsConnection, endpoints: Mapping[str, Endpoint]
    ) -> Mapping[str, Endpoint]:
        return {f: replace(e, url=f"https://{f}.test/") for f, e in endpoints.items()}

    def describe_unusable_queues(
        self, connection: AwsConnection, queues: Iterable[str]
    ) -> Mapping[str, str]:
        return {queue: self.unusable[queue] for queue in queues if queue in self.unusable}

    def function_resources(self, connection: AwsConnection, function: str) -> Sequence[Resource]:
        return self.resources

    def latest_runs(self, connection: AwsConnection, function: str) -> Mapping[str, Run]:
        return self.runs

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        self.targets.append(target)
        session = boto3.Session("key", "secret", region_name=target.region or "eu-west-1")
        connection = AwsConnection(session=session, description="Nowhere, eu-west-1")
        account = Account("123456789012", "eu-west-1")
        connection._identity = account, account.iam_arn("user/tester")
        return connection

    def list_functions(self, connection: AwsConnection) -> Sequence[FunctionSummary]:
        if self.error is not None:
            raise self.error
        return self.summaries

    def list_scar4_functions(self, connection: AwsConnection) -> Sequence[str]:
        return self.of_scar4

    def raise_if_made_by_scar4(self, connection: AwsConnection, function: str) -> None:
        if function in self.of_scar4:
            raise MadeByScar4Error(function)

    def list_function_names(self, connection: AwsConnection) -> Sequence[str]:
        return [summary.name for summary in self.summaries]

    def deploy(
        self,
        functions: Sequence[Function],
        connection: AwsConnection,
        report: Callable[[str], None],
        *,
        dry_run: bool,
        progress: Callable[[str], None],
        disabled: Sequence[str] = (),
        refresh: bool = False,
    ) -> Plan:
        self.options["dry_run"] = dry_run
        self.options["disabled"] = disabled
        self.options["refresh"] = refresh
        self.deployed.append(tuple(functions))
        self.summaries.extend(function_summary(function.name) for function in functions)
        return self.plan

    def remove(
        self,
        names: Sequence[str],
        connection: AwsConnection,
        report: Callable[[str], None],
        options: RemovalOptions,
        *,
        dry_run: bool,
    ) -> Plan:
        self.options["dry_run"] = dry_run
        self.removals.append(options)
        self.removed.append(tuple(names))
        return self.plan

    def invoke(
        self, connection: AwsConnection, function: str, payload: dict[str, object], *, timeout: int
    ) -> InvocationResponse:
        if self.error is not None and not isinstance(self.error, KeyboardInterrupt):
            raise self.error
        self.invoked.append(payload)
        return self.answer

    def enqueue(self, connection: AwsConnection, function: str, payload: dict[str, object]) -> str:
        self.queued.append(payload)
        return f"q-{len(self.queued)}"

    def list_folders(self, connection: AwsConnection, bucket: str, prefix: str) -> Sequence[str]:
        if isinstance(self.folders, Exception):
            raise self.folders
        return [path for path in self.folders if path.startswith(f"{bucket}/{prefix}")]

    def list_input_objects(
        self, connection: AwsConnection, folder: InputFolder
    ) -> Iterator[InputObject]:
        yield from self.files
