"""Scoreboards that others have published, read into ours: their verdicts without the evidence.

Three forms: our own file, a Markdown table (ours, or one of the two that the project maruel/genai has printed), and
that project's ``scoreboard.json``. Its keys: ``/recordings/README.md`` of its data, section "published.json".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from llmprobe.call import JSON
from llmprobe.errors import UsageError
from llmprobe.renderers.markdown_reader import read_table
from llmprobe.renderers.untrusted import one_line
from llmprobe.scoreboard import Mode, Row, Scoreboard
from llmprobe.scoreboard_file import from_json
from llmprobe.verdict import Outcome, Verdict

_MODES: Final[Mapping[Mode, str]] = {"sync": "GenSync", "stream": "GenStream"}
_CELLS: Final = {
    "tools": "tool",
    "toolCallRequired": "tool_required",
    "toolsBiased": "tool_unbiased",
    "toolsIndecisive": "tool_indecisive",
    "json": "json",
    "jsonSchema": "schema",
    "citations": "cite",
    "webSearch": "web_search",
    "seed": "seed",
    "maxTokens": "max_tokens",
    "stopSequence": "stop",
    "topLogprobs": "probs",
    "reportRateLimits": "limits",
    "reportTokenUsage": "usage",
    "reportFinishReason": "finish",
}
_LATER: Final = frozenset({"webSearch"})
"""Keys of ``_CELLS`` that files of the first form do not know."""
_SIGNS_OF_LATER: Final = {"webSearch", "webFetch", "reason", "reasoningTokenEnd", "sota", "good", "cheap"}
"""Keys that only a file of the second form has."""
_IF_CALLED: Final = frozenset({"toolsBiased", "toolsIndecisive"})
"""Keys of ``_CELLS`` on calls: left out, they say "false" of a model that makes calls, of others nothing."""
_MEDIA: Final = {"text": "text", "image": "image", "document": "pdf", "audio": "audio", "video": "video"}
_OUTCOMES: Final[Mapping[str, Outcome]] = {"true": "supported", "flaky": "flaky", "false": "absent"}
_BIASED: Final[Mapping[str, Outcome]] = {"true": "absent", "flaky": "supported", "false": "absent"}
"""``toolsBiased`` by what was seen: ``flaky`` is one choice of the first value and one of the last, so the same value
in either order."""


def load_published(path: Path) -> Scoreboard:
    """The scoreboard that ``path`` publishes. Raises ``UsageError`` when it is in none of the forms."""
    try:
        return _read(path.read_bytes().decode("utf-8-sig"), path.stem)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as trouble:
        raise UsageError(f"cannot read {path}: {trouble.strerror or trouble}") from None
    except UnicodeDecodeError as trouble:
        raise UsageError(f"{path}: not UTF-8 text: {trouble}") from None
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply") from None
    except UsageError as trouble:
        raise UsageError(f"{path}: {trouble}") from None


def _read(text: str, name: str) -> Scoreboard:
    try:
        value = json.loads(text)
    except ValueError as trouble:
        if text.lstrip().startswith("{"):
            raise UsageError(f"not JSON: {trouble}") from None
        return Scoreboard(name, name, read_table(text))
    if isinstance(value, dict) and "scenarios" in value:
        return read_scenarios(value, name)
    return from_json(value)


def read_scenarios(value: Mapping[str, JSON], name: str) -> Scoreboard:
    """The scoreboard in a ``scoreboard.json`` of maruel/genai.

    Only the first model of a scenario was run; the others are left untested, whatever they inherit.
    """
    found = value.get("scenarios")
    if not isinstance(found, list):
        raise _wrong("scenarios", "a list", found)
    scenarios = [_object(scenario, "a scenario") for scenario in found]
    later = any(_SIGNS_OF_LATER & _keys(scenario) for scenario in scenarios)
    known = {key: cell for key, cell in _CELLS.items() if later or key not in _LATER}
    rows = tuple(row for scenario in scenarios for row in _rows(scenario, known))
    country = value.get("country")
    if country == "Local":
        return Scoreboard(name, name, rows, local=True)
    return Scoreboard(name, name, rows, country=country if isinstance(country, str) else "")


def _keys(scenario: Mapping[str, JSON]) -> set[str]:
    """What ``scenario`` and its modes say something of."""
    return set(scenario).union(*(said for _, said in _run(scenario)))


def _run(scenario: Mapping[str, JSON]) -> list[tuple[Mode, Mapping[str, JSON]]]:
    """The modes of ``scenario`` that were run, with what is said of each."""
    return [(mode, _object(scenario[key], key)) for mode, key in _MODES.items() if scenario.get(key) is not None]


def _rows(scenario: Mapping[str, JSON], known: Mapping[str, str]) -> Iterator[Row]:
    models = scenario.get("models")
    if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
        raise _wrong("models", "a list of names", models)
    run, thinking, media = _run(scenario), _thinking(scenario), _media(scenario)
    for model in models[:1] if run else ():
        yield from (Row(model, thinking, mode, media | _verdicts(said, known)) for mode, said in run)
    for model in models[1:] if run else models:
        yield Row(model, note="inherits the verdicts of another model" if run else "not tested")


def _thinking(scenario: Mapping[str, JSON]) -> bool:
    thinking = scenario.get("reason", scenario.get("thinking", False))
    if not isinstance(thinking, bool):
        raise _wrong("thinking", "true or false", thinking)
    return thinking


def _media(scenario: Mapping[str, JSON]) -> dict[str, Verdict]:
    cells = {}
    for key, suffix in (("in", ""), ("out", "_out")):
        said = _object(scenario.get(key) or {}, key)
        for name, cell in _MEDIA.items():
            ways = _object(said.get(name) or {}, f"{key}.{name}")
            cells[f"{cell}{suffix}"] = Verdict("supported" if ways.get("inline") or ways.get("url") else "absent")
    del cells["pdf_out"]
    return cells


def _verdicts(said: Mapping[str, JSON], known: Mapping[str, str]) -> dict[str, Verdict]:
    """A verdict that is left out is false, unless nobody can have asked for it."""
    unasked = _IF_CALLED - set(said) if _word(said, "tools") == "false" else frozenset()
    return {cell: Verdict(_outcome(said, key)) for key, cell in known.items() if key not in unasked}


def _outcome(said: Mapping[str, JSON], key: str) -> Outcome:
    return (_BIASED if key == "toolsBiased" else _OUTCOMES)[_word(said, key)]


def _word(said: Mapping[str, JSON], key: str) -> str:
    """Some verdicts are booleans, some words."""
    value = said.get(key, False)
    word = value if isinstance(value, str) else json.dumps(value)
    if word not in _OUTCOMES:
        raise _wrong(key, "true, false or flaky", value)
    return word


def _object(value: JSON, what: str) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        raise _wrong(what, "an object", value)
    return value


def _wrong(what: str, expected: str, value: JSON) -> UsageError:
    return UsageError(f"{what}: {expected} was expected, found {one_line(json.dumps(value), 60)}")
