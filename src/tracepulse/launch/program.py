"""What a command line starts: which interpreter runs it, and what the program is called."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tracepulse.errors import BadSetting

__all__ = ["Language", "Program", "read_program"]

Language = Literal["python", "node"]

_PYTHON = re.compile(r"(?:python|pypy)\d*(?:\.\d+)*t?")
_NODE = re.compile(r"node(?:js)?\d*")
# pip writes this where the interpreter's path is too long, or has spaces, for a first line of `#!`.
_SHELL_TRAMPOLINE = re.compile(r"""exec'? "?(/[^"\n]*?/(?:python|pypy)[\d.]*)"? """)
_WITH_VALUE: Mapping[Language, frozenset[str]] = {
    "python": frozenset({"-W", "-X", "--check-hash-based-pycs"}),
    "node": frozenset(
        {"-r", "--require", "--import", "-C", "--conditions", "--loader", "--experimental-loader"}
        | {"--env-file", "--title", "--input-type", "--watch-path"}
    ),
}
_TEXT_FLAGS = frozenset({"-c", "-e", "--eval", "-p", "--print", "-pe"})
_SAYS_NOTHING = frozenset(
    {"__main__", "app", "asgi", "cli", "index", "main", "manage", "run", "server", "start", "wsgi"}
)
"""Names of files that half of all programs have; the folder says more."""
_LAUNCHERS = frozenset(
    {"celery", "daphne", "fastapi", "flask", "granian", "gunicorn", "hypercorn", "uvicorn", "uwsgi"}
    | {"npm", "npx", "pnpm", "yarn", "tsx"}
)
"""Programs that run somebody else's; the folder they are called in says whose."""


@dataclass(frozen=True, slots=True)
class Program:
    """A command, understood."""

    command: tuple[str, ...]
    """As it was given."""
    executable: Path
    """The file that the first word means."""
    language: Language | None
    """None: neither Python nor Node, as far as can be told."""
    interpreter: Path | None
    """What runs it; None where the language is."""
    folder: Path
    """Where the program lies: packages are looked for from here upwards."""
    name: str
    """What to call it where nobody says."""
    version: str = ""
    """As its package says; empty where nothing does."""
    closed: bool = False
    """Whether the interpreter is told to ignore its environment (Python's -E and -I) or to load no site (-S)."""


def read_program(command: Sequence[str], cwd: Path, search_path: str | None = None) -> Program:
    """
    Return what a command starts, without starting anything.

    Args:
        command: the program and its arguments.
        cwd: the folder it is started in.
        search_path: as PATH; None is this process's.
    Raises:
        BadSetting: there is no such program.
    """
    found = shutil.which(command[0], path=search_path)
    if found is None:
        raise BadSetting(f"{command[0]}: no such program, or it may not be run")
    executable = cwd / found
    language, interpreter = _interpreter(executable, search_path)
    if language is None:
        return Program(tuple(command), executable, None, None, cwd, executable.stem)
    words = list(command[1:])
    direct = interpreter == executable
    flags, target = _split(words, language) if direct else ([], str(executable))
    folder = _folder(target, cwd, is_module="-m" in flags)
    if not direct and executable.name.partition(".")[0] in _LAUNCHERS:
        folder = cwd
    package = _nearest_package(folder) if language == "node" else {}
    return Program(
        command=tuple(command),
        executable=executable,
        language=language,
        interpreter=interpreter,
        folder=folder,
        name=package.get("name") or _name(target, folder, cwd, is_module="-m" in flags),
        version=package.get("version", ""),
        closed=language == "python" and any(_closes(flag) for flag in flags),
    )


def _interpreter(executable: Path, search_path: str | None) -> tuple[Language | None, Path | None]:
    language = _language(executable.name)
    if language is not None:
        return language, executable
    try:
        with executable.open("rb") as file:
            head = file.read(1024).decode("utf-8", errors="replace")
    except OSError:
        return None, None
    first = head.partition("\n")[0]
    if not first.startswith("#!"):
        return None, None
    if trampoline := _SHELL_TRAMPOLINE.search(head):
        return "python", Path(trampoline[1])
    words = first.removeprefix("#!").split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    named = shutil.which(words[0], path=search_path) if words else None
    if named is None or (language := _language(Path(named).name)) is None:
        return None, None
    return language, Path(named)


def _language(name: str) -> Language | None:
    if _PYTHON.fullmatch(name):
        return "python"
    return "node" if _NODE.fullmatch(name) else None


def _split(words: list[str], language: Language) -> tuple[list[str], str]:
    """Return the interpreter's own flags, and the file, module or text that it runs."""
    flags: list[str] = []
    while words:
        word = words.pop(0)
        if language == "python" and re.fullmatch(r"-[A-Za-z]*m", word):
            return [*flags, *([word[:-1]] if len(word) > 2 else []), "-m"], (words or [""])[0]
        if word in _TEXT_FLAGS or word == "-":
            return [*flags, word], ""
        if not word.startswith("-"):
            return flags, word
        flags.append(word)
        if word in _WITH_VALUE[language] and words:
            flags.append(words.pop(0))
    return flags, ""


def _closes(flag: str) -> bool:
    return re.fullmatch(r"-[A-Za-z]*[EIS][A-Za-z]*", flag) is not None


def _folder(target: str, cwd: Path, is_module: bool) -> Path:
    if not target or is_module:
        return cwd
    path = (cwd / target).resolve()
    return path if path.is_dir() else path.parent


def _name(target: str, folder: Path, cwd: Path, is_module: bool) -> str:
    if is_module and target.partition(".")[0] not in _LAUNCHERS:
        words = [word for word in target.split(".") if word not in _SAYS_NOTHING]
        return words[-1] if words else cwd.name
    stem = Path(target).stem
    if not stem or stem in _SAYS_NOTHING or stem in _LAUNCHERS:
        return folder.name or "program"
    return stem


def _nearest_package(folder: Path) -> dict[str, str]:
    """Return name and version from the package.json that the program belongs to."""
    for each in (folder, *folder.parents):
        try:
            package = json.loads((each / "package.json").read_text())
        except (OSError, ValueError):
            continue
        if isinstance(package, dict) and isinstance(package.get("name"), str):
            return {k: package[k] for k in ("name", "version") if isinstance(package.get(k), str)}
    return {}
