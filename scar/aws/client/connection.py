"""Connect to AWS or an AWS-compatible endpoint: one client per service, the caller's identity."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

from scar.aws.client.call_waits import CallWaits
from scar.aws.client.encryption import add_default_encryption
from scar.aws.client.errors import translate_errors
from scar.aws.client.foreign_responses import refuse_foreign_responses
from scar.aws.model.account import Account
from scar.errors import ConfigurationError, ScarError

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
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

    from scar.aws.client.api_gateway import ApiGatewayClient
    from scar.aws.client.direct.configuration import DirectConfiguration
    from scar.aws.client.direct.object_client import ObjectClient
    from scar.aws.client.direct.requests import DirectRequests
    from scar.aws.client.recent_changes import RecentChanges
    from scar.aws.client.service_types import (
        EfsReader,
        KeyReader,
        ParameterStore,
        QuotaReader,
        S3FilesReader,
        SecretDescriber,
        TaskExecutor,
    )

CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60
MAX_ATTEMPTS = 5
MAX_POOL_CONNECTIONS = 32
PARALLEL = 24  # calls of one command at the same time

ServiceName = Literal[
    "apigatewayv2",
    "batch",
    "ec2",
    "ecr",
    "ecs",
    "efs",
    "iam",
    "kms",
    "lambda",
    "logs",
    "s3",
    "s3files",
    "secretsmanager",
    "service-quotas",
    "sqs",
    "ssm",
    "sts",
]


def client_config(**others: Any) -> Config:  # noqa: ANN401 - as botocore has it
    """Return the configuration of every client: timeouts and a bounded number of attempts.

    ``others`` are further options of botocore's ``Config``; they override these.
    """
    from botocore.config import Config

    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": READ_TIMEOUT,
        "max_pool_connections": MAX_POOL_CONNECTIONS,
        "retries": {"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
    }
    return Config(**{**defaults, **others})


def add_expected_bucket_owner(client: S3Client, owner: Callable[[], str]) -> None:
    """Add ``ExpectedBucketOwner`` to every S3 request that has this parameter.

    Bucket names are global: a bucket of the expected name may belong to another account, and S3
    then answers 403 instead of accepting the data. A caller that passes an empty
    ExpectedBucketOwner gets no owner check. Presigned URLs do not carry the parameter.
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
    """A boto3 session and one client per service; safe to share between threads.

    ``endpoint_url`` is the address of all services if they are not AWS's own. ``description``
    names the target of commands in messages. ``skip_destination_validation`` is what the user
    decides about S3's validation of notification targets. ``waits`` makes all clients keep to AWS's
    request rates and repeat calls that are throttled or too early. ``direct`` is set if reads may
    be requested without the SDK. ``configuration`` is that of an ``object_client``, if it is known
    without the SDK. ``encryption``: the algorithm and the KMS key to request for all objects; empty
    for none.
    """

    session: boto3.Session
    endpoint_url: str | None = None
    description: str = "AWS"
    skip_destination_validation: bool = False
    waits: CallWaits = field(default_factory=CallWaits)
    direct: DirectRequests | None = None
    configuration: DirectConfiguration | None = None
    encryption: tuple[str, str] = ("", "")
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
    def client(self, service: Literal["apigatewayv2"]) -> ApiGatewayClient: ...
    @overload
    def client(self, service: Literal["batch"]) -> BatchClient: ...
    @overload
    def client(self, service: Literal["ec2"]) -> EC2Client: ...
    @overload
    def client(self, service: Literal["ecr"]) -> ECRClient: ...
    @overload
    def client(self, service: Literal["efs"]) -> EfsReader: ...
    @overload
    def client(self, service: Literal["ecs"]) -> TaskExecutor: ...
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
    def client(self, service: Literal["s3files"]) -> S3FilesReader: ...
    @overload
    def client(self, service: Literal["secretsmanager"]) -> SecretDescriber: ...
    @overload
    def client(self, service: Literal["service-quotas"]) -> QuotaReader: ...
    @overload
    def client(self, service: Literal["sqs"]) -> SQSClient: ...
    @overload
    def client(self, service: Literal["ssm"]) -> ParameterStore: ...
    @overload
    def client(self, service: Literal["sts"]) -> STSClient: ...

    def client(self, service: ServiceName) -> Any:
        """Return the service's only client; raise ConfigurationError if it cannot be created."""
        with self._service_locks[service]:
            if service not in self._clients:
                # boto3 sessions are not thread-safe: they create one client at a time. The lock
                # per service lets other threads use a finished client meanwhile.
                with self._session_lock:
                    self._clients[service] = self._open_client(service)
            return self._clients[service]

    def object_client(self, owner: str = "") -> ObjectClient:
        """Return a client without the SDK, for many requests to S3 or a quick start.

        It only accesses buckets of the account ``owner``, by default the caller's account.
        """
        from scar.aws.client.direct.object_client import ObjectClient

        with self._session_lock:
            if self.configuration is None:
                from scar.aws.client.direct.session_configuration import read_session_configuration

                with translate_errors("connect to s3"):
                    self.configuration = read_session_configuration(
                        self.session, self.endpoint_url, self.s3_config()
                    )
        return ObjectClient(
            self.configuration, self.waits, lambda: owner or self.account.id, self.encryption
        )

    def create_clients_in_background(self, *services: ServiceName) -> None:
        """Create clients in a background thread: one takes about as long as a first API call."""

        def create_clients() -> None:
            # The same error is raised again, and reported, where the client is used.
            with contextlib.suppress(ScarError):
                for service in services:
                    client: Any = self.client(service)
                    client.meta  # noqa: B018 creates the SDK's client of a direct one

        threading.Thread(target=create_clients, name="clients", daemon=True).start()

    @property
    def recent_changes(self) -> RecentChanges:
        """What this process has changed in the account moments ago, by kind and name."""
        return self.waits.recent_changes

    @property
    def account(self) -> Account:
        """The caller's account and Region, read from STS once.

        Raise ConfigurationError without usable credentials or Region.
        """
        return self._caller_identity()[0]

    @property
    def principal(self) -> str:
        """The ARN of the calling IAM identity, read together with the account."""
        return self._caller_identity()[1]

    def _caller_identity(self) -> tuple[Account, str]:
        with self._identity_lock:
            known = self.configuration
            if self._identity is None and known is not None and known.sts is not None:
                from scar.aws.client.direct.identity import read_identity

                with translate_errors("identify the account (sts:GetCallerIdentity)"):
                    account_id, arn = read_identity(known, known.sts, self.waits)
                self._identity = Account(account_id, known.region, arn.split(":")[1]), arn
            elif self._identity is None:
                sts = self.client("sts")
                with translate_errors("identify the account (sts:GetCallerIdentity)"):
                    identity = sts.get_caller_identity()
                partition = identity["Arn"].split(":")[1]
                account = Account(identity["Account"], sts.meta.region_name, partition)
                self._identity = account, identity["Arn"]
            return self._identity

    def s3_config(self) -> Config:
        """Return the configuration of clients of S3."""
        style = "path" if self.endpoint_url else "auto"
        return client_config(signature_version="s3v4", s3={"addressing_style": style})

    def _open_client(self, service: ServiceName) -> object:
        """Return a client of the SDK, or one that creates it when it needs it."""
        if self.direct is not None:
            from scar.aws.client.direct.clients import DIRECT_CLIENTS

            if service in DIRECT_CLIENTS:
                return DIRECT_CLIENTS[service](self.direct, lambda: self._create_locked(service))
        return self._create_client(service)

    def _create_locked(self, service: ServiceName) -> object:
        with self._session_lock:
            return self._create_client(service)

    def _create_client(self, service: ServiceName) -> object:
        config = self.s3_config() if service == "s3" else client_config()
        try:
            with translate_errors(f"connect to {service}"):
                client: Any = self.session.client(
                    service,
                    endpoint_url=self.endpoint_url,
                    config=config,
                )
        except ValueError as error:  # botocore's "Invalid endpoint"
            raise ConfigurationError(
                f"Cannot connect to {service}: {error}",
                remedy="Correct the endpoint_url of the profile in ~/.aws/config.",
            ) from error
        # botocore creates the exception classes at their first use. Two threads that do so at
        # once get two sets, and `except` with one set does not catch errors of the other.
        if service != "ec2":  # its model has 3,000 shapes to search, and defines no errors
            client.exceptions  # noqa: B018
        if service == "s3":
            from scar.aws.client.response_parsers import parse_listings_once

            add_expected_bucket_owner(client, lambda: self.account.id)
            parse_listings_once(client)
            if self.encryption[0]:
                add_default_encryption(client, *self.encryption)
        refuse_foreign_responses(client)
        self.waits.attach(client)
        return client
