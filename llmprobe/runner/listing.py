"""Which models are to be measured: all that the provider lists, or those that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from llmprobe.address import LISTING
from llmprobe.checks.evidence import clip
from llmprobe.checks.refusals import meaning
from llmprobe.dialects import DecodeError, Dialect
from llmprobe.dialects.api_errors import read_error
from llmprobe.errors import CannotMeasure, UsageError
from llmprobe.exchange import HttpRequest
from llmprobe.renderers.untrusted import visible
from llmprobe.runner.line import Line
from llmprobe.scenario import Scenario

_SOME = 5


async def list_models(line: Line, scenario: Scenario, dialect: Dialect, wanted: Sequence[str]) -> tuple[str, ...]:
    """Ids of the listed models that match a glob of ``wanted`` (all, when it is empty), in the provider's order.

    Where there is no list, the scenario's models stand in for it, or ids that the user gave in full.
    """
    given = scenario.models or (tuple(wanted) if not any(map(_is_glob, wanted)) else ())
    try:
        listed = await _fetch(line, scenario, dialect) if scenario.models_path else ()
    except CannotMeasure:
        if not given:
            raise
        listed = ()
    listed = listed or given
    if not listed:
        raise CannotMeasure(f"{scenario.title}: it lists no models; name some with --models")
    chosen = tuple(model for model in listed if not wanted or any(fnmatchcase(model, glob) for glob in wanted))
    if not chosen:
        some = ", ".join(map(visible, listed[:_SOME])) + (", ..." if len(listed) > _SOME else "")
        raise UsageError(f"{scenario.title} lists no model that matches {', '.join(wanted)}; it has {some}")
    return chosen


def _is_glob(name: str) -> bool:
    return any(sign in name for sign in "*?[")


async def _fetch(line: Line, scenario: Scenario, dialect: Dialect) -> tuple[str, ...]:
    title, base, path = scenario.title, scenario.base_url, scenario.models_path
    exchange, _ = await line.exchange(LISTING, 0, HttpRequest("GET", path), 0, unreachable_is_final=True)
    if exchange.response is None or exchange.failure is not None:
        detail = exchange.failure.detail if exchange.failure else "no answer"
        raise CannotMeasure(f"{title}: cannot reach {base} ({detail})")
    if exchange.response.status != 200:
        error = read_error(exchange.response.status, exchange.response.body, "status")
        advice = key_advice(scenario) if meaning(error) == "auth" else ""
        what = f"listing the models at {base}{path} was refused with HTTP {error.status}"
        raise CannotMeasure(f"{title}: {what}: {clip(error.message)}{advice}")
    try:
        return tuple(model.id for model in dialect.decode_models(exchange.response))
    except DecodeError as trouble:
        raise CannotMeasure(f"{title}: {base}{path} does not answer with a list of models: {trouble}") from None


def key_advice(scenario: Scenario) -> str:
    """What to do about a refused key."""
    if scenario.key_env:
        return f"; check the key in {' or '.join(scenario.key_env)}"
    return "; name the environment variable that holds its key with --key-env"
