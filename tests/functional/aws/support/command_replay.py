"""Run commands against an account in memory, and check them against the printed policy."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.aws.client.connection import AwsConnection
from scar.aws.images.image_builder import FunctionImageBuilder
from scar.cli.main import run
from scar.cli.services import Services
from supervisor.events.parser import parse_event
from supervisor.runs import record_format
from tests.fakes.iam_evaluation import IamGrant, IamRequest, Policy
from tests.fakes.moto_compat import ACCOUNT, api_response, new_session
from tests.fakes.supervisor_factory import notification
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.iam_recording import Recording
from tests.functional.aws.support.moto_account import enforce_aws_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pytest

    from scar.aws.client.target import ConnectionTarget

_TOP_LEVEL_KEYS = frozenset({"api_gateway", "batch", "cloudwatch", "ecr", "iam"})
STATE = f"scar-{ACCOUNT}-eu-west-1"
DAY = "2026-09-21"


@dataclass
class FakeImagesWithProgress(FakeImages):
    """Fake images whose upload progress commands can show."""

    show_progress: Callable[[str], None] | None = None


@dataclass(frozen=True)
class RealImageServices(Services):
    """Services with one connection that pull from and push to registries.

    ``bundle`` is a packed layer in place of the supervisor bundle.
    """

    connection: AwsConnection
    bundle: Path

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        del target
        return self.connection

    @contextmanager
    def open_function_images(
        self, connection: AwsConnection, report: Callable[[str], None]
    ) -> Iterator[FunctionImageBuilder]:
        with self.open_image_stores(lambda: connection) as stores:
            yield FunctionImageBuilder(
                connection=connection,
                find_bundle=lambda _: self.bundle,
                cache=self.image_cache(),
                image_stores=stores,
                report=report,
            )


@dataclass(frozen=True)
class OneAccountServices(Services):
    """Services with one connection; images are only digests."""

    connection: AwsConnection
    images: FakeImagesWithProgress = field(default_factory=FakeImagesWithProgress)

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        del target
        return self.connection

    @contextmanager
    def open_function_images(
        self, connection: AwsConnection, report: Callable[[str], None]
    ) -> Iterator[Any]:
        del connection, report
        yield self.images


@dataclass(kw_only=True)
class Replay:
    """Commands of one user on one FDL file, checked against the policy printed for the file."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    connection: AwsConnection
    services: Services
    recording: Recording
    unrecorded: AwsConnection
    """For calls of other users of the account: these are not recorded."""
    granted: set[IamGrant] = field(default_factory=set)
    used: set[IamGrant] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        connection: AwsConnection,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        services: Services | None = None,
    ) -> Replay:
        """Return a replay in this account; ``connection`` must not have created clients yet."""
        recording = Recording.of(connection)
        stub_unsupported_calls(connection)
        session = new_session()
        enforce_aws_rules(session)
        return cls(
            folder=folder,
            capsys=capsys,
            connection=connection,
            services=services or OneAccountServices({}, connection),
            recording=recording,
            unrecorded=AwsConnection(session=session),
        )

    @property
    def file(self) -> Path:
        return self.folder / "functions.yaml"

    def write_fdl(self, *functions: dict[str, Any], **sections: object) -> None:
        """Write the FDL file; ``sections`` are further ones."""
        self.file.write_text(json.dumps({"functions": {"aws": functions}, **sections}))

    def scar(self, *arguments: str, status: int = 0) -> str:
        """Run a command and return its output; ``FILE`` stands for the FDL file.

        Check its API calls against the policy that is printed for the file as it is now.
        """
        self.recording.requests.clear()
        output = self._run(*arguments, status=status)
        self.check_permissions(self.recording.requests)
        return output

    def check_permissions(self, requests: Iterable[IamRequest]) -> None:
        """Record the used grants, and the requests that the policy denies."""
        policy = self.policy()
        self.granted |= policy.grants
        for request in {str(request): request for request in requests}.values():
            allowing = policy.allowing(request)
            self.used |= allowing
            if not allowing:
                self.denied.add(str(request))

    def _run(self, *arguments: str, status: int = 0) -> str:
        words = [str(self.file) if word == "FILE" else word for word in arguments]
        exit_code = run(words, self.services)
        output, errors = self.capsys.readouterr()
        assert exit_code == status, errors
        return output

    def policy(self) -> Policy:
        """Return the policy that ``scar policy`` prints for the file."""
        target = ("--account", ACCOUNT, "--region", "eu-west-1")
        printed = json.loads(self._run("policy", "-f", "FILE", *target))
        documents = printed if isinstance(printed, list) else [printed]
        statements = [s for document in documents for s in document["Statement"]]
        return Policy(tuple(statements))

    def write_run_records(self, key: str, *names: str, log: tuple[str, str] = ("", "")) -> str:
        """Write records of a run on an object of ``photos``; return the run id."""
        event = json.dumps(notification(key, etag="1")).replace('"data"', '"photos"')
        (trigger,) = parse_event(event.encode())
        name = record_format.run_id("crop", trigger, "r")
        owner = {"site": "lambda", "request": "r", "job": "", "attempt": 1}
        documents: dict[str, Any] = {
            "claim": {"owner": owner, **record_format.describe_trigger(trigger)},
            "delegated": {"owner": owner, "job": "j-1", "name": "x"},
        }
        logged = {"owner": owner, "log_group": log[0], "log_stream": log[1]}
        for each in names:
            body = record_format.encode(documents.get(each, logged))
            record_key = f"runs/crop/{DAY}/{name}/{each}.json"
            self.unrecorded.client("s3").put_object(Bucket=STATE, Key=record_key, Body=body)
        return name


def function(mode: str = "lambda", **lambda_: Any) -> dict[str, Any]:  # noqa: ANN401 - as in FDL
    """Return a function as in an FDL file; ``batch``, ``iam`` … are keys next to ``lambda``."""
    top_level = {key: lambda_.pop(key) for key in [*lambda_] if key in _TOP_LEVEL_KEYS}
    described = {
        "name": "crop",
        "execution_mode": mode,
        "container": {"image": "busybox:1"},
        "input": [{"path": "photos/in"}],
        "output": [{"path": "photos/out"}],
    }
    return {"lambda": {**described, **lambda_}, **top_level}


def batch_spec(kind: str, **more: object) -> dict[str, Any]:
    """Return the ``batch`` part of a function in an FDL file."""
    return {"memory": 2048, "compute_resources": {"type": kind, **more}}


def stub_unsupported_calls(connection: AwsConnection) -> None:
    """Respond to calls that moto cannot: images, jobs that run or are unknown, queues."""
    events = connection.session.events

    def invoke(**_: object) -> tuple[object, dict[str, object]]:
        payload = json.dumps({"statusCode": 200, "body": "output", "isBase64Encoded": False})
        return api_response(StatusCode=200, Payload=io.BytesIO(payload.encode()))

    def terminate(**_: object) -> tuple[object, dict[str, object]]:
        return api_response()

    def snapshot(**_: object) -> tuple[object, dict[str, object]]:
        return api_response(frontOfQueue={"jobs": []})

    events.register("before-call.batch.GetJobQueueSnapshot", snapshot)  # type: ignore[arg-type]

    def submit(**_: object) -> tuple[object, dict[str, object]]:
        return api_response(jobId="j-2", jobName="crop-array")

    events.register_last("before-call.batch.SubmitJob", submit)  # type: ignore[arg-type]
    events.register("before-call.lambda.Invoke", invoke)  # type: ignore[arg-type]
    events.register_last("before-call.batch.TerminateJob", terminate)  # type: ignore[arg-type]
