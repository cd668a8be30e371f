"""``llmprobe scan``: the main job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from pathlib import Path

    from llmprobe.cli.progress import Display
    from llmprobe.recordings.journal import Journal
    from llmprobe.runner.scan import Options
    from llmprobe.scenario import Scenario
    from llmprobe.scoreboard import Scoreboard

DEMO = "demo"


@click.command()
@click.argument("target", metavar="PROVIDER|URL|FILE.yaml")
@click.option("--models", "globs", metavar="GLOB", multiple=True, help="Only models that match; may be repeated.")
@click.option("--mode", "modes", type=click.Choice(["sync", "stream"]), multiple=True, help="Only this mode.")
@click.option("--key-env", metavar="NAME", help="The environment variable that holds the key.")
@click.option(
    "--out",
    metavar="DIR",
    default="scoreboards",
    show_default=True,
    help="Where the scoreboard and journal go.",
)
@click.option("--seed", type=click.IntRange(0), help="Makes the requests repeatable; random by default.")
@click.option(
    "--trials",
    type=click.IntRange(2, 100),
    help="Unanimous trials that decide a cell, in place of the probes' own.",
)
@click.option("--concurrency", type=click.IntRange(1, 256), help="Requests in flight at once, at most.")
@click.option("--fresh", is_flag=True, help="Begin anew although an unfinished scan could be resumed.")
@click.option("--quiet", is_flag=True, help="No progress, no table: only files and errors.")
def scan(
    target: str,
    globs: tuple[str, ...],
    modes: tuple[Literal["sync", "stream"], ...],
    key_env: str | None,
    out: str,
    seed: int | None,
    trials: int | None,
    concurrency: int | None,
    fresh: bool,
    quiet: bool,
) -> None:
    """Measure every model of a provider and write its scoreboard.

    PROVIDER is one of `llmprobe providers`; `demo` is embedded and needs no key. URL is any
    OpenAI-compatible server, such as http://localhost:8080/v1 or localhost:8080.

    Writes DIR/NAME.json and DIR/NAME.md, and prints the table. A scan that was stopped is resumed by
    the same command: nothing that was recorded is sent again.
    """
    from pathlib import Path

    from llmprobe.cli.output import save, show, tell_written
    from llmprobe.cli.progress import display
    from llmprobe.runner.scan import Options

    scenario = _at_most(concurrency, _scenario(target, key_env))
    key = _key(scenario)
    folder = Path(out)
    seed = _seed(seed, folder, scenario, fresh)
    options = Options(seed, globs, modes or ("sync", "stream"), trials)
    shown = display(quiet)
    journal = _journal(folder, scenario, options, fresh)
    try:
        board = _scan(scenario, key, options, journal, shown)
        save(board, folder)
        journal.finish()
    except KeyboardInterrupt:
        click.echo("llmprobe: interrupted; the same command goes on where it stopped", err=True)
        raise click.exceptions.Exit(130) from None
    finally:
        journal.close()
    journal.path.replace(_evidence_path(folder, scenario))
    if not quiet:
        show(board)
        tell_written(board, folder)


def _scenario(target: str, key_env: str | None) -> Scenario:
    from dataclasses import replace
    from pathlib import Path

    from llmprobe import scenario_file

    if target.endswith((".yaml", ".yml")):
        scenario = scenario_file.load_scenario(Path(target))
    elif scenario_file.is_address(target):
        return scenario_file.ad_hoc(target, key_env)
    else:
        scenario = scenario_file.find(target)
    return replace(scenario, key_env=(key_env,)) if key_env else scenario


def _at_most(concurrency: int | None, scenario: Scenario) -> Scenario:
    from dataclasses import replace

    if concurrency is None:
        return scenario
    return replace(scenario, limits=replace(scenario.limits, concurrency=concurrency))


def _key(scenario: Scenario) -> str:
    """The key from the environment; a clear error that says where to get one."""
    import os

    from llmprobe.errors import UsageError

    for name in scenario.key_env:
        key = os.environ.get(name, "").strip()
        if key and (not key.isascii() or not key.isprintable() or " " in key):
            raise UsageError(f"the value of {name} holds characters that no key can have; was it pasted whole?")
        if key:
            return key
    if scenario.key_env:
        where = f" (keys are made at {scenario.keys_url})" if scenario.keys_url else ""
        raise UsageError(
            f"{scenario.title} needs a key: set {' or '.join(scenario.key_env)}{where}; "
            f"`llmprobe scan {DEMO}` needs none"
        )
    return ""


def _evidence_path(folder: Path, scenario: Scenario) -> Path:
    """The journal behind the scoreboard that stands in ``folder``."""
    return folder / ".journal" / f"{scenario.name}.ndjson"


def _journal_path(folder: Path, scenario: Scenario) -> Path:
    """The journal of a scan that runs: a failed one must not cost the evidence of the last good one."""
    return _evidence_path(folder, scenario).with_suffix(".partial.ndjson")


def _seed(wanted: int | None, folder: Path, scenario: Scenario, fresh: bool) -> int:
    """The seed asked for, or that of an unfinished scan, or a new one."""
    import secrets

    from llmprobe.recordings.journal import unfinished_seed

    if wanted is not None:
        return wanted
    found = None if fresh else unfinished_seed(_journal_path(folder, scenario))
    return secrets.randbelow(2**31) if found is None else found


def _journal(folder: Path, scenario: Scenario, options: Options, fresh: bool) -> Journal:
    from llmprobe.errors import UsageError
    from llmprobe.probe_file import digest, probes
    from llmprobe.recordings.journal import Header, Journal
    from llmprobe.scenario import kept

    path = _journal_path(folder, scenario)
    header = Header(
        provider=scenario.name,
        base_url=scenario.base_url,
        dialect=scenario.dialect,
        seed=options.seed,
        probes=digest(probes()),
        models=tuple(sorted(options.models)),
        modes=tuple(sorted(options.modes)),
        trials=options.trials,
        scenario=kept(scenario),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")  # evidence is local, boards are shared
        if fresh and path.exists():
            path.replace(path.with_suffix(f".old{path.suffix}"))
        return Journal(path, header)
    except OSError as trouble:
        raise UsageError(f"cannot write to {folder}: {trouble.strerror}") from None


def _scan(scenario: Scenario, key: str, options: Options, journal: Journal, shown: Display) -> Scoreboard:
    from contextlib import nullcontext

    from llmprobe.demo.server import running

    # a new server would repeat the luck of the one before; the place in the journal tells them apart
    embedded = scenario.name == DEMO
    server = running(seed=options.seed, epoch=journal.kept) if embedded else nullcontext(scenario.base_url)
    with server as base_url, shown:
        shown.begin(scenario.title, journal.kept)
        return _run(scenario, base_url, key, options, journal, shown)


def _run(scenario: Scenario, base_url: str, key: str, options: Options, journal: Journal, shown: Display) -> Scoreboard:
    import asyncio
    from dataclasses import replace

    from llmprobe.dialects import dialect
    from llmprobe.errors import LlmprobeError
    from llmprobe.probe_file import probes
    from llmprobe.runner.scan import Scan

    async def go() -> Scoreboard:
        job = Scan(
            replace(scenario, base_url=base_url),
            dialect(scenario.dialect),
            probes(),
            journal,
            options,
            shown,
            key,
        )
        return await job.run()

    try:
        board = asyncio.run(go())
    except BaseExceptionGroup as group:
        raise _first(group, LlmprobeError) from None
    return replace(board, base_url=scenario.base_url)


def _first(group: BaseExceptionGroup[BaseException], kind: type[BaseException]) -> BaseException:
    """The first error of ``kind`` that several workers raised, or whatever else they did."""
    matching = group.subgroup(kind) or group
    found: BaseException = matching
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
