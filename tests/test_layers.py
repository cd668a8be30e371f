"""The rules of the house, read from the code itself: who may import whom, where a library lives, what is generic."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest

from llmprobe.dialects import names as dialect_names
from llmprobe.probe import strings_in
from llmprobe.probe_file import probes
from llmprobe.scenario_file import names as provider_names

ROOT = Path(__file__).resolve().parents[1]

LAYERS = {
    "data": ("absent", "call", "reply", "exchange", "probe", "scenario", "verdict", "scoreboard", "errors", "address"),
    "pure": (
        "dialects", "checks", "recordings", "renderers", "conversation", "quirks", "pictures", "json_patch",
        "scoring", "files", "strict_yaml", "probe_file", "scenario_file", "scoreboard_file", "demo",
        "replay", "answer_file", "published", "compare",
    ),
    "edge": ("runner", "demo.server"),
    "cli": ("cli", "__main__"),
}  # fmt: skip
"""From the lowest to the highest. A longer name wins over a shorter one."""

HOMES = {
    "httpx": ("runner.transport",),
    "yaml": ("strict_yaml",),
    "click": ("cli",),
    "tabulate": ("renderers.layout",),
    "wcwidth": ("renderers.terminal",),
    "rich": ("cli.progress",),
    "h11": ("demo.server",),
}
"""Each library, and the module that hides it from all others."""

WAITERS = ("runner", "demo.server", "cli.scan")
"""Who may know of asyncio. The command line only starts the loop."""
DECIDERS = ("dialects", "checks", "renderers", "conversation", "scoring", "quirks", "json_patch", "pictures")
"""Functions of their arguments: no files, no clock, no network, no environment."""
OUTSIDE_WORLD = {
    "os",
    "time",
    "socket",
    "asyncio",
    "threading",
    "subprocess",
    "tempfile",
    "pathlib",
    "secrets",
    "urllib",
}
HEAVY = ("httpx", "rich", "yaml", "tabulate", "asyncio")
MODEL_FAMILIES = ("claude", "gemini", "gpt", "llama", "qwen", "deepseek", "mixtral", "gemma", "grok")


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_name(path): path for path in sorted((ROOT / "llmprobe").rglob("*.py"))}


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def _imported(statement: ast.stmt | ast.AST) -> Iterator[str]:
    """The full names that an import statement brings in; modules where they are some."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        origin = statement.module or ""
        for alias in statement.names:
            full = f"{origin}.{alias.name}"
            yield full if full in MODULES else origin


def _imports(module: str) -> set[str]:
    """Everything that ``module`` imports anywhere, also inside functions."""
    return {name for node in ast.walk(_tree(module)) for name in _imported(node)}


def _at_start(module: str) -> set[str]:
    """The modules of ours that are imported when ``module`` is."""
    return {name for statement in _tree(module).body for name in _imported(statement) if name in MODULES}


def _is_in(module: str, places: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"llmprobe.{place}.") for place in places)


def _layer(module: str) -> int:
    """How high ``module`` stands."""
    if module == "llmprobe":
        return -1  # the version, which everyone may know
    ranks = {place: rank for rank, places in enumerate(LAYERS.values()) for place in places}
    fitting = [place for place in ranks if _is_in(module, (place,))]
    assert fitting, f"{module} is in no layer: name it in LAYERS"
    return ranks[max(fitting, key=len)]


def test_no_layer_imports_a_higher_one() -> None:
    """Data < pure < edge < cli."""
    climbing = [
        f"{module} imports {name}"
        for module in MODULES
        for name in _imports(module)
        if name in MODULES and _layer(name) > _layer(module)
    ]
    assert climbing == []


def test_no_module_imports_itself_over_others() -> None:
    """Imports at the start of modules make no circle."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for name in _at_start(module) - {module}:
                visit(name, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_each_library_has_one_home() -> None:
    """A library is imported in its home only, and there is no library without one."""
    strays = [
        f"{module} imports {name}"
        for module in MODULES
        for name in _imports(module)
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names | {"llmprobe"}
        and not _is_in(module, HOMES.get(top, ()))
    ]
    assert strays == []


def test_every_dependency_is_used() -> None:
    """What is installed with llmprobe has a home in it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[^a-z0-9]", text)[0].removeprefix("py") for text in project["dependencies"]}
    imported = {name.partition(".")[0] for module in MODULES for name in _imports(module)}
    assert declared - imported == set()


def test_only_the_edge_waits() -> None:
    """asyncio and sleeping stay in one place."""
    impatient = {
        module
        for module in MODULES
        for node in ast.walk(_tree(module))
        if "asyncio" in _imported(node)
        or isinstance(node, ast.AsyncFunctionDef)
        or (isinstance(node, ast.Attribute) and node.attr == "sleep")
    }
    assert [module for module in sorted(impatient) if not _is_in(module, WAITERS)] == []


def test_what_decides_knows_nothing_of_the_world() -> None:
    """Checks, dialects, conversations and renderers do no I/O, so the same recording gives the same scoreboard."""
    worldly = [
        f"{module} imports {name}"
        for module in MODULES
        for name in _imports(module)
        if _is_in(module, DECIDERS) and name.partition(".")[0] in OUTSIDE_WORLD
    ]
    assert worldly == []


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "--version",
        "scan --help",
        "replay --help",
        "compare --help",
        "render --help",
        "providers --help",
        "probes --help",
        "demo --help",
    ],
)
def test_help_is_quick(arguments: str) -> None:
    """Help and version import none of the large libraries."""
    code = f"""if True:
        import sys
        from llmprobe.cli import main
        sys.argv = ["llmprobe", *{arguments.split()!r}]
        try:
            main()
        finally:
            print("imported:", sorted(set({HEAVY!r}) & set(sys.modules)))
    """
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "imported: []"


def _texts(module: str) -> Iterator[str]:
    """The strings in the code of ``module``, without docstrings: these may name sources."""
    docstrings = {id(node.value) for node in ast.walk(_tree(module)) if isinstance(node, ast.Expr)}
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


_PROVIDERS = re.compile(rf"(?<![\w-])({'|'.join({*provider_names()} - {'demo'})})(?![\w-])", re.IGNORECASE)
_FAMILIES = re.compile(rf"(?<!\w)({'|'.join(MODEL_FAMILIES)})", re.IGNORECASE)
_DIALECTS = re.compile("|".join(name.replace("-", "[-_]?") for name in dialect_names()), re.IGNORECASE)
"""What a wire format is called, here and by its owner, may hold a family."""


def _named(text: str) -> list[str]:
    """Providers that ``text`` names as words of their own, so not in openai-chat or x_groq, and families of models."""
    return [match[0] for pattern in (_PROVIDERS, _FAMILIES) for match in pattern.finditer(_DIALECTS.sub("", text))]


def test_names_are_found() -> None:
    """The two tests below see a name when there is one."""
    assert _named("Groq has gpt-4, groq and x_groq speak openai-chat") == ["Groq", "groq", "gpt"]


def test_generic_code_names_no_provider() -> None:
    """What is special about a provider stands in its scenario file, with its source."""
    generic = (*DECIDERS, "recordings", "runner")
    naming = [
        f"{module}: {text!r} names {word}"
        for module in MODULES
        if _is_in(module, generic)
        for text in _texts(module)
        for word in _named(text)
    ]
    assert naming == []


def test_probes_name_no_provider() -> None:
    """A probe is the same for every endpoint."""
    naming = [
        f"{probe.id}: {text!r} names {word}"
        for probe in probes()
        for text in strings_in(asdict(probe))
        for word in _named(text)
    ]
    assert naming == []
