"""``llmprobe probes``: what is sent, and what a green cell states."""

from __future__ import annotations

import click


@click.command()
@click.argument("ids", metavar="[PROBE]...", nargs=-1)
def probes(ids: tuple[str, ...]) -> None:
    """List the probes, or tell what PROBE sends and what a green cell states."""
    from llmprobe.errors import UsageError
    from llmprobe.probe_file import probes as load_probes
    from llmprobe.strict_yaml import did_you_mean

    known = {probe.id: probe for probe in load_probes()}
    for unknown in (name for name in ids if name not in known):
        raise UsageError(f"unknown probe {unknown!r}{did_you_mean(unknown, known)}")
    if not ids:
        for probe in known.values():
            click.echo(f"{probe.id:<15} {probe.claim}")
    for name in ids:
        probe = known[name]
        click.echo(f"{probe.title} ({probe.stamp}): {', '.join(probe.cells)}\n  {probe.claim}\n  {probe.sent}")
