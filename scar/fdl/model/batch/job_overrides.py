"""What jobs of some objects request, and jobs that are submitted again: `overrides`, `retry`."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from scar.aws.model import limits
from scar.fdl.field_types import Text, TextList
from scar.fdl.model.deferred import DeferredModel
from scar.fdl.values.byte_sizes import ByteSize

_FACTOR = re.compile(r"x([0-9]+(?:\.[0-9]+)?)")
MAX_FACTOR = 16


def _check_growth(text: str) -> str:
    factor = _FACTOR.fullmatch(text)
    if factor and not 1 < float(factor[1]) <= MAX_FACTOR:
        raise ValueError(f"the factor must be above 1, and {MAX_FACTOR} at most")
    if not factor and text and not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise ValueError(f"{text!r} is neither a factor (x2, x1.5) nor a number of MiB")
    return text


class ObjectMatchSpec(DeferredModel):
    """Which objects an override is for; all conditions must be met."""

    long_keys: ClassVar = frozenset({"min_size"})

    prefix: TextList = Field((), description="file names that start with one of these; empty: any")
    suffix: TextList = Field(
        (), description="file names that end with one of these; empty: any", examples=[[".bam"]]
    )
    min_size: ByteSize = Field(
        0,
        ge=0,
        le=limits.S3_OBJECT.maximum,
        description="least size of the object: bytes, or a number with `KB`, `MB`, `GB`, `TB`"
        " (powers of 1000), `KiB`, `MiB`, `GiB` or `TiB` (powers of 1024)",
        examples=["5GB"],
    )


class JobOverrideSpec(DeferredModel):
    """What the jobs of some objects request instead of `vcpus`, `memory`, GPUs and `timeout`.

    The first entry that matches an object counts.
    """

    match: ObjectMatchSpec = Field(
        ObjectMatchSpec.model_construct(), description="the objects; at least one condition"
    )
    vcpus: float = Field(
        0,
        ge=0,
        le=limits.BATCH_VCPUS.maximum,
        description="vCPUs; 0: `batch.vcpus`",
        examples=[2],
    )
    memory: int = Field(0, ge=0, description="MiB; 0: `batch.memory`", examples=[60000])
    gpus: int = Field(
        0,
        ge=0,
        le=limits.BATCH_GPUS.maximum,
        description="GPUs, for functions with `gpus` or `enable_gpu` only; 0: those of other jobs",
    )
    timeout: int = Field(
        0,
        ge=0,
        le=limits.BATCH_ATTEMPT_SECONDS.maximum,
        description="job attempt timeout in seconds, at least 60; 0: `batch.timeout`",
        examples=[172800],
    )


class ExitRetrySpec(DeferredModel):
    """Jobs that are submitted again when their script ends with an exit code.

    The job submits the next one, which continues the run; `scar why` shows both. The first entry
    with the exit code counts.
    """

    exit_code: int = Field(
        ge=1,
        le=255,
        description="exit code of the script; 137: the script was killed because the job ran out of"
        " memory; required",
        examples=[137],
    )
    attempts: int = Field(
        3, ge=2, le=10, description="the most jobs that a run has, with the first one"
    )
    memory: Annotated[Text, AfterValidator(_check_growth)] = Field(
        "",
        description="memory of the next job: a multiple of this job's (`x2`, `x1.5`) or MiB; on"
        " Fargate the next larger size that exists; empty: as much as this one had",
        examples=["x2"],
    )
    up_to: int = Field(
        0,
        ge=0,
        description="MiB that the next job has at most; 0: as much as an instance or Fargate has",
        examples=[64000],
    )

    @property
    def factor(self) -> float:
        """The multiple of the memory; 1 for a number of MiB."""
        found = _FACTOR.fullmatch(self.memory)
        return float(found[1]) if found else 1.0

    @property
    def memory_mib(self) -> int:
        """The memory of the next job in MiB; 0 for a multiple."""
        return int(self.memory) if self.memory.isdecimal() else 0
