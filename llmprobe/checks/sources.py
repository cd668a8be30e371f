"""Where an answer comes from: citations of what was sent along, and searches that the server made by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmprobe.call import Call, File
from llmprobe.checks.evidence import Mark, Turn, clip, void
from llmprobe.checks.fold import wilson
from llmprobe.verdict import Verdict

_EVIDENCE = 6


def asks_citations(call: Call) -> bool:
    """Citations of a document are asked for by name."""
    parts = (part for message in call.messages if isinstance(message.content, tuple) for part in message.content)
    return any(isinstance(part, File) and part.cite is True for part in parts)


def cited(turns: Sequence[Turn]) -> Verdict | None:
    """Citations of documents, over all answers of a row; ``None`` when none came and none was asked for.

    Pages of the web that an answer names are no answer to what was sent along: they tell of a search.
    """
    answered = [turn for turn in turns if turn.reply.error is None]
    good = [turn for turn in answered if _documents(turn)]
    asked = [turn for turn in answered if asks_citations(turn.call) and turn.reply.content.strip()]
    asked = [turn for turn in asked if not _documents(turn)]
    if not good and not asked:
        return None
    low, high = wilson(len(good), len(good) + len(asked))
    evidence = tuple(turn.evidence for turn in (*asked, *good))[:_EVIDENCE]
    verdict = Verdict(
        "supported", "cites the document that was sent along", len(good), len(good) + len(asked), low, high,
        "citations", "", clip(_documents(good[0])[0]) if good else "", evidence,
    )  # fmt: skip
    if not asked:
        return verdict
    reason = "citations were asked for, and none came"
    return replace(verdict, outcome="flaky" if good else "ignored", reason=reason)


def _documents(turn: Turn) -> list[str]:
    """What the answer cites of documents."""
    return [one.quote or one.title for one in turn.reply.citations if one.kind == "document"]


_ELSEWHERE = ("file", "tool")
"""What servers search besides the web: uploads, and long lists of tools."""


def _is_web_search(name: str) -> bool:
    return "search" in name.lower() and not any(place in name.lower() for place in _ELSEWHERE)


def asks_search(call: Call) -> bool:
    """The server is asked to search the web, by a tool that it has or by a field that is not just switched off."""
    fields = (name for name, value in call.patch.items() if value is not None and value is not False)
    return any(_is_web_search(tool.kind) for tool in call.server_tools) or any("web_search" in name for name in fields)


def traces(turn: Turn) -> list[str]:
    """What shows that the server searched: searches that it names, pages that it cites."""
    ran = [f"ran {name}" for name in turn.reply.server_tools if _is_web_search(name)]
    return ran + [f"cites {one.url or one.title}" for one in turn.reply.citations if one.kind == "web"]


def searched(turn: Turn) -> Mark:
    """A search was made, or pages of the web are cited."""
    found, text = traces(turn), clip(turn.reply.content)
    expected = "a search or cited pages"
    if found:
        return Mark("shown", f"the server {clip(found[0])}", expected, text, text).seen_in(turn)
    if not text:
        return void("the reply has no text", turn)
    return Mark("ignored", "accepted, and no trace of a search", expected, text, text).seen_in(turn)


def searches_unasked(turns: Sequence[Turn]) -> Verdict | None:
    """Some models search whether one asks them to or not; ``None`` when no answer shows it."""
    found = [turn for turn in turns if turn.reply.error is None and traces(turn) and not asks_search(turn.call)]
    if not found:
        return None
    told = f"searches without being asked to: {clip(traces(found[0])[0])}"
    evidence = tuple(turn.evidence for turn in found)[:_EVIDENCE]
    return Verdict("supported", told, len(found), len(found), evidence=evidence)
