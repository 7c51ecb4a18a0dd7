"""Read the values of secrets at run time: from AWS Secrets Manager and SSM Parameter Store.

They become variables of the script and nothing else: not of the function, the job definition, the
image or the run's record.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.client import AwsClient
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import find_credentials
from supervisor.aws.errors import AwsError, AwsErrorResponse, NoCredentials
from supervisor.aws.request import AwsRequest
from supervisor.aws.retry import Backoff, ThrottlingDeadline
from supervisor.aws.secret_references import PARAMETER_STORE, SECRETS_MANAGER, parse_reference
from supervisor.errors import ConfigError, SecretError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from typing import Any

    from supervisor.aws.request import Origin
    from supervisor.aws.secret_references import SecretReference
    from supervisor.logs import Log

SCRIPT_SECRETS = "container.secrets"
# Seconds for which a warm sandbox uses a value again: a rotated secret is seen after that time.
CACHE_SECONDS = 300.0
# Seconds for which throttled requests are repeated by a process without a deadline. Parameter
# Store takes 40 requests a second by default, so that a thousand jobs at once need 25 seconds.
THROTTLING_PATIENCE = 300.0
# Model: GetParameters, Names.
_NAMES_PER_CALL = 10
_TARGETS = {
    "GetSecretValue": "secretsmanager.GetSecretValue",
    "GetParameters": "AmazonSSM.GetParameters",
}
_NOT_FOUND = frozenset({"ResourceNotFoundException", "ParameterNotFound"})


def connect(
    references: Mapping[str, str],
    environ: Mapping[str, str],
    backoff: Backoff | None = None,
    *,
    clock: Callable[[], float] = time.time,
    log: Log | None = None,
    source: str = SCRIPT_SECRETS,
) -> SecretReader:
    """Create a reader of these references by variable; raise ConfigError.

    ``source`` is the section of the FDL that has them, for messages.
    """
    try:
        credentials = find_credentials(environ)
    except NoCredentials as error:
        raise ConfigError(error.problem, remedy=error.remedy) from error
    connections = ConnectionPool(environ)

    def open_client(service: str, region: str) -> tuple[AwsClient, Origin]:
        region = region or endpoints.read_region(environ)
        client = AwsClient(
            service=service,
            region=region,
            credentials=credentials,
            connections=connections,
            backoff=backoff or Backoff(),
            clock=clock,
        )
        return client, endpoints.service_endpoint(service, region, environ)

    return SecretReader(
        references=references, open_client=open_client, clock=clock, log=log, source=source
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReader:
    """Reads the secrets of one section; values are kept for ``CACHE_SECONDS``.

    ``others`` are references that readers made of this one (by ``replace``, they share the values)
    will need: a request for parameters has room for ten. An error of these is not one of this.
    """

    references: Mapping[str, str]
    open_client: Callable[[str, str], tuple[AwsClient, Origin]]
    clock: Callable[[], float] = time.time
    log: Log | None = None
    source: str = SCRIPT_SECRETS
    others: tuple[str, ...] = ()
    _refused: set[SecretReference] = field(default_factory=set)
    _cache: dict[SecretReference, tuple[float, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, until: float | None = None) -> dict[str, str]:
        """Return the values by variable; raise SecretError, which never contains a value.

        ``until`` is the deadline for repeated requests in epoch seconds. Thread-safe: threads that
        need the same value read it once.
        """
        with self._lock:
            return self._read(until)

    def _read(self, until: float | None) -> dict[str, str]:
        now = self.clock()
        wanted = {name: self._parse(name) for name in self.references}
        missing = {name: r for name, r in wanted.items() if not self._is_known(r, now)}
        end = now + THROTTLING_PATIENCE if until is None else until
        for reference, value in self._read_missing(missing, end):
            self._cache[reference] = now, value
        values = {name: self._cache[reference][1] for name, reference in wanted.items()}
        for name, value in values.items():
            if "\0" in value:
                raise SecretError(
                    f"The secret of the variable {name} has a NUL character: no variable can.",
                    remedy="Store it without, for example in base64.",
                )
        return values

    def _is_known(self, reference: SecretReference, now: float) -> bool:
        return reference in self._cache and self._cache[reference][0] >= now - CACHE_SECONDS

    def _find_others(self, region: str, own: Container[SecretReference]) -> list[SecretReference]:
        """Return the other parameters of a Region that are worth a place in a request."""
        now = self.clock()
        found: dict[SecretReference, None] = {}
        for text in self.others:
            with contextlib.suppress(ValueError):  # another reader reports it
                found[parse_reference(text)] = None
        return [
            other
            for other in found
            if (other.service, other.region) == (PARAMETER_STORE, region)
            and other not in own
            and other not in self._refused
            and not self._is_known(other, now)
        ]

    def _parse(self, name: str) -> SecretReference:
        try:
            return parse_reference(self.references[name])
        except ValueError as error:
            raise SecretError(f"{self.source}.{name}: {error}.", remedy=self._remedy) from error

    def _read_missing(
        self, missing: Mapping[str, SecretReference], until: float
    ) -> Iterator[tuple[SecretReference, str]]:
        names = {reference: name for name, reference in missing.items()}
        parameters: dict[str, list[SecretReference]] = {}
        for reference, name in names.items():
            if reference.service == PARAMETER_STORE:
                parameters.setdefault(reference.region, []).append(reference)
            else:
                yield reference, self._read_secret(name, reference, until)
        for region, references in parameters.items():
            others = self._find_others(region, names)
            for start in range(0, len(references), _NAMES_PER_CALL):
                batch = references[start : start + _NAMES_PER_CALL]
                more = others[: _NAMES_PER_CALL - len(batch)]  # the last batch has room
                yield from self._read_parameters(region, batch, more, names, until)

    def _read_secret(self, name: str, reference: SecretReference, until: float) -> str:
        body = {"SecretId": reference.name}
        if reference.stage:
            body["VersionStage"] = reference.stage
        if reference.version:
            body["VersionId"] = reference.version
        answer = self._call(
            SECRETS_MANAGER, reference.region, "GetSecretValue", body, [name], until
        )
        value = answer.get("SecretString")
        if not isinstance(value, str):
            raise SecretError(
                f"The secret {reference.name} of the variable {name} is binary.",
                remedy="Store it as text, for example in base64.",
            )
        return self._select_key(name, reference, value) if reference.json_key else value

    def _read_parameters(
        self,
        region: str,
        references: Sequence[SecretReference],
        others: Sequence[SecretReference],
        names: Mapping[SecretReference, str],
        until: float,
    ) -> Iterator[tuple[SecretReference, str]]:
        variables = [names[reference] for reference in references]
        asked = [*references, *others]
        body = {"Names": [reference.name for reference in asked], "WithDecryption": True}
        try:
            answer = self._call(PARAMETER_STORE, region, "GetParameters", body, variables, until)
        except SecretError as error:
            if not (others and isinstance(error.__cause__, AwsErrorResponse)):
                raise
            # One name that may not be read, or is none, refuses the request as a whole.
            self._refused.update(others)
            yield from self._read_parameters(region, references, (), names, until)
            return
        found: dict[str, str] = {}
        for item in answer.get("Parameters") or ():
            # Asked for by ARN or by name; the answer has both.
            for key in (item.get("Name"), item.get("ARN")):
                found[str(key)] = str(item.get("Value", ""))
        for reference in asked:
            if reference.name in found:
                yield reference, found[reference.name]
            elif reference in names:
                raise _not_found(names[reference], f"parameter {reference.name}", self.source)
            else:
                self._refused.add(reference)

    def _call(
        self,
        service: str,
        region: str,
        operation: str,
        body: Mapping[str, object],
        variables: Sequence[str],
        until: float,
    ) -> dict[str, Any]:
        client, origin = self.open_client(service, region)
        request = AwsRequest(
            method="POST",
            origin=origin,
            path="/",
            headers={
                "content-type": "application/x-amz-json-1.1",
                "x-amz-target": _TARGETS[operation],
            },
            body=json.dumps(body).encode(),
        )
        what = f"{'variable' if len(variables) == 1 else 'variables'} {', '.join(variables)}"
        throttling = ThrottlingDeadline(until=until, report=self._report_throttling)
        try:
            answer = json.loads(client.send(request, throttling=throttling).body)
        except AwsError as error:
            raise _translate(error, what, operation, self.source) from error
        except (RecursionError, ValueError):
            # Not chained: the message of the error may contain a part of the value.
            answer = None
        if not isinstance(answer, dict):
            raise SecretError(
                f"The answer to {operation} for the {what} is not a JSON object.",
                remedy="Start the run again with `scar retry`.",
            )
        return answer

    def _select_key(self, name: str, reference: SecretReference, text: str) -> str:
        try:
            document = json.loads(text)
        except (RecursionError, ValueError):
            document = None
        value = document.get(reference.json_key) if isinstance(document, dict) else None
        if value is None:
            raise SecretError(
                f"The secret {reference.name} of the variable {name} has no key"
                f" {reference.json_key}.",
                remedy=self._remedy,
            )
        return value if isinstance(value, str) else json.dumps(value)

    @property
    def _remedy(self) -> str:
        return f"Correct {self.source} in the FDL, and run `scar init` again."

    def _report_throttling(self, error: AwsError) -> None:
        if self.log is not None:
            self.log.info(f"Requests for secrets are throttled; repeating: {error.problem}")


def _translate(error: AwsError, what: str, operation: str, source: str) -> SecretError:
    if isinstance(error, AwsErrorResponse) and error.code in _NOT_FOUND:
        return _not_found(what.partition(" ")[2], "secret", source)
    remedy = error.remedy
    if isinstance(error, AwsErrorResponse) and error.code == "AccessDeniedException":
        remedy = (
            "Run `scar init` again: it lets the function's roles read the secret. A role of your"
            " own (iam.role), a KMS key policy or the secret's own policy has to allow it too."
        )
    return SecretError(f"{operation} failed for the {what}: {error.problem}", remedy=remedy)


def _not_found(name: str, what: str, source: str) -> SecretError:
    return SecretError(
        f"The {what} of the variable {name} does not exist.",
        remedy=f"Create it in the account and Region, or correct {source} in the FDL.",
    )
