"""Pictures, documents, sound and film in requests and replies that were recorded: was the medium taken in?"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from llmprobe.checks.evidence import Mark, Turn, clip, void

_MEDIA = r"(?:images?|pictures?|photos?|attachments?|files?|documents?|pdfs?|audio|recordings?|videos?|links?|urls?)"
_BLIND = re.compile(
    rf"\b(?:can['’]?t|can ?not|unable to|not able to|don['’]?t|do not)\b.{{0,40}}"
    rf"\b(?:see|view|access|open|hear|listen|watch|{_MEDIA})\b"
    rf"|\bno (?:\w+ )?{_MEDIA}\b",
    re.IGNORECASE | re.DOTALL,
)
"""A model that says it has not got the medium."""


def taken_in(turn: Turn, shows: str | None) -> Mark:
    """The reply says what the medium ``shows``; ``None``: that is not known, so taking it is all that is seen."""
    text = turn.reply.content
    mark = Mark("shown", "", shows or "an answer about it", clip(text), clip(text)).seen_in(turn)
    if not text.strip():
        return void("the reply has no text", turn)
    if shows is None:
        if _BLIND.search(text):
            return void("taken, but the model says that it has not got it", turn)
        reason = "accepted; what it shows is not known here, so the answer proves nothing"
        return replace(mark, reason=reason, strength="accepted")
    if f" {_words(shows)} " in f" {_words(text)} ":
        return replace(mark, reason="says what it shows", strength="consistent")
    return replace(mark, kind="ignored", reason=f"accepted, but the answer is not what it shows ({shows})")


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def put_out(turn: Turn, kind: str) -> Mark:
    """A picture, sound or film came back."""
    found = [media for media in turn.reply.media if media.kind == kind]
    if not found:
        return Mark("ignored", f"no {kind} came", f"some {kind}", clip(turn.reply.content)).seen_in(turn)
    type_ = found[0].media_type or kind
    return Mark("shown", f"{type_} came", quote=clip(found[0].text)).seen_in(turn)
