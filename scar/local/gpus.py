"""The NVIDIA GPUs of this machine, which the local cloud gives to Batch jobs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from scar.local.engines.port import GpuDevice

if TYPE_CHECKING:
    from collections.abc import Iterator

_NODE = re.compile(r"nvidia(\d+)")
# Nodes that every program with CUDA opens, whichever GPU it uses.
_CONTROL_NODES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")


def find_gpus(root: Path = Path("/")) -> tuple[GpuDevice, ...]:
    """Return the GPUs with a device node, by number; none without NVIDIA's driver.

    The driver lists them with their UUIDs in /proc (``nvidia-smi -L`` shows the same).
    """
    dev = root / "dev"
    control = tuple(f"/dev/{name}" for name in _CONTROL_NODES if (dev / name).exists())
    uuids = dict(_read_uuids(root / "proc/driver/nvidia/gpus"))
    numbers = sorted(int(m[1]) for path in dev.glob("nvidia*") if (m := _NODE.fullmatch(path.name)))
    return tuple(
        GpuDevice(
            index=number,
            id=uuids.get(number, str(number)),
            nodes=(f"/dev/nvidia{number}", *control),
        )
        for number in numbers
    )


def _read_uuids(folder: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of each GPU's device node, and its UUID if the driver knows it."""
    for path in sorted(folder.glob("*/information")):
        lines = (line.partition(":") for line in path.read_text().splitlines())
        fields = {name.strip(): value.strip() for name, _, value in lines}
        uuid = fields.get("GPU UUID", "")
        # Question marks until the first program uses the GPU.
        if uuid.startswith("GPU-") and "?" not in uuid and fields.get("Device Minor", "").isdigit():
            yield int(fields["Device Minor"]), uuid
