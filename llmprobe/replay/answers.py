"""Media whose content is known: what a picture, a sound or a document that others use for their tests shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llmprobe.call import Call, File, Image


@dataclass(frozen=True, slots=True)
class KnownMedium:
    """A medium that is known by the digest of its bytes or by where it lies, and the word that it shows."""

    shows: str
    sha256: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    """Words of which a question has one when it asks for that; empty: any question."""


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """All known media, as ``probes/media/answers.yaml`` lists them."""

    media: tuple[KnownMedium, ...] = ()

    def shows(self, part: Image | File, question: str = "") -> str | None:
        """What ``part`` shows, ``None`` when it is not known, or when ``question`` asks for something else."""
        mark = part.data.removeprefix("sha256:")
        for medium in self.media:
            if (mark and mark in medium.sha256) or (part.url and part.url in medium.urls):
                fits = not medium.asked or any(word in question.casefold() for word in medium.asked)
                return medium.shows if fits else None
        return None


def media_of(call: Call) -> Iterator[Image | File]:
    """The media that ``call`` sends along with its last question."""
    for message in call.messages[-1:]:
        for part in message.content if isinstance(message.content, tuple) else ():
            if isinstance(part, (Image, File)) and (part.data or part.url):
                yield part


def cell_of(part: Image | File) -> str:
    """The cell that ``part`` speaks to, "" where it is no medium of its own: text in a file, or no one knows what."""
    if isinstance(part, Image):
        return "image"
    if part.kind != "document":
        return part.kind
    # an address whose name tells nothing is most likely of the kind that all formats with documents take
    told = part.media_type or _suffix(part.url) or ("pdf" if part.url else "")
    return "pdf" if _format(told) == "pdf" else ""


def label_of(part: Image | File) -> str:
    """How ``part`` is called in a reason: its format, and whether it came inside the request."""
    kind = "image" if isinstance(part, Image) else part.kind
    told = _format(part.media_type or _suffix(part.url)) or kind
    return f"{told} {'by URL' if part.url else 'inline'}"


def _format(media_type: str) -> str:
    """The second part of a media type, without its parameters."""
    return media_type.partition(";")[0].rpartition("/")[2].strip()


def _suffix(url: str) -> str:
    """What the path in ``url`` ends with, if it looks like a format: an address may hold a key."""
    path = re.split("[?#]", url, maxsplit=1)[0].partition("://")[2]
    match = re.search(r"/[^/]*\.([a-z0-9]{2,5})\Z", path.lower())
    return match[1] if match else ""
