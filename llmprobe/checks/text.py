"""Text out, in one piece or streamed."""

from __future__ import annotations

from llmprobe.checks.evidence import Mark, Trial, clip

_LONG = 20
"""Words from which a reply that is really streamed comes in more than one event."""


def ready(setup: Trial) -> Mark | None:
    """Any answered control will do."""
    del setup
    return None


def mark(setup: Trial, trial: Trial) -> Mark:
    """Text came, it depends on what was asked, and a stream came as a stream."""
    control, echo = setup.one("control"), trial.one("echo")
    reply = echo.reply
    if echo.call.stream and not reply.streamed:
        return Mark(
            "ignored",
            "`stream: true` was answered with one JSON body",
            expected="an event stream",
            actual="application/json",
        ).seen_in(echo)
    if not reply.content.strip():
        return Mark("broken", "the reply has no text", expected=trial.values["code"], actual="").seen_in(echo)
    if reply.content.strip() == control.reply.content.strip():
        return Mark(
            "broken",
            "two different questions got the same text",
            expected=trial.values["code"],
            actual=clip(reply.content),
        ).seen_in(control, echo)
    words = len(control.reply.content.split())
    if control.reply.streamed and control.reply.deltas <= 1 and words >= _LONG:
        return Mark(
            "partial",
            "buffered: the whole text came in one event",
            expected="several events",
            actual=f"{words} words in {control.reply.deltas} event",
        ).seen_in(control)
    follows = trial.values["code"] in reply.content
    reason = "repeats a code that was made up for this call" if follows else "text comes, but does not do as asked"
    return Mark(
        "shown", reason, expected=trial.values["code"], actual=clip(reply.content), quote=clip(reply.content)
    ).seen_in(echo)
