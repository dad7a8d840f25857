"""The documentation says what there is: nothing stale, nothing missing, no link into nowhere."""

import importlib
import json
import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tools.docs import REFERENCE, ROOT, mcp_tools, stale

import tracepulse.deliver.api
from tracepulse.cli import app
from tracepulse.config import Settings, load_settings
from tracepulse.deliver.mcp import tools as tool_files
from tracepulse.derive.limits import ALL_LIMITS
from tracepulse.receive.pull.configured import read_connectors

LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def test_generated_pages_are_fresh() -> None:
    """`make docs` would change nothing."""
    assert [] == stale()


def test_every_setting_is_documented() -> None:
    """Each setting stands in the reference by its flag and its variable."""
    page = _text("settings.md")
    names = [each.name for each in fields(Settings)]
    assert [] == [n for n in names if f"`--{n.replace('_', '-')}`" not in page]
    assert [] == [n for n in names if f"`TRACEPULSE_{n.upper()}`" not in page]


def test_every_command_is_documented() -> None:
    """Each command has a heading with all its flags below it, and a first sentence."""
    sections = dict(
        re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", _text("command-line.md"), re.M | re.S)
    )
    commands = _commands()
    assert set(commands) == set(sections)
    for name, flags in commands.items():
        assert [] == [flag for flag in flags if f"`{flag}`" not in sections[name]], name
        assert re.match(r"\s*[A-Z].*\.", sections[name]), name


def test_every_endpoint_is_documented() -> None:
    """Each route of each resource is in openapi.json, with its method and a summary."""
    document = json.loads(_text("openapi.json"))
    described = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation.get("summary")
    }
    assert _routes() == described


def test_every_tool_is_documented() -> None:
    """Each file of a tool has its heading in the reference."""
    names = {module.name for module in pkgutil.iter_modules(tool_files.__path__)}
    assert names == set(re.findall(r"^## (\w+)$", mcp_tools(), re.M))


def test_every_limit_is_documented() -> None:
    """Each limit of the derivations has its row."""
    page = _text("thresholds.md")
    assert [] == [each.name for each in ALL_LIMITS if f"| `{each.name}` |" not in page]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page names a file of the repository, and a heading in it."""
    broken = []
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        found = file.exists() and file.is_relative_to(ROOT)
        if not found or (heading and heading not in _headings(file)):
            broken.append(target)
    assert [] == broken


def test_commands_in_the_docs_exist() -> None:
    """Every `tracepulse …` line of a shell example is a command with flags that it has."""
    commands = _commands()
    wrong = []
    for page in PAGES:
        for line in _shell_lines(page.read_text()):
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "tracepulse":
                name = next((n for n in commands if _calls(words, n)), None)
                ours = words[: words.index("--")] if "--" in words else words
                given = {word.partition("=")[0] for word in ours if word.startswith("--")}
                if name is None or given - commands[name]:
                    wrong.append(f"{page.name}: {line}")
    assert [] == wrong


def test_snippets_parse(tmp_path: Path) -> None:
    """JSON and TOML examples are well formed, and settings and connectors among them are real ones."""
    for page in PAGES:
        for language, text in FENCE.findall(page.read_text()):
            if language == "json":
                json.loads(text)
            elif language == "toml":
                example = tmp_path / "example.toml"
                example.write_text(text)
                if "connector" in tomllib.loads(text):
                    assert read_connectors(example)
                else:
                    load_settings({}, environment={}, file=example)


def _text(name: str) -> str:
    return (REFERENCE / name).read_text()


def _commands() -> dict[str, set[str]]:
    """Return the flags of every command, by its full name."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, set[str]]]:
        for each, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {each}", inner)
        if not hasattr(command, "commands"):
            options = [p for p in command.params if p.param_type_name == "option"]
            yield name, {flag for option in options for flag in option.opts} - {"--help"}

    return dict(walk("tracepulse", typer.main.get_command(app)))


def _routes() -> set[tuple[str, str]]:
    """Return path and method of every route that a file of the API declares."""
    found = set()
    for module in pkgutil.iter_modules(tracepulse.deliver.api.__path__):
        loaded = importlib.import_module(f"tracepulse.deliver.api.{module.name}")
        router = getattr(loaded, "router", None)
        for route in router.routes if router is not None else ():
            found |= {(route.path, method) for method in route.methods - {"HEAD"}}
    return found


def _headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _shell_lines(text: str) -> Iterator[str]:
    for language, body in FENCE.findall(text):
        if language == "sh":
            yield from (
                line for line in body.splitlines() if "tracepulse" in line and "'{" not in line
            )


def _calls(words: list[str], name: str) -> bool:
    wanted = name.split()[1:]
    return words[1 : 1 + len(wanted)] == wanted
