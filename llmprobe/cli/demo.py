"""``llmprobe demo``: the demo provider as a server, for the tests of others."""

from __future__ import annotations

import click


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8399, show_default=True, help="0 takes a free one.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same replies.")
@click.option(
    "--delay-ms",
    type=click.IntRange(0, 60_000),
    default=0,
    show_default=True,
    help="Wait before each reply and event.",
)
@click.option("--key-env", metavar="NAME", help="Demand the API key that this environment variable holds.")
def demo(port: int, seed: int, delay_ms: int, key_env: str | None) -> None:
    """Serve simulated models of known virtues and vices on this machine, until Ctrl-C.

    They speak OpenAI's chat completions format, streamed and not, on 127.0.0.1 only.
    """
    import os

    from llmprobe.demo.server import HOST, Settings, serve
    from llmprobe.errors import UsageError

    settings = Settings(seed, delay_s=delay_ms / 1000, api_key=_key(key_env))
    try:
        serve(HOST, port, settings, _announce)
    except OSError as trouble:
        why = os.strerror(trouble.errno).lower() if trouble.errno else str(trouble)
        raise UsageError(f"cannot listen on port {port} ({why}); choose another one with --port") from None


def _key(name: str | None) -> str:
    import os

    from llmprobe.errors import UsageError

    if name is None:
        return ""
    if not os.environ.get(name):
        raise UsageError(f"the environment variable {name!r} of --key-env is not set")
    return os.environ[name]


def _announce(port: int) -> None:
    from llmprobe.demo.models import MODELS
    from llmprobe.demo.server import HOST

    width = max(len(traits.name) for traits in MODELS)
    for traits in MODELS:
        click.echo(f"  {traits.name:<{width}}  {traits.about}", err=True)
    click.echo(f"Serving these {len(MODELS)} models at http://{HOST}:{port}/v1 until Ctrl-C.", err=True)
