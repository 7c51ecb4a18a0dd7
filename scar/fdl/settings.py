"""The user's settings outside FDL files: configuration files and environment variables.

``~/.config/scar/config.yaml`` (XDG base directories; SCAR_CONFIG names another file) is scar's
own; values of SCAR's ``~/.scar/scar.cfg`` (``scar_words``) have lower precedence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scar.aws.model.limits import SSE_ALGORITHMS
from scar.errors import ConfigurationError
from scar.fdl.layers import SettingsLayer, merge_layers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.fdl.problems import Location
    from scar.fdl.yaml_document import ParsedDocument

_TARGET_KEYS = ("region", "profile", "endpoint_url", "account_id")
_TOP_LEVEL_KEYS = (*_TARGET_KEYS, "stage", "defaults", "stages")
_STAGE_KEYS = (*_TARGET_KEYS, "defaults")
# Environment variables that set a value of every function; they take precedence over the file.
_ENVIRONMENT_KEYS: Mapping[str, Location] = {
    "SCAR_MEMORY": ("lambda", "memory"),
    "SCAR_TIMEOUT": ("lambda", "timeout"),
    "SCAR_EXECUTION_MODE": ("lambda", "execution_mode"),
    "SCAR_LOG_LEVEL": ("lambda", "log_level"),
    "SCAR_SSE": ("lambda", "sse"),
    "SCAR_SSE_KMS_KEY_ID": ("lambda", "sse_kms_key_id"),
    "SCAR_IAM_ROLE": ("iam", "role"),
    "SCAR_PERMISSIONS_BOUNDARY": ("iam", "permissions_boundary"),
    "SCAR_BATCH_MEMORY": ("batch", "memory"),
    "SCAR_BATCH_VCPUS": ("batch", "vcpus"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSettings:
    """The user's settings; empty fields are not set.

    ``lower_layers`` are the layers below an FDL file, ``upper_layers`` those above it, in order
    of increasing precedence. ``notes`` are messages for the user.
    """

    region: str = ""
    profile: str = ""
    endpoint_url: str = ""
    account_id: str = ""
    stage: str = ""
    lower_layers: tuple[SettingsLayer, ...] = ()
    upper_layers: tuple[SettingsLayer, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def encryption(self) -> tuple[str, str]:
        """The values of ``lambda.sse`` and ``lambda.sse_kms_key_id`` outside FDL files.

        Commands without an FDL file request this encryption. Raise ConfigurationError.
        """
        values, sources = merge_layers((*self.lower_layers, *self.upper_layers))
        spec = values.get("lambda")
        chosen, key = (
            (str(spec.get(name) or "") for name in ("sse", "sse_kms_key_id"))
            if isinstance(spec, dict)
            else ("", "")
        )
        if chosen and chosen not in SSE_ALGORITHMS:
            raise ConfigurationError(
                f"{sources.get(('lambda', 'sse'), 'settings')}: sse cannot be {chosen!r}.",
                remedy=f"Use one of: {', '.join(SSE_ALGORITHMS)}.",
            )
        return chosen, key if chosen.startswith("aws:kms") else ""


def read_settings(environment: Mapping[str, str], stage: str = "") -> UserSettings:
    """Read all settings; ``stage`` is the value of --stage or SCAR_STAGE, empty without one.

    Raise ConfigurationError with file, line and key.
    """
    settings = UserSettings(upper_layers=_environment_layers(environment), stage=stage)
    settings = _apply_config_of_scar(settings, _scar_folder(environment) / "scar.cfg")
    path = config_path(environment)
    if (parsed := _read_config_file(path)) is not None:
        settings = _apply_config_file(settings, path, parsed)
    # Last: environment variables take precedence over the file and its stage.
    return replace(
        settings,
        region=environment.get("SCAR_REGION") or settings.region,
        profile=environment.get("SCAR_PROFILE") or settings.profile,
    )


def _apply_config_of_scar(settings: UserSettings, path: Path) -> UserSettings:
    """Return the settings with the values of SCAR 4's file, if there is one."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return settings  # what reads the file is a twentieth of the start of `scar put`
    except (OSError, ValueError):
        pass  # the reader says what is wrong
    from scar.fdl.scar_words import config_file

    legacy = config_file.read_config(path)
    return replace(
        settings,
        region=legacy.region,
        profile=legacy.profile,
        lower_layers=legacy.layers,
        notes=legacy.notes,
    )


def config_path(environment: Mapping[str, str]) -> Path:
    """Return the path of scar's configuration file, which need not exist."""
    if chosen := environment.get("SCAR_CONFIG"):
        return Path(chosen)
    base = environment.get("XDG_CONFIG_HOME")
    return (
        (Path(base) if base else _home_directory(environment) / ".config") / "scar" / "config.yaml"
    )


def _home_directory(environment: Mapping[str, str]) -> Path:
    """Return the user's home folder; a path that does not exist if HOME is not set."""
    return Path(environment.get("HOME") or "/nonexistent")


def _scar_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of SCAR's configuration file; SCAR_CONFIG_FOLDER is SCAR's variable."""
    chosen = environment.get("SCAR_CONFIG_FOLDER")
    return Path(chosen) if chosen else _home_directory(environment) / ".scar"


def _environment_layers(environment: Mapping[str, str]) -> tuple[SettingsLayer, ...]:
    layers = []
    for name, location in _ENVIRONMENT_KEYS.items():
        if value := environment.get(name):
            values: Any = value
            for key in reversed(location):
                values = {key: values}
            layers.append(SettingsLayer(source=f"environment, {name}", values=values))
    return tuple(layers)


def _read_config_file(path: Path) -> ParsedDocument | None:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"{path} cannot be read: {reason}.", remedy="Correct the file, or SCAR_CONFIG."
        ) from error
    # Imported here: a command without files and settings does not load PyYAML.
    from scar.fdl.yaml_document import DocumentSyntaxError, parse_document

    if not text.strip():
        return None
    try:
        return parse_document(text)
    except DocumentSyntaxError as error:
        problem = error.problems[0]
        raise ConfigurationError(
            f"{path}:{problem.position.line}:{problem.position.column}: {problem}",
            remedy="Correct the file; docs/configuration.md shows one.",
        ) from error


def _apply_config_file(settings: UserSettings, path: Path, parsed: ParsedDocument) -> UserSettings:
    """Return the settings with the file's values, and the stage's values over those."""
    file = _ConfigFile(path, parsed)
    file.check_keys(parsed.data, _TOP_LEVEL_KEYS, ())
    stages = file.get_mapping("stages")
    for name, values in stages.items():
        file.check_keys(values, _STAGE_KEYS, ("stages", str(name)))
    stage = settings.stage or str(parsed.data.get("stage") or "")
    if stage and stages and stage not in stages:
        raise ConfigurationError(
            f"{path} has no stage {stage}.", remedy=f"Its stages: {', '.join(map(str, stages))}."
        )
    settings = replace(file.apply_to(settings, parsed.data, ()), stage=stage)
    chosen = stages.get(stage)
    return file.apply_to(settings, chosen, ("stages", stage)) if chosen else settings


@dataclass(frozen=True, slots=True)
class _ConfigFile:
    """scar's configuration file; all errors name file, line, column and key."""

    path: Path
    parsed: ParsedDocument

    def get_mapping(self, key: str) -> dict[str, Any]:
        """Return the mapping of a top-level key; empty if it is not set."""
        value = self.parsed.data.get(key) or {}
        if not isinstance(value, dict):
            raise self._configuration_error((key,), "must have keys below it")
        return value

    def check_keys(self, values: object, known: tuple[str, ...], at: Location) -> None:
        """Raise ConfigurationError for an unknown key, or a value of the wrong type."""
        if values is not None and not isinstance(values, dict):
            raise self._configuration_error(at, "must have keys below it")
        for key, value in (values or {}).items():
            location = (*at, str(key))
            if key not in known:
                raise self._configuration_error(
                    location, f"there is no such key; the keys are {', '.join(known)}"
                )
            if key in (*_TARGET_KEYS, "stage") and not isinstance(value, str):
                raise self._configuration_error(location, "must be text; put it in quotes")
            if key == "defaults":
                self._check_defaults(value, location, ())

    def apply_to(
        self, settings: UserSettings, values: Mapping[str, Any], at: Location
    ) -> UserSettings:
        """Return the settings with the values and the defaults of the file or of a stage."""
        target = {key: str(values[key]) for key in _TARGET_KEYS if values.get(key)}
        settings = replace(settings, **target)  # type: ignore[arg-type]
        defaults = values.get("defaults")
        if not defaults:
            return settings
        base = (*at, "defaults")
        sources = {
            location[len(base) :]: f"{self.path}:{position.line}"
            for location, position in self.parsed.positions.items()
            if location[: len(base)] == base
        }
        layer = SettingsLayer(
            source=str(self.path), values=defaults, value_sources=sources, is_file=True
        )
        return replace(settings, lower_layers=(*settings.lower_layers, layer))

    def _check_defaults(self, values: object, at: Location, section: Location) -> None:
        """Raise ConfigurationError for keys that functions do not have.

        Values are validated later, together with the FDL file.
        """
        from scar.fdl.known_keys import list_keys
        from scar.fdl.model import FdlDocument

        known = list_keys(FdlDocument, ("functions", "aws", 0, *section))
        if not known:
            return
        if not isinstance(values, dict):
            raise self._configuration_error(at, "must have keys below it")
        for key, value in values.items():
            location = (*at, str(key))
            if key not in known:
                raise self._configuration_error(
                    location, f"functions have no such key; the keys are {', '.join(known)}"
                )
            if isinstance(value, dict):
                self._check_defaults(value, location, (*section, str(key)))

    def _configuration_error(self, at: Location, problem: str) -> ConfigurationError:
        from scar.fdl.problems import format_location

        position = self.parsed.position_of(at)
        return ConfigurationError(
            f"{self.path}:{position.line}:{position.column}: {format_location(at)}: {problem}",
            remedy="Correct the file; docs/configuration.md shows one.",
        )
