"""The one way to AWS, or to what stands for it: clients, and whose account this is."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, overload

from scar.aws.client.errors import translate_errors
from scar.aws.model.account import Account
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import boto3
    from botocore.config import Config
    from botocore.model import OperationModel
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sts import STSClient

CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60
MAX_ATTEMPTS = 5
MAX_POOL_CONNECTIONS = 32

ServiceName = Literal[
    "batch", "ec2", "ecr", "iam", "kms", "lambda", "logs", "s3", "service-quotas", "sts"
]


class QuotaReader(Protocol):
    """What is used of Service Quotas."""

    def get_service_quota(self, *, ServiceCode: str, QuotaCode: str) -> Mapping[str, Any]:  # noqa: N803
        """Return ``{"Quota": {"Value": …}}``."""


class KeyReader(Protocol):
    """What is used of KMS."""

    def describe_key(self, *, KeyId: str) -> Mapping[str, Any]:  # noqa: N803
        """Return ``{"KeyMetadata": {"Arn": …}}``; also for an alias."""


def client_config(**others: Any) -> Config:  # noqa: ANN401 - as botocore has it
    """Say how every client behaves: waits end, retries are bounded; ``others`` go over that."""
    from botocore.config import Config

    usual: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": READ_TIMEOUT,
        "max_pool_connections": MAX_POOL_CONNECTIONS,
        "retries": {"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
    }
    return Config(**{**usual, **others})


def add_expected_bucket_owner(client: S3Client, owner: Callable[[], str]) -> None:
    """Make every call one to a bucket of that account: names are anybody's who comes first.

    An empty ExpectedBucketOwner asks whoever owns it. Addresses for others stay short.
    """

    def add_owner(
        params: dict[str, Any], model: OperationModel, context: Mapping[str, object], **_: object
    ) -> None:
        expected = (model.input_shape.members if model.input_shape else {}).keys()
        if "ExpectedBucketOwner" not in expected or context.get("is_presign_request"):
            return
        if params.setdefault("ExpectedBucketOwner", owner()) == "":
            del params["ExpectedBucketOwner"]

    client.meta.events.register("provide-client-params.s3", add_owner)


@dataclass(slots=True, kw_only=True)
class AwsConnection:
    """A session and the clients made from it; safe to share between threads.

    ``endpoint_url`` is where all services answer, if it is not AWS; ``description`` says in
    a few words where commands go, for people.
    """

    session: boto3.Session
    endpoint_url: str | None = None
    description: str = "AWS"
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _identity: tuple[Account, str] | None = field(default=None, init=False, repr=False)
    _session_lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)
    _service_locks: Mapping[str, threading.RLock] = field(
        default_factory=lambda: {service: threading.RLock() for service in get_args(ServiceName)},
        init=False,
        repr=False,
    )
    _identity_lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)

    @overload
    def client(self, service: Literal["batch"]) -> BatchClient: ...
    @overload
    def client(self, service: Literal["ec2"]) -> EC2Client: ...
    @overload
    def client(self, service: Literal["ecr"]) -> ECRClient: ...
    @overload
    def client(self, service: Literal["iam"]) -> IAMClient: ...
    @overload
    def client(self, service: Literal["kms"]) -> KeyReader: ...
    @overload
    def client(self, service: Literal["lambda"]) -> LambdaClient: ...
    @overload
    def client(self, service: Literal["logs"]) -> CloudWatchLogsClient: ...
    @overload
    def client(self, service: Literal["s3"]) -> S3Client: ...
    @overload
    def client(self, service: Literal["service-quotas"]) -> QuotaReader: ...
    @overload
    def client(self, service: Literal["sts"]) -> STSClient: ...

    def client(self, service: ServiceName) -> Any:
        """Return the one client of a service; raise ConfigurationError if it cannot be made."""
        with self._service_locks[service]:
            if service not in self._clients:
                # Sessions make one client at a time.
                with self._session_lock:
                    self._clients[service] = self._create_client(service)
            return self._clients[service]

    def create_clients_in_background(self, *services: ServiceName) -> None:
        """Make clients in the background: that takes as long as the first calls."""

        def create_clients() -> None:
            # What fails here fails again, and is told, where the client is used.
            with contextlib.suppress(ScarError):
                for service in services:
                    self.client(service)

        threading.Thread(target=create_clients, name="clients", daemon=True).start()

    @property
    def account(self) -> Account:
        """Say whose account and which Region this is, asked of STS once.

        Raises ConfigurationError without usable credentials or Region.
        """
        return self._caller_identity()[0]

    @property
    def principal(self) -> str:
        """Return the ARN of whoever calls, asked like the account."""
        return self._caller_identity()[1]

    def _caller_identity(self) -> tuple[Account, str]:
        with self._identity_lock:
            if self._identity is None:
                sts = self.client("sts")
                with translate_errors("find out whose account this is"):
                    identity = sts.get_caller_identity()
                partition = identity["Arn"].split(":")[1]
                account = Account(identity["Account"], sts.meta.region_name, partition)
                self._identity = account, identity["Arn"]
            return self._identity

    def _create_client(self, service: ServiceName) -> object:
        config = client_config()
        if service == "s3":
            style: Literal["path", "auto"] = "path" if self.endpoint_url else "auto"
            config = client_config(signature_version="s3v4", s3={"addressing_style": style})
        with translate_errors(f"connect to {service}"):
            client: Any = self.session.client(
                service,
                endpoint_url=self.endpoint_url,
                config=config,
            )
        # Made at their first use, by each thread that uses them at once: then an error of one set
        # is not caught by the other.
        if service != "ec2":  # has 3,000 shapes to look through, and names no errors
            client.exceptions  # noqa: B018
        if service == "s3":
            add_expected_bucket_owner(client, lambda: self.account.id)
        return client
