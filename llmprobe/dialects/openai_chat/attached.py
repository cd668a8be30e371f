"""What a reply has besides text and calls: its sources, the tools that the server ran, pictures and sound.

Sources: openai/openai-openapi ``openapi.yaml`` (``annotations``, ``audio``); recorded replies of the relatives for
``citations``, ``search_results`` and ``images`` beside the choices, and for ``executed_tools``; wire/dialects.md,
section 5, for ``reference`` parts; the documentation of OpenRouter for ``images`` in a message.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from llmprobe.absent import Maybe
from llmprobe.call import JSON
from llmprobe.dialects.values import member, objects, read_data_url, read_word, write_data_url
from llmprobe.reply import Citation, Media, Reply


@dataclass
class Attached:
    """What was attached to a reply so far; bodies and chunks, messages and deltas are read alike."""

    oddities: list[str]
    listed: tuple[Citation, ...] = ()
    """Sources beside the choices; streams repeat them with every chunk."""
    cited: list[Citation] = field(default_factory=list)
    annotations: list[dict[str, JSON]] = field(default_factory=list)
    runs: dict[int, dict[str, JSON]] = field(default_factory=dict)
    """Tools that the server ran, by index; streams tell of each when it begins and again when it is done."""
    pictures: list[Media] = field(default_factory=list)
    sound: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)

    def read_body(self, value: dict[str, JSON]) -> None:
        """Take in what stands beside the choices."""
        self.listed = _read_listed(value, self.oddities) or self.listed

    def read_message(self, message: dict[str, JSON]) -> None:
        """Take in what stands in a message or a delta."""
        self.cited.extend(_read_references(message.get("content"), self.oddities))
        self.annotations.extend(objects(message.get("annotations")))
        self.pictures.extend(_read_pictures(message.get("images")))
        for run in objects(message.get("executed_tools")):
            index = run.get("index")
            key = index if isinstance(index, int) else len(self.runs)
            self.runs[key] = self.runs.get(key, {}) | run
        audio = message.get("audio")
        if audio is not None and not isinstance(audio, dict):
            self.oddities.append("audio is not an object")
        if isinstance(audio, dict):
            self.sound.append(read_word(audio, "data", self.oddities))
            self.spoken.append(read_word(audio, "transcript", self.oddities))

    def citations(self, text: Maybe[str]) -> tuple[Citation, ...]:
        """The sources of the reply whose text is ``text``; a bare address is none that also stands with a title."""
        said = text if isinstance(text, str) else ""
        found = [*self.cited, *_annotated(self.annotations, said, self.oddities)]
        for run in self.runs.values():
            found.extend(_read_results(member(run.get("search_results"), "results"), "content", self.oddities))
        named = {source.url for source in found}
        listed = [source for source in self.listed if source.title or source.url not in named]
        return (*listed, *found)

    def server_tools(self) -> tuple[str, ...]:
        """The tools that the server ran: by their type, by their name while they are no more than functions."""
        named = ((read_word(run, "type", []), read_word(run, "name", [])) for run in self.runs.values())
        return tuple((name or kind) if kind in ("", "function") else kind for kind, name in named)

    def media(self) -> tuple[Media, ...]:
        """Sound, then pictures."""
        said, data = "".join(self.spoken), _join_base64([piece for piece in self.sound if piece])
        return (*([Media("audio", data=data, text=said)] if said or data else []), *self.pictures)


def _read_listed(value: dict[str, JSON], oddities: list[str]) -> tuple[Citation, ...]:
    """Results of a search, bare addresses that are not among them, and where pictures from the web were found."""
    found = _read_results(value.get("search_results"), "snippet", oddities)
    named = {source.url for source in found}
    urls = value.get("citations")
    bare = [url for url in urls if isinstance(url, str) and url not in named] if isinstance(urls, list) else []
    origins = [
        read_word(picture, "origin_url", oddities) or read_word(picture, "image_url", oddities)
        for picture in objects(value.get("images"))
    ]
    return (*found, *(Citation("web", url=url) for url in (*bare, *origins) if url))


def _read_results(value: JSON, quote: str, oddities: list[str]) -> list[Citation]:
    """The results of a search; what is found on a page stands in field ``quote``."""
    return [
        Citation("web", read_word(entry, "title", oddities), entry["url"], read_word(entry, quote, oddities))
        for entry in objects(value)
        if entry.get("url") and isinstance(entry["url"], str)
    ]


def _annotated(annotations: list[dict[str, JSON]], text: str, oddities: list[str]) -> Iterator[Citation]:
    """The sources in annotations, whose fields stand in a member of their own or flat beside the type."""
    for entry in annotations:
        inner = entry.get("url_citation")
        fields = inner if isinstance(inner, dict) else entry
        url = read_word(fields, "url", oddities)
        if url and entry.get("type", "url_citation") == "url_citation":
            quote = read_word(fields, "content", oddities) or _span(fields, text)
            yield Citation("web", read_word(fields, "title", oddities), url, quote)


def _span(fields: dict[str, JSON], text: str) -> str:
    """The part of ``text`` that an annotation speaks of, "" when it does not say."""
    start, end = fields.get("start_index"), fields.get("end_index")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        return ""
    return text[start:end]


def _read_references(content: JSON, oddities: list[str]) -> Iterator[Citation]:
    """Parts of the content that point at results of tools, by number or by address."""
    for part in objects(content):
        identities = part.get("reference_ids")
        if part.get("type") == "reference" and isinstance(identities, list):
            yield from (Citation("document", str(name)) for name in identities if isinstance(name, (int, str)))
        if part.get("type") == "tool_reference":
            yield from _read_results([part], "description", oddities)


def _read_pictures(value: JSON) -> Iterator[Media]:
    for entry in objects(value):
        url = member(entry.get("image_url"), "url")
        if isinstance(url, str) and url:
            inline = read_data_url(url)
            yield Media("image", inline[0], inline[1]) if inline else Media("image", url=url)


def _join_base64(pieces: list[str]) -> str:
    """Pieces of one sound as one; a piece that was padded by itself cannot simply be followed by another."""
    if any(piece.endswith("=") for piece in pieces[:-1]):
        try:
            return b64encode(b"".join(map(b64decode, pieces))).decode()
        except ValueError:
            pass
    return "".join(pieces)


def write_attached(reply: Reply) -> dict[str, JSON]:
    """What is attached to ``reply``, as fields of a message. Only sources on the web have a word here."""
    fields: dict[str, JSON] = {
        "annotations": [_write_citation(source) for source in reply.citations if source.kind == "web"],
        "executed_tools": [{"index": index, "type": name} for index, name in enumerate(reply.server_tools)],
        "images": [_write_picture(one) for one in reply.media if one.kind == "image"],
        "audio": next((_write_sound(one) for one in reply.media if one.kind == "audio"), None),
    }
    return {name: value for name, value in fields.items() if value}


def _write_citation(source: Citation) -> dict[str, JSON]:
    fields = {"url": source.url, "title": source.title, "content": source.quote}
    return {"type": "url_citation", "url_citation": {name: value for name, value in fields.items() if value}}


def _write_picture(one: Media) -> dict[str, JSON]:
    return {"type": "image_url", "image_url": {"url": one.url or write_data_url(one.media_type, one.data)}}


def _write_sound(one: Media) -> dict[str, Any]:
    return {"id": "audio_1", "data": one.data, "transcript": one.text}
