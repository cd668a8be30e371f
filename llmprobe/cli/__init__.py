"""The command line. One file for each command; a command's imports happen when it runs.

Exit codes: 0 done, 2 the command or a file is wrong, 3 could not measure, 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from llmprobe import __version__
from llmprobe.errors import LlmprobeError

_COMMANDS = {
    "scan": "llmprobe.cli.scan",
    "replay": "llmprobe.cli.replay",
    "compare": "llmprobe.cli.compare",
    "render": "llmprobe.cli.render",
    "providers": "llmprobe.cli.providers",
    "probes": "llmprobe.cli.probes",
    "demo": "llmprobe.cli.demo",
}


class _Group(click.Group):
    """Imports a command when it is named, and turns our errors into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LlmprobeError as trouble:
            click.echo(f"llmprobe: {trouble}", err=True)
            ctx.exit(trouble.exit_code)
        except KeyboardInterrupt:
            click.echo("llmprobe: interrupted", err=True)
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]}, epilog=(
    "Exit codes: 0 done, 2 wrong command, file or setting, 3 could not measure, 130 interrupted."
))  # fmt: skip
@click.version_option(__version__, prog_name="llmprobe")
def main() -> None:
    """Measure what LLM endpoints really do, and print it as a scoreboard.

    Start with `llmprobe scan demo`: it needs no key.
    """
    for stream in (sys.stdout, sys.stderr):  # a scoreboard is made of emoji, whatever the console is set to
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
