"""Seed, output cap and stop sequences: features of the engine, provable on a model that talks nonsense."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from llmprobe.call import text_of
from llmprobe.checks.evidence import Kind, Mark, Trial, Turn, clip, void
from llmprobe.verdict import Strength

_FAR = 4
"""Another tokenizer may count some more; so many times as much was spent beyond the count."""
_SLACK = 2
"""Tokens that some servers count beyond the cap: the end-of-turn token, a leading one."""


# --- seed: the same seed gives the same text, while other seeds and no seed differ


def seed_ready(setup: Trial) -> Mark | None:
    """Without a seed the text must vary; if it does not, nothing can be seen."""
    controls, references = setup.all("control"), setup.all("reference")
    others = (*setup.all("other"), *setup.all("another"))  # two seeds, as one may give the same text by chance
    texts = [turn.reply.content for turn in controls]
    if any(not turn.reply.content.strip() for turn in (*controls, *others, *references)):
        return void("the control gave no text", *controls)
    if len(set(texts)) == 1:
        reason = "without a seed the text is the same each time: a cache, or no randomness at all"
        return void(reason, *controls)
    if len({turn.reply.content for turn in (*others, *references)}) == 1:
        return Mark(
            "ignored",
            "every seed gives the same text: the seed is only a switch",
            expected="another text for another seed",
            actual=clip(references[0].reply.content),
        ).seen_in(references[0], *others)
    return None


def seed_mark(setup: Trial, trial: Trial) -> Mark:
    """The references' seed again: the same text, or one that shares far more than chance gives.

    There are several references, as one that came from a bad moment would make every trial fail.
    """
    references, again = setup.all("reference"), trial.one("same")
    second = again.reply.content
    if not second.strip():
        return void("the reply has no text", again)
    equal = [turn for turn in references if turn.reply.content == second]
    if equal:
        return _repeated(references, equal, again)
    reference = references[0]
    prints = (reference.reply.fingerprint, again.reply.fingerprint)
    if all(isinstance(one, str) for one in prints) and prints[0] != prints[1]:
        return void(f"another backend answered ({prints[1]}, not {prints[0]})", reference, again)
    first = reference.reply.content
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


def _repeated(references: Sequence[Turn], equal: Sequence[Turn], again: Turn) -> Mark:
    if len(equal) < len(references):
        reason = f"the same seed gave the same text in {len(equal)} of {len(references)} earlier calls"
        return Mark("partial", reason, "the same text each time", clip(again.reply.content)).seen_in(*references, again)
    reason = "the same seed gives the same text; other seeds and no seed give others"
    return Mark("shown", reason, actual=clip(again.reply.content)).seen_in(references[0], again)


def _shared(first: str, second: str) -> int:
    same = (a == b for a, b in zip(first, second, strict=False))
    return sum(takewhile(bool, same))


def _pairs(turns: tuple[Turn, ...]) -> list[tuple[Turn, Turn]]:
    return [(a, b) for i, a in enumerate(turns) for b in turns[i + 1 :]]


# --- max tokens: the capped reply is cut, and the counts respect the cap


def _size(turn: Turn) -> int:
    """Output tokens as reported, or as many as there are words: no word is less than a token.

    Where tokens of reasoning are counted, its words are not: what is shown may be a summary, of any length. That
    count speaks for itself where it is many times the output's, of which it should be a part.
    """
    tokens, thoughts = turn.reply.output_tokens or 0, turn.reply.reasoning_tokens or 0
    if thoughts <= 0:  # some write a zero whatever came
        return max(tokens, len(_spoken(turn).split()))
    return max(tokens, len(turn.reply.content.split()), thoughts if thoughts > _FAR * tokens else 0)


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
    """Counts and words first, then the finish reason, then the length of the text against the control's."""
    control, capped = setup.one("control"), trial.one("treatment")
    kind, reason = _capping(control, capped)
    if kind == "void":
        return void(reason, capped)
    expected = f"at most {_cap(capped)} tokens (control: {_size(control)})"
    return Mark(kind, reason, expected, _ending(capped), clip(capped.reply.content)).seen_in(control, capped)


def _ending(turn: Turn) -> str:
    tokens = turn.reply.output_tokens
    return f"finish {turn.reply.finish_raw or 'missing'}, {tokens if tokens is not None else 'no'} tokens"


def _reaches_cap(control: Turn, capped: Turn) -> bool:
    """By its count; without one, by a text that is far shorter than the control's."""
    if capped.reply.output_tokens:
        return _size(capped) >= _cap(capped) - _SLACK
    return len(_spoken(capped)) * 3 < len(_spoken(control))


def _capping(control: Turn, capped: Turn) -> tuple[Kind, str]:
    """What the cap did. A finish reason alone is not believed: liars say "length" to everything."""
    reply, room = capped.reply, _cap(capped) + _SLACK
    if _size(capped) <= room:
        if reply.cut_short or _reaches_cap(control, capped):
            return "shown", "the reply is cut at the cap"
        return "void", "the reply ended by itself below the cap"
    return _over_cap(capped)


def _over_cap(capped: Turn) -> tuple[Kind, str]:
    """What to say of a reply that is longer than its cap."""
    reply, room = capped.reply, _cap(capped) + _SLACK
    if not reply.cut_short or len(reply.content.split()) > room:
        return "ignored", "the reply is longer than the cap"
    if reply.reasoned:
        return "partial", "caps the visible text only"
    return "partial", "cut, but more tokens are counted"


def max_tokens_alone(turn: Turn) -> Mark:
    """Counts and finish reason against the cap: a reply that ends there looks like a cut."""
    kind, reason, strength = _capping_alone(turn)
    if kind == "void":
        return void(reason, turn)
    expected = f"at most {_cap(turn)} tokens"
    return Mark(kind, reason, expected, _ending(turn), clip(turn.reply.content), strength=strength).seen_in(turn)


def _capping_alone(turn: Turn) -> tuple[Kind, str, Strength]:
    reply, tokens = turn.reply, turn.reply.output_tokens
    room = _cap(turn) + _SLACK
    if _size(turn) > room:
        if tokens == 0 and len(reply.content.split()) <= room:
            return "void", "nothing is counted, and reasoning that is shown may be a summary", "consistent"
        return *_over_cap(turn), "consistent"
    if reply.cut_short or (tokens and tokens >= _cap(turn) - _SLACK):
        return "shown", "the reply is cut at the cap", "consistent"
    if tokens is None and _spoken(turn).strip():
        return "shown", "accepted; no count tells where the reply ended", "accepted"
    return "void", "the reply ended by itself below the cap", "consistent"


# --- stop: the reply ends before a word that the control goes on past


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
        return Mark("ignored", "the reply goes on past the stop word", expected, clip(text)).seen_in(control, stopped)
    return void("the reply went another way and never came to the stop word", control, stopped)


def _same(text: str, other: str) -> bool:
    return bool(text.strip()) and text.split() == other.split()


def stop_alone(turn: Turn) -> Mark:
    """No stop word in the reply: telling only where the wire or the question says that one was due."""
    text, words = turn.reply.content, turn.call.stop
    expected = f"a reply that ends before {' or '.join(map(repr, words))}"
    mark = Mark("shown", "", expected, clip(text), clip(text)).seen_in(turn)
    found = min((word for word in words if word and word in text), key=text.index, default=None)
    if found is not None:
        if not text.partition(found)[2].strip():
            return replace(mark, kind="partial", reason="the stop word is left in the text", strength="consistent")
        return replace(mark, kind="ignored", reason=f"the reply goes on past the stop word {found!r}")
    if turn.reply.finish == "stop_sequence":
        return replace(mark, reason="the reply ends where the wire says that a stop word ended it")
    if not text.strip():
        return _stopped_before_text(mark, turn)
    if turn.reply.cut_short:
        return void("the reply was cut before any stop word came", turn)
    if _is_due(text.strip(), turn):
        reason = "the reply ends where the question wanted the stop word next"
        return replace(mark, reason=reason, strength="consistent")
    return replace(mark, reason="accepted; the stop word is not in the reply", strength="accepted")


def _stopped_before_text(mark: Mark, turn: Turn) -> Mark:
    """A reply without text: stop words act on reasoning too, where a server does not keep it apart."""
    reasoning = turn.reply.reasoning
    if turn.reply.finish != "stop" or not isinstance(reasoning, str) or not reasoning.strip():
        return void("the reply is empty: cut at its first word, or nothing was said", turn)
    if any(word in reasoning for word in turn.call.stop):
        return void("no text came, and the reasoning goes on past the stop word", turn)
    last = re.findall(r"\w+", reasoning)[-1:]
    if not last or not _is_due(last[0], turn):
        return void("no text came after the reasoning, which breaks off anywhere", turn)
    reason = "a stop word ends the reasoning, so that no text comes"
    return replace(mark, kind="partial", reason=reason, quote=clip(reasoning[-80:]), strength="consistent")


def _is_due(last: str, turn: Turn) -> bool:
    """The question itself goes on with the stop word after ``last``, the words that the reply ends with."""
    asked = " ".join(text_of(message) for message in turn.call.messages)
    return any(f"{last}{gap}{word}" in asked for word in turn.call.stop for gap in ("", " "))


# --- seed, in requests that were not made for it


def seed_alone(turn: Turn) -> Mark:
    """One reply to one seed shows no more than that the seed was accepted."""
    if not turn.reply.content.strip():
        return void("the reply has no text", turn)
    reason = "accepted; one reply cannot show that the seed fixes the text"
    return Mark("shown", reason, quote=clip(turn.reply.content), strength="accepted").seen_in(turn)


def seed_repeated(same: Sequence[Turn], without: Sequence[Turn]) -> Mark | None:
    """Replies to one request with a seed, and to that request without one; ``None`` when they show nothing."""
    seeded, bare = list(filter(_is_whole, same)), list(filter(_is_whole, without))
    if len(seeded) < 2:
        return None
    first = seeded[0]
    other = next((turn for turn in seeded if turn.reply.content != first.reply.content), None)
    if other is not None:
        if len({turn.reply.fingerprint for turn in seeded}) > 1:
            return None
        reason = "the same seed gives another text"
        return Mark("ignored", reason, clip(first.reply.content), clip(other.reply.content)).seen_in(first, other)
    free = next((turn for turn in bare if turn.reply.content != first.reply.content), None)
    if free is None:
        return None
    reason = "the same seed gives the same text, no seed another"
    return Mark("shown", reason, quote=clip(first.reply.content)).seen_in(*seeded[:2], free)


def _is_whole(turn: Turn) -> bool:
    """A stream that broke off gives another text than one that did not."""
    return turn.reply.complete and bool(turn.reply.content.strip())
