"""What a job of a run requested instead of its definition's resources, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.meter import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def describe_request(record: Mapping[str, object]) -> str:
    """Return ``2 vCPUs and 1000 MiB instead of 512``, from a record of a submission; or empty.

    Jobs of earlier releases, and jobs as they are defined, have nothing of that.
    """
    requested, memory = record.get("requested"), record.get("memory")
    parts = list(_parts(requested if isinstance(requested, dict) else {}))
    if isinstance(memory, dict):
        limit = f" ({memory['limited_by']})" if memory.get("limited_by") else ""
        parts = [
            f"{part} instead of {memory.get('before')}{limit}" if part.endswith(" MiB") else part
            for part in parts
        ]
    *others, last = parts or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _parts(requested: Mapping[str, object]) -> Iterator[str]:
    """Yield each option in the order of the FDL's keys; see ``supervisor.job_model.JobOptions``."""
    for name, value in requested.items():
        match name:
            case "vcpus":
                yield "1 vCPU" if value == "1" else f"{value} vCPUs"
            case "memory":
                yield f"{value} MiB"
            case "timeout":
                yield f"a timeout of {value} s"
            case "queue":
                yield f"queue {value}"
            case _:
                if isinstance(value, int):
                    yield format_count(value, {"gpus": "GPU"}.get(name, name.removesuffix("s")))
