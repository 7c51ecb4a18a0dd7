"""Invocations without an object that are no HTTP requests: direct calls of the function."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from supervisor.events.json_values import (
    OPTIONS_KEY,
    compact_json,
    invalid_event,
)
from supervisor.invocation import DirectInvocation
from supervisor.model import ComputeService, ExecutionMode

if TYPE_CHECKING:
    from supervisor.errors import EventError
    from supervisor.events.json_values import JsonObject
    from supervisor.invocation import Trigger
    from supervisor.job_model import JobOptions
    from supervisor.model import FunctionConfig

# The one value of an event's ``script_encoding``. Senders that encode scripts set it, because
# base64 text and a plain command such as ``date`` cannot be told apart.
SCRIPT_ENCODING = "base64"


def parse_direct_invocation(event: JsonObject) -> DirectInvocation:
    """Parse a JSON object that is none of AWS's events: ``script``, ``cmd_args`` or a payload.

    ``script_encoding`` says how ``script`` is encoded (``SCRIPT_ENCODING``). Without it, the
    encoding is inferred, as clients of SCAR expect.
    """
    cmd_args = event.get("cmd_args")
    arguments = None if cmd_args in (None, "", []) else _parse_arguments(cmd_args)
    script = _parse_script(event.get("script"), event.get("script_encoding"))
    job, refusal = _read_job(event)
    if script is not None or arguments is not None:
        text = compact_json(event)
        return DirectInvocation(
            event=text, script=script, arguments=arguments, job=job, refusal=refusal
        )
    if job is None and refusal is None:
        return parse_payload(event)
    payload = {name: value for name, value in event.items() if name != OPTIONS_KEY}
    return DirectInvocation(
        event=compact_json(event),
        payload=compact_json(payload).encode(),
        job=job,
        refusal=refusal,
    )


def _read_job(event: JsonObject) -> tuple[JobOptions | None, EventError | None]:
    if OPTIONS_KEY not in event:
        return None, None
    # Imported here: most events have none, and the time of a start counts.
    from supervisor.events.job_options import read_job_options

    return read_job_options(event)


def refuse_script(invocation: DirectInvocation) -> None:
    """Raise EventError if the invocation brings its own script or command."""
    if invocation.script is None and invocation.arguments is None:
        return
    what = "script" if invocation.script is not None else "cmd_args"
    raise invalid_event(
        f"it has {what}, and the function accepts neither script nor cmd_args",
        "Invoke it with a payload or an object, or set lambda.allow_script: true and run"
        " `scar init`.",
    )


def find_refusal(
    config: FunctionConfig, trigger: Trigger, service: ComputeService
) -> EventError | None:
    """Return why the event must not say what its job is to have; None if it may, or does not.

    Jobs do not ask: Lambda has accepted their events.
    """
    if trigger.job is None or service is not ComputeService.LAMBDA:
        return trigger.refusal
    if config.mode is ExecutionMode.LAMBDA:
        return invalid_event(
            "it has options of a Batch job, and the function runs in Lambda only",
            "Set execution_mode: batch or lambda-batch and run `scar init`.",
        )
    if not config.allow_script:
        return invalid_event(
            "it has options of a Batch job, and the function does not accept them",
            "Omit them, or set lambda.allow_script: true and run `scar init`.",
        )
    return None


def parse_payload(event: object) -> DirectInvocation:
    """Return an invocation whose payload is the whole event."""
    text = compact_json(event)
    return DirectInvocation(event=text, payload=text.encode())


def _parse_script(script: object, encoding: object) -> bytes | None:
    """Return the script's bytes, None without a script; an empty one counts if it is encoded."""
    if script is None or (script == "" and encoding is None):
        return None
    if not isinstance(script, str):
        raise invalid_event("script is not a string", "Send the script as text, plain or base64.")
    if encoding is None:
        return _infer_script(script)
    if encoding != SCRIPT_ENCODING:
        raise invalid_event(
            f"script_encoding is {json.dumps(encoding)[:80]},"
            f" only {SCRIPT_ENCODING!r} is supported",
            "Encode the script with base64, or send it as plain text without script_encoding.",
        )
    try:
        return base64.b64decode(script, validate=True)
    except ValueError as error:  # binascii.Error, and characters outside ASCII
        raise invalid_event(
            f"script is not base64, as script_encoding says: {error}",
            "Encode the script without line breaks (`base64 -w0 FILE`).",
        ) from error


def _infer_script(text: str) -> bytes:
    """Decode a script of unknown encoding: SCAR sends base64; other text is the script itself.

    What decodes to an interpreter line or an ELF program is base64, whatever bytes follow.
    """
    decoded = _decode_base64(text)
    if decoded is None or text.startswith("#!"):
        return _encode_utf8(text)
    if decoded.startswith((b"#!", b"\x7fELF")):
        return decoded
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return _encode_utf8(text)
    return decoded if _looks_like_script(decoded) else _encode_utf8(text)


def _looks_like_script(decoded: bytes) -> bool:
    """Return whether it is text: ``date`` is a plain command, but also valid base64."""
    return bool(decoded) and all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in decoded)


def _parse_arguments(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            parsed: object = json.loads(value)
        except (ValueError, RecursionError):
            return _split_shell_words(value)
        value = parsed if isinstance(parsed, list) else [value]
    if not isinstance(value, list) or not all(isinstance(v, str | int | float) for v in value):
        raise invalid_event(
            "cmd_args is not a list of strings", 'Send a list: {"cmd_args": ["ls", "-l"]}.'
        )
    words = tuple(str(v) for v in value)
    if any("\0" in word for word in words):
        raise invalid_event("cmd_args contains a NUL character", "Remove it.")
    if any("\ud800" <= character <= "\udfff" for word in words for character in word):
        raise invalid_event(
            "cmd_args is not valid Unicode: it has half of a surrogate pair",
            "Send text that can be encoded as UTF-8.",
        )
    return words


def _split_shell_words(text: str) -> tuple[str, ...]:
    import shlex

    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise invalid_event(
            f"cmd_args cannot be split into words: {error}", "Send a list."
        ) from error


def _decode_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None


def _encode_utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
