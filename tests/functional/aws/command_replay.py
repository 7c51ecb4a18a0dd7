"""Run commands against one account in memory, and record the IAM actions that they need."""

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
from scar.image.registry.upload_progress import UploadProgress
from supervisor.events.parser import parse_event
from supervisor.runs import record_format
from tests.fakes.iam_evaluation import Grant, Policy, Request
from tests.fakes.moto_compat import ACCOUNT, a_session, answered
from tests.fakes.supervisor_factory import notification
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.iam_recording import Recording
from tests.functional.aws.moto_account import amend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pytest

    from scar.cli.target import ConnectionTarget

_BESIDE = frozenset({"batch", "cloudwatch", "ecr", "iam"})
STATE = f"scar-{ACCOUNT}-eu-west-1"
DAY = "2026-09-21"


@dataclass
class ShownImages(FakeImages):
    """Fake images that commands can show the progress of."""

    progress: UploadProgress = field(default_factory=UploadProgress)


@dataclass(frozen=True)
class RealImageServices(Services):
    """Always the same connection; images come from registries and go there.

    ``bundle`` is a packed layer that stands for the supervisor.
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
        with self.open_image_stores(lambda: connection) as places:
            yield FunctionImageBuilder(
                connection=connection,
                find_bundle=lambda _: self.bundle,
                cache=self.image_cache(),
                image_stores=places,
                report=report,
            )


@dataclass(frozen=True)
class OneAccountServices(Services):
    """Always the same connection; images are only digests."""

    connection: AwsConnection
    images: ShownImages = field(default_factory=ShownImages)

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
    """One user's work on one file of functions, which is what the policy is printed for."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    connection: AwsConnection
    services: Services
    recording: Recording
    hand: AwsConnection
    """Whoever else is at work in the account: not written down."""
    granted: set[Grant] = field(default_factory=set)
    used: set[Grant] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        connection: AwsConnection,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        services: Services | None = None,
    ) -> Replay:
        """Work in this account; the clients of ``connection`` must not be made yet."""
        recording = Recording.of(connection)
        answer_calls(connection)
        session = a_session()
        amend(session)
        return cls(
            folder=folder,
            capsys=capsys,
            connection=connection,
            services=services or OneAccountServices({}, connection),
            recording=recording,
            hand=AwsConnection(session=session),
        )

    @property
    def file(self) -> Path:
        return self.folder / "functions.yaml"

    def describe(self, *functions: dict[str, Any]) -> None:
        """Write the FDL file."""
        self.file.write_text(json.dumps({"functions": {"aws": functions}}))

    def scar(self, *arguments: str, status: int = 0) -> str:
        """Type a command; ``FILE`` stands for the FDL file.

        Judge what it asked by the policy that is printed for the file as it is now.
        """
        self.recording.requests.clear()
        said = self._type(*arguments, status=status)
        self.judge(self.recording.requests)
        return said

    def judge(self, requests: Iterable[Request]) -> None:
        policy = self.policy()
        self.granted |= policy.grants
        for request in {str(request): request for request in requests}.values():
            allowing = policy.allowing(request)
            self.used |= allowing
            if not allowing:
                self.refused.add(str(request))

    def _type(self, *arguments: str, status: int = 0) -> str:
        words = [str(self.file) if word == "FILE" else word for word in arguments]
        ended = run(words, self.services)
        said, told = self.capsys.readouterr()
        assert ended == status, told
        return said

    def policy(self) -> Policy:
        """Print the policy for the file."""
        here = ("--account", ACCOUNT, "--region", "eu-west-1")
        printed = json.loads(self._type("policy", "-f", "FILE", *here))
        documents = printed if isinstance(printed, list) else [printed]
        statements = [s for document in documents for s in document["Statement"]]
        return Policy(tuple(statements))

    def a_run(self, key: str, *names: str, log: tuple[str, str] = ("", "")) -> str:
        """Arrange the records of a run on an object of ``photos``; return its id."""
        event = json.dumps(notification(key, etag="1")).replace('"data"', '"photos"')
        (trigger,) = parse_event(event.encode())
        name = record_format.run_id("crop", trigger, "r")
        owner = {"site": "lambda", "request": "r", "job": "", "attempt": 1}
        said: dict[str, Any] = {
            "claim": {"owner": owner, **record_format.describe_trigger(trigger)},
            "delegated": {"owner": owner, "job": "j-1", "name": "x"},
        }
        logged = {"owner": owner, "log_group": log[0], "log_stream": log[1]}
        for each in names:
            body = record_format.encode(said.get(each, logged))
            place = f"runs/crop/{DAY}/{name}/{each}.json"
            self.hand.client("s3").put_object(Bucket=STATE, Key=place, Body=body)
        return name


def function(mode: str = "lambda", **lambda_: Any) -> dict[str, Any]:  # noqa: ANN401 - as in FDL
    """Describe one function as an FDL file does; ``batch``, ``iam`` … stand beside ``lambda``."""
    beside = {key: lambda_.pop(key) for key in [*lambda_] if key in _BESIDE}
    described = {
        "name": "crop",
        "execution_mode": mode,
        "container": {"image": "busybox:1"},
        "input": [{"path": "photos/in"}],
        "output": [{"path": "photos/out"}],
    }
    return {"lambda": {**described, **lambda_}, **beside}


def machines(kind: str, **more: object) -> dict[str, Any]:
    """Describe Batch's part of a function."""
    return {"memory": 2048, "compute_resources": {"type": kind, **more}}


def answer_calls(connection: AwsConnection) -> None:
    """Answer what moto cannot do: call functions of images, and end jobs that it has not."""
    events = connection.session.events

    def called(**_: object) -> tuple[object, dict[str, object]]:
        said = json.dumps({"statusCode": 200, "body": "said", "isBase64Encoded": False})
        return answered(StatusCode=200, Payload=io.BytesIO(said.encode()))

    def ended(**_: object) -> tuple[object, dict[str, object]]:
        return answered()

    events.register("before-call.lambda.Invoke", called)  # type: ignore[arg-type]
    events.register_last("before-call.batch.TerminateJob", ended)  # type: ignore[arg-type]
