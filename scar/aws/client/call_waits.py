"""Wait inside API calls: for the request rate, for throttling to end, for races to pass.

Handlers of botocore's events do this for every client that is attached. A call is repeated only
after an error response that says that nothing was done, so submissions of jobs are safe too.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from scar.aws.client.errors import WAITED
from scar.aws.client.rate_limiter import RateLimiter, rate_of
from scar.aws.client.recent_changes import RecentChanges
from scar.aws.client.throttling import ErrorResponse, is_throttling, may_repeat_blindly
from scar.aws.client.waiter import CancelToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.awsrequest import AWSResponse
    from botocore.model import OperationModel

    from scar.aws.model.rates import RequestRate

THROTTLING_PATIENCE = 300.0  # seconds per call
_FIRST_DELAY = 1.0  # the upper bound of the first pause; doubles with each repetition
_MAX_THROTTLING_DELAY = 20.0
_MAX_RACE_DELAY = 8.0
_ATTEMPTS = 5  # of a call that fails without a known reason, as botocore has it
_SERVER_ERROR = 500
_QUIET_SECONDS = 3.0  # shorter waits are not reported
_REPORT_INTERVAL = 30.0  # seconds between two reports of the same wait
# Keys in the context of a botocore request, which lives as long as the call with its repetitions.
_PARAMETERS, _WAIT = "scar_parameters", "scar_wait"
_THROTTLED_REMEDY = (
    "Other programs use the request rate of this account and Region too. Run the same command again"
    " later, or request a higher quota from AWS."
)


def _full_jitter(maximum: float) -> float:
    # Not for cryptography: it spreads the repetitions of many threads and processes.
    return random.uniform(0, maximum)  # noqa: S311


def _ignore_report(text: str) -> None:
    del text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reason:
    """Why a call is repeated, for how many seconds at most, and with which longest pause."""

    state: str
    remedy: str
    patience: float
    max_delay: float


@dataclass(slots=True)
class Repetitions:
    """The repetitions of one call."""

    started: float
    repetitions: int = 0
    reported: tuple[str, float] = ("", 0.0)


@dataclass(slots=True, kw_only=True)
class CallWaits:
    """All waits inside the API calls of one connection.

    ``report`` receives a line about waits of more than a few seconds. ``cancel_token`` ends all
    waits; ``sleep`` and ``clock`` are replaced in tests. ``jitter`` returns a pause of at most its
    argument.
    """

    cancel_token: CancelToken = field(default_factory=CancelToken)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] | None = None
    jitter: Callable[[float], float] = _full_jitter
    report: Callable[[str], None] = _ignore_report
    limiter: RateLimiter = field(default_factory=RateLimiter)
    recent_changes: RecentChanges = field(init=False)
    _reported_rates: dict[RequestRate, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.recent_changes = RecentChanges(self.clock)

    def attach(self, client: Any) -> None:  # noqa: ANN401 - boto3 creates client classes at run time
        """Make all calls of a boto3 client keep to the rates, and wait as this class describes."""
        model, events = client.meta.service_model, client.meta.events
        service, service_id = model.service_name, model.service_id.hyphenize()
        events.register_last(f"before-parameter-build.{service_id}", _save_parameters)
        # Before the request is signed: a signature expires.
        events.register_first(
            f"request-created.{service_id}", partial(self._wait_in_handler, service)
        )
        # First, since the first answer decides: botocore's own handler gives up after a few
        # attempts. It still decides about the errors that this one does not know.
        events.register_first(f"needs-retry.{service_id}", partial(self._repeat, service))
        events.register(f"after-call.{service_id}", partial(self._record_change, service))

    def _wait_in_handler(self, service: str, /, operation_name: str, **_: object) -> None:
        self.wait_for_turn(service, operation_name)

    def wait_for_turn(self, service: str, operation_name: str) -> None:
        """Wait until the request rate of the operation allows a request."""
        now = self.clock()
        delay = self.limiter.reserve(service, operation_name, now)
        rate = rate_of(service, operation_name)
        if rate is not None and delay > _QUIET_SECONDS:
            last = self._reported_rates.get(rate)
            if last is None or now - last > _REPORT_INTERVAL:
                self._reported_rates[rate] = now
                self.report(
                    f"AWS accepts {rate.per_second:g} requests a second of this kind"
                    f" ({service} {operation_name}); waiting {delay:.0f} s for the next ones."
                )
        if delay > 0:
            self.pause(delay)

    def _record_change(
        self,
        service: str,
        /,
        http_response: AWSResponse,
        model: OperationModel,
        context: Mapping[str, Any],
        **_: object,
    ) -> None:
        if http_response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            self.recent_changes.record_call(service, model.name, context.get(_PARAMETERS, {}))

    def _repeat(
        self,
        service: str,
        /,
        response: tuple[AWSResponse, dict[str, Any]] | None,
        operation: OperationModel,
        attempts: int,
        request_dict: Mapping[str, Any],
        **_: object,
    ) -> Literal[0, False] | None:
        """Return 0, after a pause, to repeat the call; None to leave the decision to botocore.

        False ends the call: it is unknown whether a job was submitted by a call without a response.
        """
        context, parsed = request_dict["context"], response[1] if response is not None else {}
        parameters = context.get(_PARAMETERS, {})
        error = ErrorResponse.parse(service, operation.name, parsed)
        reason = self._find_reason(error, parameters) if error is not None else None
        wait = context.setdefault(_WAIT, self.start_repetitions())
        if error is None or reason is None:
            if not may_repeat_blindly(operation.name, parameters):
                return False
            # botocore counts the repetitions below as its own, and would give up too early.
            has_failed = response is None or response[0].status_code >= _SERVER_ERROR
            if not (wait.repetitions and has_failed and attempts - wait.repetitions < _ATTEMPTS):
                return None
            self.pause(self.jitter(_FIRST_DELAY * 2))
            return 0
        call = f"{operation.name} {_subject(parameters)}".strip()
        waited = self._wait(wait, reason, call, error.retry_after)
        if waited is not None:
            parsed["ResponseMetadata"][WAITED] = waited
            return None
        return 0

    def start_repetitions(self) -> Repetitions:
        """Return the repetitions of a new call."""
        return Repetitions(self.clock())

    def wait_for_rate(
        self, wait: Repetitions, error: ErrorResponse, subject: str
    ) -> dict[str, object] | None:
        """Pause before a throttled call without the SDK is repeated.

        If it was repeated long enough, return what an error has under ``WAITED``.
        """
        call = f"{error.operation} {subject}".strip()
        return self._wait(wait, _throttling_reason(error), call, error.retry_after)

    def _wait(
        self, wait: Repetitions, reason: _Reason, call: str, retry_after: float
    ) -> dict[str, object] | None:
        waited = self.clock() - wait.started
        if waited >= reason.patience:
            return {"seconds": waited, "remedy": reason.remedy}
        # 2**30 s is above every maximum, and the exponent stays small.
        longest = min(reason.max_delay, _FIRST_DELAY * 2 ** min(wait.repetitions, 30))
        delay = min(max(self.jitter(longest), retry_after), reason.patience - waited)
        wait.repetitions += 1
        self._report_wait(wait, reason, call, waited)
        self.pause(delay)
        return None

    def _find_reason(self, error: ErrorResponse, parameters: dict[str, object]) -> _Reason | None:
        from scar.aws.client.races import find_race  # many expressions, for failures only

        race = find_race(error.service, error.operation, error.code, error.message)
        if race is not None and (patience := race.patience(parameters, self.recent_changes)):
            return _Reason(
                state=race.state,
                remedy=race.remedy,
                patience=patience,
                max_delay=_MAX_RACE_DELAY,
            )
        return _throttling_reason(error) if is_throttling(error) else None

    def _report_wait(self, wait: Repetitions, reason: _Reason, call: str, waited: float) -> None:
        last_state, last_time = wait.reported
        is_news = last_state != reason.state or waited - last_time > _REPORT_INTERVAL
        if waited > _QUIET_SECONDS and is_news:
            self.report(
                f"{call}: {reason.state}; waiting, at most {reason.patience / 60:.0f} min"
                f" ({waited:.0f} s so far)."
            )
            wait.reported = reason.state, waited

    def pause(self, seconds: float) -> None:
        """Sleep; raise WaitCancelledError as soon as the waits are cancelled."""
        self.cancel_token.raise_if_cancelled()
        (self.sleep or self.cancel_token.sleep)(seconds)


def _throttling_reason(error: ErrorResponse) -> _Reason:
    return _Reason(
        state=f"AWS throttles the requests ({error.code})",
        remedy=_THROTTLED_REMEDY,
        patience=THROTTLING_PATIENCE,
        max_delay=_MAX_THROTTLING_DELAY,
    )


def _save_parameters(params: Mapping[str, object], context: dict[str, Any], **_: object) -> None:
    context[_PARAMETERS] = dict(params)


def _subject(parameters: Mapping[str, object]) -> str:
    """Return the name of the resource in a request, empty if its parameters have none."""
    for name, value in parameters.items():
        if isinstance(value, str) and (name == "Bucket" or name.lower().endswith("name")):
            return value
    return ""
