"""Text in and out, in one piece or streamed."""

from __future__ import annotations

from llmprobe.checks.evidence import Mark, Trial, Turn, clip, void

_LONG = 20
"""Words from which a reply that is really streamed comes in more than one event."""


def in_mark(setup: Trial, trial: Trial) -> Mark:
    """Text goes in: what comes back depends on what was asked."""
    control, other, echo = setup.one("control"), setup.one("other"), trial.one("echo")
    text, code = echo.reply.content, trial.values["code"]
    if not text.strip():
        return Mark("broken", "the reply has no text", expected=code).seen_in(echo)
    if len({turn.reply.content.strip() for turn in (control, other, echo)}) == 1:
        reason = "three different questions got the same text"
        return Mark("broken", reason, expected=code, actual=clip(text)).seen_in(control, other, echo)
    if code in text:
        reason = "repeats a code that was made up for this call"
    elif _counted(control, echo):
        reason = "does not do as asked, but the longer question counts more input tokens"
    else:
        return void("text comes, but nothing shows that it depends on what was asked", control, echo)
    return Mark("shown", reason, expected=code, actual=clip(text), quote=clip(text)).seen_in(echo)


def _counted(shorter: Turn, longer: Turn) -> bool:
    """The endpoint read both questions: all that a model without wits can show."""
    before, after = shorter.reply.input_tokens, longer.reply.input_tokens
    return bool(before and after and before < after)


def out_mark(setup: Trial, trial: Trial) -> Mark:
    """Text comes out, and when a stream was asked for it comes as a stream."""
    control, echo = setup.one("control"), trial.one("echo")
    if echo.call.stream and not echo.reply.streamed:
        return Mark(
            "ignored",
            "`stream: true` was answered with one JSON body",
            expected="an event stream",
            actual="one JSON body",
        ).seen_in(echo)
    if not echo.reply.content.strip():
        return Mark("broken", "the reply has no text", expected=trial.values["code"]).seen_in(echo)
    if not echo.reply.complete:
        reason = "the stream stops without a finish reason or an end marker, so a cut cannot be told from an end"
        return Mark("partial", reason, "a finish reason or [DONE]", clip(echo.reply.content)).seen_in(echo)
    words = len(control.reply.content.split())
    if control.reply.streamed and control.reply.deltas <= 1 and words >= _LONG:
        return Mark(
            "partial",
            "buffered: the whole text came in one event",
            expected="several events",
            actual=f"{words} words in {control.reply.deltas} event",
        ).seen_in(control)
    how = f"in {control.reply.deltas} events" if control.reply.streamed else "in one body"
    return Mark("shown", f"{words} words came {how}", actual=clip(echo.reply.content)).seen_in(control, echo)


# --- a reply that stands alone


def out_alone(turn: Turn) -> Mark:
    """Text came out, and as a stream when a stream was asked for."""
    if turn.call.stream and not turn.reply.streamed:
        return Mark("ignored", "`stream: true` was answered with one JSON body").seen_in(turn)
    if not turn.reply.content.strip():
        return void("the reply has no text", turn)
    how = f"in {turn.reply.deltas} events" if turn.reply.streamed else "in one body"
    return Mark("shown", f"text came {how}", quote=clip(turn.reply.content)).seen_in(turn)


def in_alone(turn: Turn) -> Mark:
    """Text was taken and answered; that the answer depends on it takes another question to see."""
    if not turn.reply.content.strip():
        return void("the reply has no text", turn)
    reason = "a question in text was answered with text"
    return Mark("shown", reason, quote=clip(turn.reply.content), strength="consistent").seen_in(turn)
