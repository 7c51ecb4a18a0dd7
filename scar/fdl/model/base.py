"""What all parts of the FDL have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scar.fdl.field_types import (
    Text,
    TextList,
    VariableName,
    none_to_empty,
    normalize_storage_path,
    rename_keys,
)


class FdlModel(BaseModel):
    """What all parts of the FDL have in common: unknown keys are faults, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    # What Lambda's API and SCAR call some keys, accepted too: that name, and the key.
    alternate_keys: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _normalize_keys(cls, value: object) -> object:
        """Take a key with nothing below it as one that has only defaults below it."""
        return {} if value is None else rename_keys(value, cls.alternate_keys)

    @field_validator("*", mode="before")
    @classmethod
    def _reject_bool_as_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what pydantic takes as 0 or 1: ``timeout: yes`` is a mistake."""
        wanted = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and wanted in (int, float, int | None):
            raise ValueError(f"must be a number, not {str(value).lower()}")
        return value


class EnvironmentSpec(FdlModel):
    """Environment variables."""

    Variables: Annotated[dict[VariableName, Text], BeforeValidator(none_to_empty)] = Field(
        {}, description="names and values"
    )


class NetworkSpec(FdlModel):
    """The subnets and security groups of a VPC."""

    alternate_keys: ClassVar = {"SubnetIds": "subnets", "SecurityGroupIds": "security_group_ids"}

    subnets: TextList = Field(
        (), description="subnets of one VPC", examples=[["subnet-0123456789abcdef0"]]
    )
    security_group_ids: TextList = Field(
        (), description="security groups of the same VPC", examples=[["sg-0123456789abcdef0"]]
    )


class StorageSpec(FdlModel):
    """A folder of a bucket."""

    storage_provider: str = Field(
        "s3", description="`s3`, or `s3.<name>` of an entry in storage_providers"
    )
    path: Annotated[str, AfterValidator(normalize_storage_path)] = Field(
        description="bucket and folder, as `bucket/folder`"
    )
    prefix: TextList = Field((), description="output: upload names that start with one of these")
    suffix: TextList = Field(
        (), description="output: upload names that end with one of these; input: one of them"
    )

    @property
    def is_s3(self) -> bool:
        return self.storage_provider.partition(".")[0] == "s3"

    @property
    def bucket(self) -> str:
        return self.path.partition("/")[0]

    @property
    def folder(self) -> str:
        """The key prefix: ``folder/``, or nothing for the whole bucket."""
        inside = self.path.partition("/")[2]
        return f"{inside}/" if inside else ""

    @property
    def input_suffix(self) -> str:
        """The one suffix by which S3 filters the events of an input; empty: no filter."""
        return self.suffix[0] if self.suffix else ""
