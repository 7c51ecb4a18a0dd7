"""Download a run's input; build the script's environment and the outputs' metadata."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from supervisor.errors import ObjectChanged, StorageError
from supervisor.execution import lineage
from supervisor.execution.environment import RunVariables, build_environment
from supervisor.execution.outputs import INPUT_KEY, RECOVERED_KEY, RUN_KEY, SEQUENCER_KEY
from supervisor.execution.workspace import safe_file_name
from supervisor.invocation import ObjectEvent
from supervisor.model import VersionPin
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from supervisor.execution.workspace import Workspace
    from supervisor.invocation import DirectInvocation, Invocation, RunPath, Trigger
    from supervisor.model import FunctionConfig, ObjectRef
    from supervisor.ports import ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run and its trigger; ``stop_at`` is the deadline less ``timeout_threshold``.

    ``hosts`` are the addresses of the nodes of a multi-node job, that of the main node first.
    """

    config: FunctionConfig
    invocation: Invocation
    trigger: Trigger
    run: RunPath
    stop_at: float | None
    hosts: tuple[str, ...] = ()

    @property
    def is_uploaded(self) -> bool:
        """Whether this process uploads the outputs: of a multi-node job only the main node does."""
        return self.invocation.node is None or self.invocation.node.is_main


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedInput:
    """The path of the input file (empty: none), its lineage, and what all outputs carry.

    ``hostfile`` is the path of the file with the addresses of the nodes, empty without nodes.
    """

    path: str
    metadata: Mapping[str, str]
    lineage: lineage.Lineage = field(default_factory=lineage.Lineage)
    hostfile: str = ""


def stage_in(
    context: RunContext, workspace: Workspace, open_store: Callable[[str], ObjectStore]
) -> StagedInput:
    """Create the input file; raise ObjectChanged, StorageError, ChainTooLong."""
    trigger, run = context.trigger, str(context.run)
    if not isinstance(trigger, ObjectEvent):
        path = _stage_payload(context, trigger, workspace, open_store)
        return StagedInput(path=path, metadata={RUN_KEY: run})
    source = trigger.source
    file = workspace.inputs / safe_file_name(source.key)
    version = trigger.version
    if trigger.is_recovered:  # nothing confirms the version id; the ETag is the object's
        version = replace(version, version_id="")
    stored = open_store(source.provider).download(source, file, version=version)
    # In the metadata of each output, so that loops across functions, deployments and buckets end.
    origin = lineage.parse_lineage(stored.metadata)
    lineage.check_chain(origin, context.config, source)
    metadata = {
        RUN_KEY: run,
        INPUT_KEY: record_format.input_id(context.config.name, trigger),
        SEQUENCER_KEY: trigger.sequencer,
        RECOVERED_KEY: "true" if trigger.is_recovered else "",
    }
    return StagedInput(
        path=str(file), metadata={k: v for k, v in metadata.items() if v}, lineage=origin
    )


def _stage_payload(
    context: RunContext,
    trigger: DirectInvocation,
    workspace: Workspace,
    open_store: Callable[[str], ObjectStore],
) -> str:
    """Write the payload of an invocation, or download it; return the path, empty without one."""
    body_id = trigger.request.body_id if trigger.request else ""
    if trigger.payload is None and not body_id:
        return ""
    # A name of its own for each call, the same in all of its attempts: scripts name their
    # outputs after their input, and two calls must not have the same output.
    suffix = PurePosixPath(trigger.file_name).suffix
    file = workspace.inputs / f"event-file-{context.run.run_id}{suffix}"
    if trigger.payload is not None:
        file.write_bytes(trigger.payload)
        return str(file)
    # Imported here: only large bodies of HTTP requests are stored.
    from supervisor.connections import BODY_DAYS
    from supervisor.endpoint.bodies import body_ref

    ref = body_ref(context.config, body_id)
    try:
        open_store("s3").download(ref, file, version=VersionPin())
    except ObjectChanged as error:  # of an input it would mean that a newer one has its own event
        raise StorageError(
            f"The body of the request does not exist any more: {ref}.",
            remedy=f"Bodies are kept for {BODY_DAYS} days: upload it and send the request again.",
        ) from error
    return str(file)


def write_hostfile(hosts: Sequence[str], workspace: Workspace) -> str:
    """Write one address per line, as MPI's launchers read it; return the path."""
    file = workspace.root / "hosts"
    file.write_text("".join(f"{host}\n" for host in hosts))
    return str(file)


def describe_outputs(
    context: RunContext, staged: StagedInput, targets: Sequence[ObjectRef]
) -> dict[ObjectRef, Mapping[str, str]]:
    """Return the metadata of each output; ``targets`` are all that are uploaded.

    Raise OutputError if one of them would start the function again.
    """
    described = lineage.describe_outputs(staged.lineage, context.config, str(context.run), targets)
    # A run may have a million outputs: those with the same metadata share one mapping.
    shared: dict[str, Mapping[str, str]] = {}
    return {
        target: shared.setdefault(own[lineage.BUDGET_KEY], {**staged.metadata, **own})
        for target, own in zip(targets, described, strict=True)
    }


def script_environment(
    context: RunContext,
    workspace: Workspace,
    staged: StagedInput,
    process: Mapping[str, str],
    home: Path,
) -> dict[str, str]:
    """Return the complete environment of the script; ``home`` holds ``function/``."""
    trigger, owner = context.trigger, context.invocation.owner
    event = trigger if isinstance(trigger, ObjectEvent) else None
    variables = RunVariables(
        run_id=context.run.run_id,
        request_id=owner.request or owner.job,
        service=owner.site.value,
        attempt=owner.attempt,
        job_number=context.invocation.job.number if context.invocation.job else 1,
        event=_script_event(trigger),
        input_dir=str(workspace.inputs),
        output_dir=str(workspace.outputs),
        input_file=staged.path,
        object_key=event.source.key if event else "",
        event_time=event.time if event else "",
        deadline=context.stop_at,
        instance_ip=local_ip_address(),
        hostfile=staged.hostfile,
        trace=context.invocation.trace,
        extra_payload=str(home / "function") if context.config.extra_payload else "",
        log_group=context.invocation.log_group,
        log_stream=context.invocation.log_stream,
        parameters={} if isinstance(trigger, ObjectEvent) else trigger.parameters,
        request=None if isinstance(trigger, ObjectEvent) else trigger.request,
    )
    return build_environment(context.config, process, variables)


def _script_event(trigger: Trigger) -> str:
    if isinstance(trigger, ObjectEvent) or trigger.request is None:
        return trigger.event
    # Imported here: most events are no requests, and the time of a start counts.
    from supervisor.events.api_request import event_for_script

    return event_for_script(trigger)


@cache
def local_ip_address() -> str:
    """Return the source address of outgoing packets at the first call; nothing is sent."""
    import socket  # not at the start: with its enumerations it takes 2 ms

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # reserved for documentation (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
