"""What the symbols and columns mean: in words under a Markdown table, in three lines under a terminal one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llmprobe.scoreboard import Scoreboard
from llmprobe.verdict import Strength

INTRODUCTION: Final = (
    "A mark that follows a "
    "symbol qualifies this symbol: `📸💨` is images, now and then. In a cell of several symbols, "
    "one that is missing was found not to work or was not tried."
)

SYMBOLS: Final = (
    ("🏠", "Runs on your own machine."),
    ("🌐", "Country where the company is located."),
    ("🕰️", "Synchronous: the reply comes in one piece, once all of it is written."),
    ("📡", "Streaming: the reply comes piece by piece while it is written."),
    (
        "🧠",
        "The model thinks before it answers, in the open or hidden. A model that can do both has rows"
        " with and without 🧠, since features often differ between the two.",
    ),
    ("✅", "Works, seen in every trial."),
    ("💨", "Flaky: works in some trials and not in others."),
    ("🤪", "Partial: works with a defect, which the notes name."),
    (
        "❌",
        "Does not work: refused, accepted without effect, or accepted with a wrong result. The notes say which.",
    ),
    ("💸", "Token usage is not reported, or the numbers cannot be right."),
    ("🚩", "The finish reason is missing or wrong."),
    (
        "❔",
        "Could not find out: an outage, a rate limit, or a control that left no room for an effect. Not a no.",
    ),
    ("?", "Not tested. The notes give the reason where there is one."),
    ("💬", "Text."),
    ("📄", "PDF documents."),
    ("📸", "Images."),
    ("🎤", "Audio."),
    ("🎥", "Video."),
    (
        "🧐",
        "Tool calls are *not* biased towards the first value of an enum. Without it, mind the order of the values!",
    ),
    ("💥", "Indecisive: asked to choose one of two, the model at times calls the tool for both."),
    ("🕸️", "Web search: the provider looked something up by itself when asked to."),
    ("🌱", "Seed, see Text."),
    ("📏", "Cap on the number of tokens, see Text."),
    ("🛑", "Stop sequence, see Text."),
)

COLUMNS: Final = (
    (
        "Model",
        "the id as the provider lists it. A character in it that cannot be seen is written as `⟨U+200B⟩`.",
    ),
    ("Mode", "🕰️ or 📡, and 🧠 with thinking on. Every mode is measured on its own."),
    (
        "➛In",
        "what the model takes. 💬: it answered a plain question with text. 📸: it was sent a small "
        "picture of random digits inside the request and named them, and did not when the picture was"
        " blank.",
    ),
    ("Out➛", "what the model gives back."),
    (
        "JSON",
        "JSON mode. A question whose natural answer is prose was asked with and without it: with it, "
        "the whole reply had to be one JSON object; without it, prose.",
    ),
    (
        "Schema",
        "a JSON schema. Its key names were random and the prompt pulled against it: the reply had to "
        "fit the schema all the same, and not to fit it when no schema was sent.",
    ),
    (
        "Tool",
        "tool calling. A tool was offered for a task with a random value in it: a real call, not one "
        "printed as text, had to carry this value, and the final answer to use what the tool "
        "returned. 🧐: a choice between two values was asked for with both orders of the enum and both"
        " orders in the question, and the first of the enum was not chosen more often than luck "
        "explains.",
    ),
    ("Batch", "asynchronous batches at off-peak hours."),
    ("File", "uploading and storing files."),
    ("Cite", "citations of the sources that were sent along."),
    (
        "Text",
        "options of text generation. 🌱 the same seed gave the same text each time, while other seeds "
        "and no seed gave others, at temperature 1. 📏 with a small cap a long reply ended early, with"
        " as many tokens as allowed and finish reason length; without it, it went on. 🛑 a word from "
        "the reply to the control was sent as stop sequence: the new reply had to end before it.",
    ),
    (
        "Probs",
        "log probabilities of the tokens. They were asked for: they had to be there, possible as "
        "probabilities, with alternatives, and to spell the reply. Many servers have none when "
        "streaming.",
    ),
    ("Limits", "rate limits in the response headers: how much is allowed and how much is left."),
    ("Usage", "the numbers of tokens read and written. Looked at in every reply of the row."),
    (
        "Finish",
        "✅ the reason why a reply ended was reported correctly: natural end, cap or tool call. Looked"
        " at in every reply of the row.",
    ),
)

SHORT: Final = (
    "✅ yes 💨 flaky 🤪 partly ❌ no 💸 no usage 🚩 bad finish ❔ unclear ? untested",
    "🕰️ at once 📡 streamed 🧠 thinking 💬 text 📸 image 📄 PDF 🎤 audio 🎥 video",
    "🌱 seed 📏 max tokens 🛑 stop 🧐 unbiased tool calls 💥 indecisive tool calls",
)
"""Each fits 80 columns."""

SUMMARY: Final = "Legend: the symbols, the columns, and what was asked for each"


EXPERIMENTS: Final = (
    "A green cell says that the parameter *caused* the behaviour: the request was compared with a control that differs "
    "in nothing else. Being accepted is not enough."
)

RECORDINGS: Final[Mapping[Strength, str]] = {
    "accepted": (
        "This table was made from recorded traffic, in which a control is rare. Green says at least that the request "
        "was accepted and that nothing in the reply speaks against it. The scoreboard file says of each cell whether "
        "the effect was `shown`, a reply was `consistent` with it, or the request was merely `accepted`."
    ),
    "consistent": (
        "This table was made from recorded traffic, in which a control is rare. Green says at least that a reply came "
        "as the capability would give it. What was merely accepted is ❔."
    ),
    "shown": (
        "This table was made from recorded traffic. Green says that the effect itself was seen: against a recorded "
        "request that differs in nothing else, or in what came back. What had no such control is ❔."
    ),
}
"""What green means in a table made from recordings, by the weakest evidence that counts."""

_RECORDED: Final[Mapping[str, str]] = {
    "Mode": "🕰️ or 📡, and 🧠 where replies held reasoning.",
    "➛In": "what the model takes. A medium counts as taken in when the reply says what it shows, where that is known.",
    "Out➛": "what came back.",
    "JSON": "JSON mode: the whole reply had to be one JSON object.",
    "Schema": "a JSON schema: the reply had to satisfy the one that was sent.",
    "Tool": (
        "tool calling: a well-formed call had to come, and an answer in text where the tool's result was sent. 🧐: of "
        "a few choices between the values of an enum, not each was the first one."
    ),
    "Cite": "citations of documents that were sent along.",
    "Text": (
        "options of text generation. 🌱 a seed was accepted, or a repeated request gave the same text. 📏 the reply "
        "ended at the cap. 🛑 the reply ended before a stop word that was due, or no stop word stands in it."
    ),
    "Probs": "log probabilities of the tokens: there, possible as probabilities, with the alternatives asked for.",
}
"""What the columns say in a table made from recordings, where that is not the same."""


def markdown(board: Scoreboard) -> list[str]:
    """The lines of the legend under the Markdown table of ``board``."""
    meaning = RECORDINGS[board.strength] if board.recorded else EXPERIMENTS
    other = _RECORDED if board.recorded else {}
    return [
        f"{meaning} {INTRODUCTION}",
        "",
        *(f"- {_shown(symbol)}: {text}" for symbol, text in SYMBOLS),
        *(f"- **{column}**: {other.get(column, text)}" for column, text in COLUMNS),
    ]


def _shown(symbol: str) -> str:
    return f"`{symbol}`" if symbol.isascii() else symbol
