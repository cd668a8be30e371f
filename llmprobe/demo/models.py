"""The models of the demo provider: what each of them does right and wrong.

Faults are independent of each other, and most models have one, so that a cell that is judged wrongly
points at one thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from llmprobe.scoreboard import Mode

Kind: TypeAlias = Literal["chat", "speech", "embedding", "guard", "image"]
_BOTH: tuple[Mode, ...] = ("sync", "stream")


@dataclass(frozen=True, slots=True)
class Traits:
    """One model. The defaults are those of a model without faults that does not think."""

    name: str
    about: str
    """What it does, in one line for people."""
    kind: Kind = "chat"
    image: Literal["seen", "unseen"] = "seen"
    """``unseen``: accepted, not counted as input, and digits are invented."""
    json: Literal["enforced", "fenced", "ignored"] = "enforced"
    schema: Literal["enforced", "fenced", "suggested", "any object", "ignored"] = "enforced"
    """``suggested`` gives way to a prompt that asks for prose; ``any object`` is JSON of another shape."""
    tools: Literal["called", "printed", "ignored"] = "called"
    """``printed``: the call stands in the text."""
    tool_misses: float = 0.0
    """Chance, in each request, of text where a call is due."""
    tool_choice: bool = True
    """Honours tool choices other than ``auto``."""
    tool_answer: bool = True
    """Uses what a tool answered."""
    enum: Literal["taste", "first", "all"] = "taste"
    """The value it takes when the prompt does not tip the balance; taste does not depend on the order."""
    sampling: Literal["random", "constant", "cached"] = "random"
    """``constant``: text depends on the prompt alone; ``cached``: an equal request, an equal reply."""
    seed: bool = True
    stop: tuple[Mode, ...] = _BOTH
    """The modes in which stop sequences are honoured."""
    max_tokens: bool = True
    probs: Literal["real", "null", "zero", "none"] = "real"
    usage: tuple[Mode, ...] = _BOTH
    """The modes in which token usage is reported (in a stream: when asked for)."""
    finish: Literal["right", "stop", "absent"] = "right"
    thinking: Literal["never", "unless told not to", "always"] = "never"
    thinking_place: Literal["reasoning_content", "reasoning", "think"] = "reasoning_content"
    """The field of the reasoning, or ``think`` for tags in the text."""
    stream: Literal["tokens", "blob", "json"] = "tokens"
    """``blob``: all text in one event; ``json``: no stream at all, but a JSON body."""
    limits: bool = False
    """Reports rate limits in headers."""
    refuses: frozenset[str] = frozenset()
    """What is answered with 400: keys of ``refusals.RULES``."""


MODELS: tuple[Traits, ...] = (
    Traits("perfect", "does everything right, and does not think", limits=True),
    Traits("thinker", "thinks unless told not to", thinking="unless told not to", limits=True),
    Traits("thinker-always", "thinks even when told not to", thinking="always", thinking_place="reasoning"),
    Traits("thinker-in-text", "thinks inside its text", thinking="always", thinking_place="think"),
    Traits(
        "liar",
        "accepts every parameter and honours none",
        image="unseen",
        json="ignored",
        schema="ignored",
        tools="ignored",
        seed=False,
        stop=(),
        max_tokens=False,
        probs="none",
        limits=True,
    ),
    Traits(
        "strict",
        "refuses what it cannot do, and says so",
        refuses=frozenset(("seed", "stop", "logprobs", "tools", "schema", "image", "thinking", "unknown")),
    ),
    Traits(
        "careless-streams",
        "ignores stop sequences and reports no usage, when streaming only",
        stop=("sync",),
        usage=("sync",),
    ),
    Traits("tight-lipped", "reports neither usage nor why it finished", usage=(), finish="absent"),
    Traits(
        "pretender",
        'always finished with "stop", always certain of every token',
        finish="stop",
        probs="zero",
    ),
    Traits(
        "inattentive",
        "accepts a seed, a token cap and logprobs, and forgets them",
        seed=False,
        max_tokens=False,
        probs="null",
        limits=True,
    ),
    Traits(
        "cap-renamed",
        "refuses max_tokens and takes max_completion_tokens",
        refuses=frozenset(("max_tokens",)),
    ),
    Traits("cached", "answers identical requests from a cache", sampling="cached", seed=False),
    Traits("constant", "always says the same to the same prompt", sampling="constant"),
    Traits("json-when-told", "gives JSON only when the prompt demands it", json="ignored", schema="ignored"),
    Traits("json-fenced", "wraps JSON in a Markdown fence", json="fenced", schema="fenced"),
    Traits("schema-loose", "answers a schema with JSON of another shape", schema="any object"),
    Traits("schema-suggested", "follows a schema unless the prompt pulls against it", schema="suggested"),
    Traits(
        "blind-and-deaf",
        "invents what is in an image and what a tool answered",
        image="unseen",
        tool_answer=False,
    ),
    Traits("tool-printed", "prints tool calls as text", tools="printed"),
    Traits("tool-flaky", "forgets to call a tool in 3 of 10 requests", tool_misses=0.3),
    Traits("tool-choice-deaf", "ignores that a tool must or must not be called", tool_choice=False),
    Traits("biased", "takes the first value of an enum", enum="first"),
    Traits("indecisive", "calls a tool once for each value of an enum", enum="all"),
    Traits("stream-blob", "streams its whole text in one event", stream="blob"),
    Traits("stream-as-json", "answers a stream with a JSON body", stream="json"),
    Traits("speech", "turns text into speech", kind="speech"),
    Traits("embedding", "turns text into vectors", kind="embedding"),
    Traits("guard", "classifies text", kind="guard"),
    Traits("image-maker", "makes images", kind="image"),
)
