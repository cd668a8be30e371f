"""``llmprobe providers``: what can be scanned by name."""

from __future__ import annotations

import click


@click.command()
def providers() -> None:
    """List the providers that can be scanned by name, and the variable that holds each one's key."""
    import os

    from llmprobe.scenario_file import find, names

    for name in names():
        scenario = find(name)
        if not scenario.key_env:
            key = "no key"
        else:
            found = next((variable for variable in scenario.key_env if os.environ.get(variable)), None)
            key = f"{found} (set)" if found else " or ".join(scenario.key_env)
        click.echo(f"{name:<14} {scenario.title:<24} {key}")
