"""Content parts of a message: text, pictures, documents, sound and film, in the forms that servers take.

Sources: openai/openai-openapi ``openapi.yaml``; recorded requests for what deviates; wire/dialects.md, sections 1, 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from llmprobe.call import JSON, File, Image, Other, Part, Text
from llmprobe.dialects.base import DecodeError
from llmprobe.dialects.values import read_data_url, write_data_url

FORMS: Mapping[str, tuple[str, ...]] = {
    # the first one is the default; a call has one form for each kind, what is in another one stays an ``Other``
    "image": ("object", "string"),
    "audio": ("input_audio", "bare string", "file", "audio_url"),
    "document": ("file", "document_url", "document_url.url"),
    "video": ("video_url", "file"),
}

_MEDIA_TYPES = {"mp3": "audio/mpeg"}
"""For a ``format`` of sound, the media type that is not just its name."""
_FORMATS = {media_type: name for name, media_type in _MEDIA_TYPES.items()}
_Kind = Literal["document", "audio", "video"]
_FAMILIES: Mapping[str, _Kind] = {"audio": "audio", "video": "video"}


def read_part(part: JSON, forms: dict[str, str]) -> Part:
    """The content part, its form noted in ``forms``; raises ``DecodeError`` when it is none.

    A part that would not be written again as it stands is left as ``Other``: in a second form, or with other fields.
    """
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise DecodeError("a content part is not an object with a type")
    if part["type"] == "text" and isinstance(part.get("text"), str):
        return Text(part["text"])
    reader = _READERS.get(part["type"])
    found = reader(part) if reader else None
    if found is not None:
        form, made = found
        kind = _kind(made)
        if forms.get(kind, form) == form and write_part(made, {kind: form}) == part:
            forms[kind] = form
            return made
    return Other(part["type"], {name: value for name, value in part.items() if name != "type"})


def write_part(part: Part, forms: Mapping[str, str]) -> dict[str, JSON]:
    """The inverse of ``read_part``. A document of plain text becomes a text: there is no other word for it."""
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Other):
        return {"type": part.kind, **part.data}
    if isinstance(part, File) and part.text is not None:
        return {"type": "text", "text": part.text}
    kind = _kind(part)
    form = forms.get(kind, FORMS[kind][0])
    return _write_image(part, form) if isinstance(part, Image) else _WRITERS[form](part)


def _kind(part: Image | File) -> str:
    return "image" if isinstance(part, Image) else part.kind


_Found = tuple[str, Image | File] | None
"""The form that a part stands in, and what it is."""


def _read_image(part: dict[str, JSON]) -> _Found:
    image = part.get("image_url")
    fields = image if isinstance(image, dict) else {"url": image}
    url, detail = fields.get("url"), fields.get("detail", "")
    if not isinstance(url, str) or not isinstance(detail, str):
        return None
    inline = read_data_url(url)
    made = Image(data=inline[1], media_type=inline[0], detail=detail) if inline else Image(url=url, detail=detail)
    return "object" if image is fields else "string", made


def _write_image(part: Image, form: str) -> dict[str, JSON]:
    url = _url_of(part)
    detail = {"detail": part.detail} if part.detail else {}
    return {"type": "image_url", "image_url": url if form == "string" else {"url": url} | detail}


def _read_file(part: dict[str, JSON]) -> _Found:
    """A file goes by the type of its data: sound and film are sent so too."""
    file = part.get("file")
    url, name = (file.get("file_data"), file.get("filename", "")) if isinstance(file, dict) else (None, None)
    if not isinstance(url, str) or not isinstance(name, str):
        return None
    family = (read_data_url(url) or ("", ""))[0].partition("/")[0]
    return "file", _file(_FAMILIES.get(family, "document"), url, name)


def _write_file(part: File) -> dict[str, JSON]:
    return {"type": "file", "file": ({"filename": part.name} if part.name else {}) | {"file_data": _url_of(part)}}


def _read_sound(part: dict[str, JSON]) -> _Found:
    """``{data, format}``, or the data alone."""
    sound = part.get("input_audio")
    fields = sound if isinstance(sound, dict) else {"data": sound}
    data, name = fields.get("data"), fields.get("format", "")
    if not isinstance(data, str) or not isinstance(name, str):
        return None
    media_type = _MEDIA_TYPES.get(name, f"audio/{name}") if name else ""
    remote = data.startswith(("http://", "https://"))
    made = File("audio", data="" if remote else data, url=data if remote else "", media_type=media_type)
    return "input_audio" if sound is fields else "bare string", made


def _write_sound(part: File) -> dict[str, JSON]:
    name = _FORMATS.get(part.media_type, part.media_type.removeprefix("audio/"))
    fields = {"data": part.url or part.data} | ({"format": name} if name else {})
    return {"type": "input_audio", "input_audio": fields}


def _write_bare_sound(part: File) -> dict[str, JSON]:
    return {"type": "input_audio", "input_audio": part.url or part.data}


def _read_document(part: dict[str, JSON]) -> _Found:
    document, name = part.get("document_url"), part.get("document_name", "")
    url = document.get("url") if isinstance(document, dict) else document
    if not isinstance(url, str) or not isinstance(name, str):
        return None
    return "document_url.url" if isinstance(document, dict) else "document_url", _file("document", url, name)


def _write_document(part: File) -> dict[str, JSON]:
    name = {"document_name": part.name} if part.name else {}
    return {"type": "document_url", "document_url": _url_of(part)} | name


def _write_document_object(part: File) -> dict[str, JSON]:
    return _write_document(part) | {"document_url": {"url": _url_of(part)}}


def _read_audio_url(part: dict[str, JSON]) -> _Found:
    url = _inner_url(part, "audio_url")
    return None if url is None else ("audio_url", _file("audio", url))


def _read_video_url(part: dict[str, JSON]) -> _Found:
    url = _inner_url(part, "video_url")
    return None if url is None else ("video_url", _file("video", url))


def _inner_url(part: dict[str, JSON], name: str) -> str | None:
    inner = part.get(name)
    url = inner.get("url") if isinstance(inner, dict) else None
    return url if isinstance(url, str) else None


def _file(kind: _Kind, url: str, name: str = "") -> File:
    inline = read_data_url(url)
    return File(kind, data=inline[1], media_type=inline[0], name=name) if inline else File(kind, url=url, name=name)


def _url_of(part: Image | File) -> str:
    return part.url or write_data_url(part.media_type, part.data)


_READERS: Mapping[str, Callable[[dict[str, JSON]], _Found]] = {
    "image_url": _read_image,
    "file": _read_file,
    "input_audio": _read_sound,
    "audio_url": _read_audio_url,
    "document_url": _read_document,
    "video_url": _read_video_url,
}

_WRITERS: Mapping[str, Callable[[File], dict[str, JSON]]] = {
    "input_audio": _write_sound,
    "bare string": _write_bare_sound,
    "file": _write_file,
    "audio_url": lambda part: {"type": "audio_url", "audio_url": {"url": _url_of(part)}},
    "document_url": _write_document,
    "document_url.url": _write_document_object,
    "video_url": lambda part: {"type": "video_url", "video_url": {"url": _url_of(part)}},
}
