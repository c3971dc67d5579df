"""Reading the settings, and telling everything that is wrong with them at once."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
)

from shared.errors import MailroomError
from shared.settings.model import Settings

_PREFIX = "MAILROOM_"
_CONFIG = "MAILROOM_CONFIG"
_DEFAULT_FILE = Path("mailroom.toml")
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]*@")


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that is wrong."""

    key: str
    explanation: str

    def __str__(self) -> str:
        return f"{self.key}: {self.explanation}"


class SettingsInvalid(MailroomError):
    """Some settings are wrong; all of them are listed."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        listing = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the settings are wrong in {len(problems)} place(s); correct them:\n{listing}")


def load_settings(config: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read settings from the environment, then from a file, then from the defaults.

    Args:
        config: the TOML file; without one, `MAILROOM_CONFIG`, else `mailroom.toml` if it is there.
        environment: where `MAILROOM_*` variables come from; `MAILROOM_X_FILE` names a file that holds X.

    Raises:
        SettingsInvalid: unknown keys, malformed values, unreadable files; all of them at once.
    """
    problems: list[Problem] = []
    from_file = _read_file(config, environment, problems)
    variables = _read_environment(environment, problems)
    try:
        settings = _validate(variables, from_file)
    except ValidationError as error:
        problems.extend(_explain(detail) for detail in error.errors())
        settings = None
    if problems or settings is None:
        raise SettingsInvalid(problems)
    return settings


def _validate(variables: Mapping[str, str], from_file: dict[str, Any]) -> Settings:
    """Validate with our variables in place of the process environment."""

    class Environment(EnvSettingsSource):
        def _load_env_vars(self) -> Mapping[str, str | None]:
            return {name.lower(): value for name, value in variables.items()}

    class Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            *_: PydanticBaseSettingsSource,
            **__: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return Environment(settings_cls), InitSettingsSource(settings_cls, from_file)

    return Sourced()


def _read_file(
    config: Path | None, environment: Mapping[str, str], problems: list[Problem]
) -> dict[str, Any]:
    named = config or (Path(environment[_CONFIG]) if _CONFIG in environment else None)
    path = named or _DEFAULT_FILE
    if named is None and not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(path), f"cannot be read ({error}); name another file with --config"))
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(str(path), f"is not TOML: {error}"))
    return {}


def _read_environment(environment: Mapping[str, str], problems: list[Problem]) -> dict[str, str]:
    """Pick out our variables, replace each `X_FILE` by X with the file's content, and refuse unknown ones."""
    known = set(_variable_names(Settings))
    variables = {}
    for name, value in environment.items():
        if not name.startswith(_PREFIX) or name == _CONFIG:
            continue
        if name in known:
            variables[name] = value
        elif (named := name.removesuffix("_FILE")) in known:
            if named in environment:
                problems.append(Problem(name, f"{named} is set too; set one of the two"))
            try:
                variables[named] = Path(value).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(Problem(name, f"{value!r} cannot be read ({error})"))
        else:
            problems.append(Problem(name, f"unknown variable{_nearest(name, known)}"))
    return variables


def _variable_names(model: type[BaseModel], prefix: str = _PREFIX) -> Iterator[str]:
    for name, section in model.model_fields.items():
        if isinstance(section.annotation, type) and issubclass(section.annotation, BaseModel):
            yield from _variable_names(section.annotation, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}"


def _explain(detail: ErrorDetails) -> Problem:
    *section, name = [str(part) for part in detail["loc"]]
    key = ".".join([*section, name])
    if detail["type"] == "extra_forbidden":
        return Problem(key, f"unknown key{_nearest(name, _siblings(section))}")
    cause = detail.get("ctx", {}).get("error")
    explanation = str(cause) if cause else detail["msg"]
    return Problem(f"{key} = {_shown(name, detail['input'])}", explanation)


def _siblings(section: list[str]) -> set[str]:
    model: type[BaseModel] = Settings
    for name in section:
        annotation = model.model_fields[name].annotation if name in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return set()
        model = annotation
    return set(model.model_fields)


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(sorted(known))}"


def _shown(name: str, value: object) -> str:
    """A value as it may be printed: without passwords, also those in URLs and in sections."""
    if name.endswith("password"):
        return "***"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_shown(str(key), item)}' for key, item in value.items())}}}"
    return _PASSWORD.sub(r"\1:***@", f"{value!r:.200}")
