"""Media whose content is known: what a picture, a sound or a document that others use for their tests shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmprobe.call import Call, File, Image


@dataclass(frozen=True, slots=True)
class KnownMedium:
    """A medium that is known by the digest of its bytes or by where it lies, and the word that it shows."""

    shows: str
    sha256: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """All known media, as ``probes/media/answers.yaml`` lists them."""

    media: tuple[KnownMedium, ...] = ()

    def shows(self, part: Image | File) -> str | None:
        """What ``part`` shows, ``None`` when it is not known."""
        mark = part.data.removeprefix("sha256:")
        for medium in self.media:
            if (mark and mark in medium.sha256) or (part.url and part.url in medium.urls):
                return medium.shows
        return None


def media_of(call: Call) -> Iterator[Image | File]:
    """The media that ``call`` sends along with its last question."""
    for message in call.messages[-1:]:
        for part in message.content if isinstance(message.content, tuple) else ():
            if isinstance(part, (Image, File)) and (part.data or part.url):
                yield part


def cell_of(part: Image | File) -> str:
    """The cell that ``part`` speaks to, "" for text in a file: that is no medium of its own."""
    if isinstance(part, Image):
        return "image"
    if part.kind != "document":
        return part.kind
    kind = part.media_type or ("application/pdf" if part.url.lower().endswith(".pdf") else "")
    return "pdf" if kind in ("application/pdf", "") else ""


def label_of(part: Image | File) -> str:
    """How ``part`` is called in a reason: its format, and whether it came inside the request."""
    kind = part.media_type or part.url.rpartition(".")[2][:8]
    return f"{kind.rpartition('/')[2].partition(';')[0]} {'by URL' if part.url else 'inline'}"


def labels(parts: Sequence[Image | File]) -> str:
    """The formats of ``parts``, each once."""
    return ", ".join(dict.fromkeys(map(label_of, parts)))
