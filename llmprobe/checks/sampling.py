"""Seed, output cap and stop sequences: features of the engine, provable on a model that talks nonsense."""

from __future__ import annotations

from itertools import takewhile

from llmprobe.checks.evidence import Mark, Trial, Turn, clip, void

_SLACK = 2
"""Tokens that some servers count beyond the cap: the end-of-turn token, a leading one."""


# --- seed: the same seed gives the same text, while other seeds and no seed differ


def seed_ready(setup: Trial) -> Mark | None:
    """Without a seed the text must vary; if it does not, nothing can be seen."""
    controls, others = setup.all("control"), setup.all("other")
    texts = [turn.reply.content for turn in controls]
    if any(not text.strip() for text in texts):
        return void("the control gave no text", *controls)
    if len(set(texts)) == 1:
        reason = "without a seed the text is the same each time: a cache, or no randomness at all"
        return void(reason, *controls)
    reference = setup.one("reference").reply.content
    if all(turn.reply.content == reference for turn in others):
        return Mark(
            "ignored",
            "every seed gives the same text: the seed is only a switch",
            expected="another text for another seed",
            actual=clip(reference),
        ).seen_in(setup.one("reference"), *others)
    return None


def seed_mark(setup: Trial, trial: Trial) -> Mark:
    """The reference's seed again: the same text, or one that shares far more than chance gives."""
    reference, again = setup.one("reference"), trial.one("same")
    first, second = reference.reply.content, again.reply.content
    if first == second and first.strip():
        return Mark(
            "shown",
            "the same seed gives the same text; other seeds and no seed give others",
            actual=clip(first),
        ).seen_in(reference, again)
    shared = _shared(first, second)
    chance = max(_shared(a.reply.content, b.reply.content) for a, b in _pairs(setup.all("control")))
    if shared >= 40 and shared > 4 * chance:
        return Mark(
            "partial",
            "the same seed gives the same beginning, then the texts part",
            expected=clip(first),
            actual=clip(second),
        ).seen_in(reference, again)
    return Mark("ignored", "the same seed gives another text", expected=clip(first), actual=clip(second)).seen_in(
        reference, again
    )


def _shared(first: str, second: str) -> int:
    same = (a == b for a, b in zip(first, second, strict=False))
    return sum(takewhile(bool, same))


def _pairs(turns: tuple[Turn, ...]) -> list[tuple[Turn, Turn]]:
    return [(a, b) for i, a in enumerate(turns) for b in turns[i + 1 :]]


# --- max tokens: the capped reply is cut, and the counts respect the cap


def _size(turn: Turn) -> int:
    """Output tokens as reported; words when they are not."""
    tokens = turn.reply.output_tokens
    return tokens if tokens else len(_spoken(turn).split())


def _spoken(turn: Turn) -> str:
    reasoning = turn.reply.reasoning
    return (reasoning if isinstance(reasoning, str) else "") + turn.reply.content


def _cap(turn: Turn) -> int:
    return turn.call.max_tokens or 0


def max_tokens_ready(setup: Trial) -> Mark | None:
    """The control, with room, must be longer than the cap will be."""
    controls = setup.all("control")
    cap = int(setup.values["cap"])
    if min(_size(turn) for turn in controls) <= cap + _SLACK:
        sizes = ", ".join(str(_size(turn)) for turn in controls)
        return void(f"the control's own length ({sizes} tokens) leaves no room under a cap of {cap}", *controls)
    return None


def max_tokens_mark(setup: Trial, trial: Trial) -> Mark:
    """Counts first, then the finish reason, then the length of the text against the control's."""
    control, capped = setup.one("control"), trial.one("treatment")
    cap, tokens = _cap(capped), capped.reply.output_tokens
    told = f"finish {capped.reply.finish_raw or 'missing'}, {tokens if tokens is not None else 'no'} tokens"
    expected = f"at most {cap} tokens (control: {_size(control)})"
    short = len(_spoken(capped)) * 3 < len(_spoken(control))
    if tokens is not None and tokens > cap + _SLACK:
        if capped.reply.cut_short:
            what = "caps the visible text only" if capped.reply.reasoned else "cut, but more tokens are counted"
            return Mark("partial", f"{what}: {told}", expected, told, clip(capped.reply.content)).seen_in(capped)
        return Mark("ignored", "the reply is longer than the cap", expected, told, clip(capped.reply.content)).seen_in(
            control, capped
        )
    if capped.reply.cut_short or short:
        return Mark("shown", "the reply is cut at the cap", expected, told, clip(capped.reply.content)).seen_in(
            control, capped
        )
    if tokens is not None:
        return void("the reply ended by itself below the cap", capped)
    return Mark("ignored", "the reply is as long as without a cap", expected, told, clip(capped.reply.content)).seen_in(
        control, capped
    )


# --- stop: the reply ends before a word that the control goes on past


def stop_ready(setup: Trial) -> Mark | None:
    """The word was taken from the control's own reply, so there is always text after it."""
    del setup
    return None


def stop_mark(setup: Trial, trial: Trial) -> Mark:
    """The text must be the control's text up to the word: neither more, nor some other text."""
    control, stopped = setup.one("control"), trial.one("treatment")
    word, text = trial.values["word"], stopped.reply.content
    before, _, after = control.reply.content.partition(word)
    expected = clip(before.strip())
    head, found, tail = text.partition(word)
    if _same(text, before):
        tokens, full = stopped.reply.output_tokens, control.reply.output_tokens
        if tokens and full and len(after.split()) >= 4 and tokens >= full:
            return Mark(
                "partial",
                "trimmed: the text is cut, but as many tokens are generated and counted as without",
                f"fewer than {full} tokens",
                f"{tokens} tokens",
            ).seen_in(control, stopped)
        return Mark("shown", "the reply ends before the stop word", expected, clip(text)).seen_in(control, stopped)
    if found and not tail.strip() and _same(head, before):
        return Mark("partial", "the stop word is left in the text", expected, clip(text)).seen_in(stopped)
    if found:
        return Mark("ignored", f"the reply goes on past the stop word {word!r}", expected, clip(text)).seen_in(
            control, stopped
        )
    return void("the reply went another way and never came to the stop word", control, stopped)


def _same(text: str, other: str) -> bool:
    return bool(text.strip()) and text.split() == other.split()
