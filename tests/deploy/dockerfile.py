"""A Dockerfile, read into its stages, so that their steps can be looked at and run without an engine."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/image/Dockerfile"


@dataclass(frozen=True)
class Stage:
    """One stage: the stage or image that it begins with, and its instructions with their words."""

    base: str
    instructions: tuple[tuple[str, str], ...]

    def words(self, instruction: str) -> list[str]:
        return [words for name, words in self.instructions if name == instruction]

    def json(self, instruction: str) -> list[str]:
        """The last instruction of a kind, in its form without a shell."""
        command: list[str] = json.loads(self.words(instruction)[-1])
        return command

    def variables(self) -> dict[str, str]:
        """ARG and ENV, with the values of those before put in."""
        values: dict[str, str] = {}
        for name, words in self.instructions:
            if name in {"ARG", "ENV"}:
                for key, value in re.findall(r"(\w+)=(\S+)", words):
                    values[key] = replaced(value, values)
        return values


def replaced(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of `${NAME}`, as far as they are known."""
    return re.sub(r"\$\{(\w+)\}", lambda match: values.get(match[1], match[0]), text)


def stages(dockerfile: Path = DOCKERFILE) -> dict[str, Stage]:
    """Every stage by its name."""
    found: dict[str, Stage] = {}
    for block in re.split(r"^FROM ", _without_comments(dockerfile), flags=re.MULTILINE)[1:]:
        head, *lines = block.splitlines()
        base, _, name = head.partition(" AS ")
        found[name] = Stage(base, tuple(_instructions("\n".join(lines))))
    return found


def _without_comments(dockerfile: Path) -> str:
    return re.sub(r"^#.*\n", "", dockerfile.read_text("utf-8"), flags=re.MULTILINE)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            name, _, words = line.partition(" ")
            yield name, words.strip()


def rehearse(stage: Stage, folder: Path, environment: Mapping[str, str]) -> None:
    """Take a stage's steps in a folder that stands for the image's root.

    Args:
        stage: of WORKDIR, COPY from the repository, and RUN.
        folder: `/opt/...` and `/build/...` are below it.
        environment: for RUN, on top of the stage's own variables.
    """
    variables, here = {**stage.variables(), **environment}, folder
    for name, words in stage.instructions:
        if name == "WORKDIR":
            here = folder / words.lstrip("/")
            here.mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            *sources, target = words.split()
            for source in sources:
                _copy(ROOT / source, _placed(target, folder) if target.startswith("/") else f"{here}/")
        elif name == "RUN":
            command = ["sh", "-c", f"set -e; {_placed(replaced(words, variables), folder)}"]
            done = subprocess.run(
                command, cwd=here, env=variables, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"RUN {words}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def _placed(text: str, folder: Path) -> str:
    return re.sub(r"(?<![\w.])/(?=(opt|build)/)", f"{folder}/", text)


def _copy(source: Path, target: str) -> None:
    destination = Path(target) / source.name if target.endswith("/") else Path(target)
    if source.is_dir():
        shutil.copytree(source, destination, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, destination)
