"""Where an answer comes from: citations of what was sent along, and searches that the server made by itself."""

from __future__ import annotations

from llmprobe.call import Call, File
from llmprobe.checks.evidence import Mark, Turn, clip
from llmprobe.verdict import Verdict


def asks_citations(call: Call) -> bool:
    """Citations of a document are asked for by name."""
    parts = (part for message in call.messages if isinstance(message.content, tuple) for part in message.content)
    return any(isinstance(part, File) and part.cite is True for part in parts)


def cited(turns: list[Turn]) -> Verdict | None:
    """Citations, over all answers of a row: there, asked for and missing, or (``None``) never asked for."""
    answered = [turn for turn in turns if turn.reply.error is None]
    good = [turn for turn in answered if turn.reply.citations]
    asked = [turn for turn in answered if asks_citations(turn.call)]
    if good:
        kinds = {citation.kind for turn in good for citation in turn.reply.citations}
        what = "a document that was sent along" if "document" in kinds else "pages of the web"
        sample = good[0].reply.citations[0]
        quote = clip(sample.quote or sample.title or sample.url)
        evidence = tuple(turn.evidence for turn in good)[:6]
        n = len({turn.evidence for turn in (*good, *asked)})
        return Verdict("supported", f"cites {what}", len(good), n, actual=quote, quote=quote, evidence=evidence)
    if asked:
        reason = "citations of a document were asked for, and none came"
        evidence = tuple(turn.evidence for turn in asked)[:6]
        return Verdict("ignored", reason, 0, len(asked), expected="citations", evidence=evidence)
    return None


def asks_search(call: Call) -> bool:
    """The server is asked to search the web."""
    return any("search" in tool.kind.lower() for tool in call.server_tools) or any(
        "web_search" in name for name in call.patch
    )


def searched(turn: Turn) -> Mark:
    """A search was made, or pages of the web are cited."""
    ran = [name for name in turn.reply.server_tools if "search" in name.lower()]
    pages = [citation for citation in turn.reply.citations if citation.kind == "web"]
    text = clip(turn.reply.content)
    if ran or pages:
        reason = f"the server ran {ran[0]}" if ran else f"cites {pages[0].url or pages[0].title}"
        return Mark("shown", clip(reason), "a search or cited pages", text, text).seen_in(turn)
    return Mark("ignored", "accepted, and no trace of a search", "a search or cited pages", text, text).seen_in(turn)
