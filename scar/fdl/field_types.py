"""Types and validators of single values in the FDL: names, paths, lists, sizes.

They are used as pydantic types. The message of a ValueError is shown to the user.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from scar.aws.model import limits
from scar.fdl.scripts import script_checks
from scar.fdl.scripts.wide_text import find_wide_encoding
from scar.fdl.values.policy_files import check_policy
from scar.fdl.values.regions import find_region_problem
from scar.image.errors import ImageError
from scar.image.formats.reference import find_file_problem, parse_reference
from supervisor.aws.secret_references import parse_reference as parse_reference_to_secret
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

_FUNCTION_NAME = r"[A-Za-z0-9_-]{1,64}"
# Amazon ECR API reference, CreateRepository. The function's name needs 64 of the 256 characters.
_REPOSITORY_PREFIX = r"(?=.{1,150}$)[a-z0-9]+(?:[._/-][a-z0-9]+)*"
DOCKER_SCHEME = "docker://"
# docs: KMS, "Key identifiers"; `mrk-` begins the ids of multi-Region keys.
_KMS_KEY = (
    r"(arn:[\w-]+:kms:[a-z0-9-]+:\d{12}:key/)?"
    r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)

_DECIMAL_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL_NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_OTHER_NOTATIONS = (
    (r"[-+]?0[xX][0-9a-fA-F_]+", "is a hexadecimal number; write the decimal number"),
    (r"[-+]?0[bB][01_]+", "is a binary number; write the decimal number"),
    (r"[-+]?0[oO][0-7_]+", "is an octal number; write the decimal number"),
    (
        r"[-+]?[0-9_]+(:[0-9_]+)+(\.[0-9_]*)?",
        "is a number to the base 60 in YAML, not a time; write the decimal number",
    ),
    (
        r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?",
        "begins with 0, which means octal in YAML; write the decimal number without the zero",
    ),
    (r"[-+]?[0-9.][0-9_.]*([eE][-+]?[0-9]+)?", "has `_`; write only digits"),
)


def _pattern_validator(pattern: str, what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return AfterValidator(check)


def _number_to_text(value: object) -> object:
    """Convert a number to text; in files, numbers are text already (``yaml_values``)."""
    if isinstance(value, bool):
        raise ValueError(f"YAML reads this as {str(value).lower()}; put it in quotes")  # noqa: TRY004
    if value is None:
        raise ValueError("YAML reads this as null; put it in quotes")
    return str(value) if isinstance(value, int | float) else value


def check_number(value: object) -> object:
    """Return a number, or the text of a decimal number; raise ValueError for other notations.

    YAML 1.1 and 1.2, JSON and people disagree about what ``0512``, ``1:30`` and ``1_000`` are.
    """
    if isinstance(value, bool):
        raise ValueError(f"must be a number, not {str(value).lower()}")  # noqa: TRY004
    if not isinstance(value, str):
        return value
    text = value.strip()
    if _DECIMAL_INTEGER.fullmatch(text):
        return text
    if _DECIMAL_NUMBER.fullmatch(text):
        return float(text)
    for pattern, problem in _OTHER_NOTATIONS:
        if re.fullmatch(pattern, text):
            raise ValueError(f"{value!r} {problem}")
    return value


def check_integer(value: object) -> None:
    """Raise ValueError for an integer, or its text, that AWS's APIs cannot have."""
    try:
        number = int(value) if isinstance(value, int | float | str) else 0
    except (OverflowError, ValueError):  # infinity, and what is no number: pydantic's errors
        return
    if number > limits.MAX_INTEGER:
        raise ValueError(
            f"must be {limits.MAX_INTEGER:,} or less, the largest integer that AWS takes"
        )


def to_list(value: object) -> object:
    """Convert a single value to a list of one, and None to an empty list."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str | int | float) else value


def mapping_to_list(value: object) -> object:
    """Convert a single mapping to a list of one."""
    return (value,) if isinstance(value, dict) else to_list(value)


def unwrap_single(value: object) -> object:
    """Convert a list of one, the form of Lambda's API and of SCAR, to its item."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def to_upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def none_to_empty(value: object) -> object:
    return {} if value is None else value


def rename_keys(value: object, names: Mapping[str, str]) -> object:
    """Replace alternate keys (spelling -> key), unless the key itself is also present."""
    if not isinstance(value, dict):
        return value
    # If both are present, the alternate stays and is reported as an unknown key.
    return {names.get(k, k) if names.get(k) not in value else k: v for k, v in value.items()}


def unwrap_size(value: object) -> object:
    """Convert ``{Size: 512}``, the form of Lambda's API and of SCAR, to 512."""
    return check_number(
        value["Size"] if isinstance(value, dict) and value.keys() == {"Size"} else value
    )


def _resolve_path(value: Path, info: ValidationInfo) -> Path:
    """Return an absolute path; a relative one is relative to the FDL file."""
    folder = (info.context or {}).get("folder", Path())
    try:
        return Path(folder, value.expanduser()).absolute()
    except RuntimeError as error:
        raise ValueError(f"{value} starts with the home of an unknown user") from error


def _require_readable_file(path: Path) -> Path:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            # A FIFO without a writer would block, and /dev/zero has no end.
            raise ValueError(f"{path} is not a regular file but a device, a FIFO or a socket")
        with path.open("rb") as file:
            if not file.read(1):
                raise ValueError(f"the file {path} is empty")
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from error
    return path


def _require_image_file(path: Path) -> Path:
    # Imported here: `scar validate` of a file without image_file needs no code for images.
    from scar.image.errors import ImageError
    from scar.image.formats.image_file import require_image_file

    try:
        require_image_file(path)
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from error
    except ImageError as error:
        raise ValueError(join_sentences(error.problem, error.remedy)) from error
    return path


def _check_script(path: Path) -> Path:
    with path.open("rb") as file:
        content = file.read(script_checks.MAX_CHECKED_BYTES)
    if problem := script_checks.find_script_problem(content, str(path)):
        raise ValueError(problem)
    return path


def _check_user_data(path: Path) -> Path:
    """Check user data that is a script; MIME multipart may have CR LF."""
    with path.open("rb") as file:
        content = file.read(script_checks.MAX_CHECKED_BYTES)
    is_script = script_checks.names_interpreter(content) or find_wide_encoding(content)
    if is_script and (problem := script_checks.find_script_problem(content, str(path))):
        raise ValueError(problem)
    return path


def _require_folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; it must be a folder, all of whose files are copied")
    if not path.is_dir():
        raise ValueError(f"the folder {path} does not exist")
    return path


def check_log_retention(days: int) -> int:
    if days not in limits.LOG_RETENTION_DAYS:
        allowed = ", ".join(map(str, sorted(limits.LOG_RETENTION_DAYS)))
        raise ValueError(f"{days} is not one of {allowed}")
    return days


def check_kms_key_id(key: str) -> str:
    """Check the ARN or id of a KMS key. Policies need the key, so an alias is not enough."""
    if key and not re.fullmatch(_KMS_KEY, key):
        raise ValueError(
            f"{key!r} is not the id or ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>);"
            " an alias is not supported, since IAM policies need the key itself"
        )
    return key


def check_image_name(name: str) -> str:
    """Check the name of an image; return it without ``docker://``, as Apptainer writes it."""
    if not name:
        return name
    if name != name.strip():
        raise ValueError(f"{name!r} begins or ends with blanks; remove them")
    if problem := find_file_problem(name):
        raise ValueError(problem)
    image = name.removeprefix(DOCKER_SCHEME)
    if "://" in image:
        raise ValueError(
            f"{name!r} is not a valid image name: only {DOCKER_SCHEME} can precede it; write it as"
            " for `docker pull`"
        )
    try:
        parse_reference(image)
    except ImageError as error:
        # The tag may have upper case.
        lower = re.sub(r"^.*?(?=:[^/]*$|$)", lambda name: name.group().lower(), image)
        hint = f"; did you mean {lower!r}?" if lower != image and _is_image_name(lower) else ""
        raise ValueError(f"{error.problem.removesuffix('.')}{hint}") from error
    return image


def _is_image_name(text: str) -> bool:
    try:
        parse_reference(text)
    except ImageError:
        return False
    return True


def check_region(region: str) -> str:
    """Check the name of a Region; unknown names may be new, or those of other services."""
    if problem := find_region_problem(region):
        raise ValueError(problem)
    return region


def _check_secret(text: str) -> str:
    parse_reference_to_secret(text)
    return text


Text = Annotated[str, BeforeValidator(_number_to_text)]
RepositoryPrefix = Annotated[
    str,
    _pattern_validator(
        _REPOSITORY_PREFIX, "a valid prefix of an ECR repository name: a-z, 0-9, . _ - /"
    ),
]
TextList = Annotated[tuple[Text, ...], BeforeValidator(to_list)]
ReadableFile = Annotated[
    Path, AfterValidator(_resolve_path), AfterValidator(_require_readable_file)
]
SecretText = Annotated[str, AfterValidator(_check_secret)]
RolePolicy = Annotated[str, AfterValidator(check_policy)]
ImageName = Annotated[str, AfterValidator(check_image_name)]
RegionName = Annotated[str, AfterValidator(check_region)]
UserDataFile = Annotated[ReadableFile, AfterValidator(_check_user_data)]
ScriptFile = Annotated[ReadableFile, AfterValidator(_check_script)]
ImageFile = Annotated[Path, AfterValidator(_resolve_path), AfterValidator(_require_image_file)]
ExistingFolder = Annotated[Path, AfterValidator(_resolve_path), AfterValidator(_require_folder)]
FunctionName = Annotated[
    str,
    _pattern_validator(
        _FUNCTION_NAME, "a valid function name: 1 to 64 letters, digits, '-' and '_'"
    ),
]
VariableName = Annotated[
    str,
    _pattern_validator(r"[A-Za-z_][A-Za-z0-9_]*", "a valid variable name: letters, digits and '_'"),
]
