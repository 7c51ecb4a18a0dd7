"""The base class of the FDL's sections, and the sections that several others use."""

from collections.abc import Mapping
from inspect import get_annotations
from typing import Annotated, ClassVar, Literal, get_args, get_origin

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
    check_integer,
    check_kms_key_id,
    check_number,
    none_to_empty,
    rename_keys,
)
from scar.fdl.model.plugins import skip_plugins
from scar.fdl.values.aws_names import SecurityGroupIds, SubnetIds
from scar.fdl.values.storage_paths import (
    check_path_of_store,
    normalize_provider,
    normalize_read_path,
)

skip_plugins()


class FdlModel(BaseModel):
    """A section of the FDL: immutable; unknown keys are validation errors."""

    # Texts of pydantic's errors are without the values, which may be secrets.
    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True
    )

    # Other accepted spellings (of Lambda's API and of SCAR), mapped to the FDL's key.
    alternate_keys: ClassVar[Mapping[str, str]] = {}
    # Keys with integers that no API of AWS takes as such: all others have 32 bits.
    long_keys: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _normalize_keys(cls, value: object) -> object:
        """Convert an empty section (``vpc:``) to one with only defaults; rename alternate keys."""
        return {} if value is None else rename_keys(value, cls.alternate_keys)

    def __init_subclass__(cls) -> None:
        """Add the check of numbers for the fields with numbers: for all it takes 10 ms a start."""
        super().__init_subclass__()
        annotations = {
            name: annotation
            for base in reversed(cls.__mro__)
            for name, annotation in get_annotations(base).items()
        }
        if numbers := [name for name, found in annotations.items() if _is_number(found)]:
            check = classmethod(_check_number)
            setattr(cls, "_check_numbers", field_validator(*numbers, mode="before")(check))  # noqa: B010


def _is_number(annotation: object) -> bool:
    kind = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return kind in (int, float, int | None)


def _check_number(cls: type[FdlModel], value: object, info: ValidationInfo) -> object:
    """Reject for numbers what pydantic would convert: ``timeout: yes`` to 1, ``1_0`` to 10.

    Reject also integers that AWS's APIs cannot have, unless the field has a limit of its own.
    """
    name = info.field_name or ""
    field = cls.model_fields[name]
    number = check_number(value)
    has_limit = any(getattr(item, "le", None) is not None for item in field.metadata)
    if field.annotation is not float and not has_limit and name not in cls.long_keys:
        check_integer(number)
    return number


class EnvironmentSpec(FdlModel):
    """Environment variables."""

    Variables: Annotated[dict[VariableName, Text], BeforeValidator(none_to_empty)] = Field(
        {}, description="names and values; numbers are taken as they are written"
    )


class NetworkSpec(FdlModel):
    """The subnets and security groups of a VPC."""

    alternate_keys: ClassVar = {"SubnetIds": "subnets", "SecurityGroupIds": "security_group_ids"}

    subnets: SubnetIds = Field(
        (), description="subnet IDs, all of one VPC", examples=[["subnet-0123456789abcdef0"]]
    )
    security_group_ids: SecurityGroupIds = Field(
        (), description="security group IDs, of the same VPC", examples=[["sg-0123456789abcdef0"]]
    )


SseAlgorithm = Literal["", "AES256", "aws:kms", "aws:kms:dsse"]
KmsKeyId = Annotated[str, AfterValidator(check_kms_key_id)]


ReadPath = Annotated[str, AfterValidator(normalize_read_path)]


class StorageSpec(FdlModel):
    """A bucket, or a folder in a bucket or in another store."""

    storage_provider: Annotated[str, AfterValidator(normalize_provider)] = Field(
        "s3",
        description="`s3`: the account's S3; `s3.<name>`, `minio.<name>`, `webdav.<name>` or"
        " `onedata.<name>`: an entry of `storage_providers`",
    )
    path: Annotated[str, AfterValidator(check_path_of_store)] = Field(
        description="bucket and folder: `bucket/folder`, or `bucket` alone; of WebDAV and OneData"
        " the folder; required"
    )
    prefix: TextList = Field(
        (), description="outputs only: upload only file names that start with one of these"
    )
    suffix: TextList = Field(
        (),
        description="output: upload only file names that end with one of these; input: start the"
        " function only for keys with this suffix (S3 event notifications filter by one suffix)",
    )

    sse: SseAlgorithm = Field(
        "",
        description="server-side encryption to request for every object that scar writes to this"
        " bucket, as some bucket policies require: `AES256`, `aws:kms` or `aws:kms:dsse`; empty:"
        " that of `lambda.sse`; for the account's S3 only",
    )
    sse_kms_key_id: KmsKeyId = Field(
        "",
        description="ID or ARN of the KMS key for `sse: aws:kms`; empty: the AWS managed key"
        " `aws/s3`",
    )

    @property
    def bucket(self) -> str:
        return self.path.partition("/")[0]

    @property
    def folder(self) -> str:
        """The key prefix, ``folder/``; empty for the whole bucket."""
        inside = self.path.partition("/")[2]
        return f"{inside}/" if inside else ""

    @property
    def input_suffix(self) -> str:
        """The suffix of the input's S3 event notification; empty: no filter."""
        return self.suffix[0] if self.suffix else ""
