"""One recorded exchange: which dialect it is in, what it says, and why it says nothing when it does not."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from llmprobe.call import Call, File, Image, Message, Text, Tool
from llmprobe.dialects import Listed, dialect, names
from llmprobe.exchange import Exchange, HttpResponse
from llmprobe.replay.answers import AnswerKey, KnownMedium, cell_of, label_of, media_of
from llmprobe.replay.media import digest
from llmprobe.replay.reading import UNKNOWN_DIALECT, Listing, Seen, Unused, endpoint_of, read
from llmprobe.reply import Media
from tests.replayed import SENT_AT, ask, exchange, fetched, seen
from tests.talks import refusal, said

TALKING = [name for name in names() if "max_tokens" not in dialect(name).lacks]
PNG = b"\x89PNG\r\n\x1a\n0123"


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def understood(one: Exchange, *, count_unknown: bool = False) -> Seen:
    found = read(one, count_unknown=count_unknown)
    assert isinstance(found, Seen), found
    return found


def why(one: Exchange) -> str:
    """Why ``one`` is not used."""
    found = read(one)
    assert isinstance(found, Unused), found
    assert found.evidence == one.id
    return found.why


# --- what is recognised


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", TALKING)
def test_each_dialect_is_recognised_by_address_and_body(name: str, stream: bool) -> None:
    """Whoever the host is; what was asked and answered is there."""
    codec = dialect(name)
    found = understood(exchange(ask(stream=stream, max_tokens=600), said("Nothing.", model="m"), codec))

    assert found.dialect is codec
    assert found.call == ask(stream=stream, max_tokens=600)
    assert found.reply.content == "Nothing."
    assert (found.endpoint, found.status, found.sent_at) == ("https://api.acme.test", 200, SENT_AT)
    assert found.evidence == "a.yaml#0"


def test_a_request_for_a_picture_is_recognised() -> None:
    """A dialect that has no words."""
    reply = replace(said(""), text=None, finish=None, media=(Media("image", "image/png", coded(PNG)),))
    found = understood(exchange(ask("A duck."), reply, dialect("openai-images")))

    assert found.dialect.name == "openai-images"
    assert [media.data for media in found.reply.media] == [digest(PNG)]


def test_a_refusal_is_an_answer() -> None:
    """What it means is for the checks to say."""
    found = understood(exchange(ask(), refusal("No.", 404)))
    assert found.status == 404
    assert found.reply.error is not None


def test_an_answer_that_never_came_is_one() -> None:
    """A HAR holds such."""
    found = understood(replace(exchange(ask(), said()), response=None))
    assert found.status is None
    assert found.reply.error is not None


# --- what is not

COHERE = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
CLOUDFLARE = {"messages": [{"role": "user", "content": "Hi"}]}
STRANGERS: dict[str, tuple[str, str, Any, str]] = {
    "cohere": ("POST", "/v2/chat", COHERE, "POST /v2/chat"),
    "cloudflare": ("POST", "/client/v4/accounts/ACCOUNT_ID/ai/run/@cf/m", CLOUDFLARE,
                   "POST /client/v4/accounts/ACCOUNT_ID/ai/run/@cf/m"),
    "metrics": ("GET", "/metrics", b"", "GET /metrics"),
    "a batch": ("POST", "/v1/batches", {"input_file_id": "f"}, "POST /v1/batches"),
    "a batch of messages": ("POST", "/v1/messages/batches", {"requests": []}, "POST /v1/messages/batches"),
    "an upload": ("POST", "/v1/files", b"--x\r\n", "POST /v1/files"),
    "one model": ("GET", "/v1/models/m", {"id": "m"}, "GET /v1/models/m"),
    "embeddings": ("POST", "/v1/embeddings", {"model": "m", "input": "Hi"}, "POST /v1/embeddings"),
    "old completions": ("POST", "/v1/completions", {"model": "m", "prompt": "Hi"}, "POST /v1/completions"),
    "counting tokens": ("POST", "/v1/messages/count_tokens", COHERE, "POST /v1/messages/count_tokens"),
    "another body under a known path": ("POST", "/v1/chat/completions", {"model": "m", "prompt": "Hi"},
                                        "POST /v1/chat/completions"),
    "no body under a known path": ("POST", "/v1/chat/completions", b"", "POST /v1/chat/completions"),
    "a list under a known path": ("POST", "/v1/messages", [1], "POST /v1/messages"),
    "binary under a known path": ("POST", "/api/chat", b"\x00\xff", "POST /api/chat"),
    "a known path, looked at": ("GET", "/v1/chat/completions", b"", "GET /v1/chat/completions"),
    "the root": ("GET", "/", b"", "GET /"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_what_no_dialect_reads_is_told_and_not_guessed(name: str) -> None:
    """With method and path, so that a reader knows what it was."""
    method, path, sent, told = STRANGERS[name]
    assert why(fetched(path, method=method, sent=sent)) == f"{UNKNOWN_DIALECT} ({told})"


def test_the_words_for_the_unknown_are_fixed() -> None:
    """Reports are searched for them."""
    assert UNKNOWN_DIALECT == "not understood: dialect unknown"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/batches/batch_689e6c6e7a7c8190a1e0/cancel", "/v1/batches/…/cancel"),
        ("/accounts/0123456789abcdef0123456789abcdef/ai/run/@cf/m", "/accounts/…/ai/run/@cf/m"),
        ("/v1/files/file-one?purpose=secret", "/v1/files/file-one"),
    ],
)
def test_ids_are_left_out_of_reasons(path: str, told: str) -> None:
    """Like things have one reason, and the query is nobody's business."""
    assert why(fetched(path)) == f"{UNKNOWN_DIALECT} (GET {told})"


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": "Hi"},
        {"model": "m", "messages": [1]},
        {"model": 1, "messages": []},
        {"model": "m", "messages": [{"role": "critic", "content": "Hi"}]},
        {"model": "m", "messages": [], "tools": 1},
    ],
)
def test_a_request_that_breaks_its_own_format_says_what_is_wrong(body: Any) -> None:
    """It is recognised, and cannot be read; or what is odd in it is kept as it was."""
    found = read(fetched("/v1/chat/completions", method="POST", sent=body))
    if isinstance(found, Unused):
        assert found.why.startswith("not understood: ")
        assert len(found.why) > len("not understood: ")
    else:
        assert isinstance(found, Seen)


def test_a_broken_message_is_named() -> None:
    """One for certain."""
    told = why(fetched("/v1/chat/completions", method="POST", sent={"model": "m", "messages": [1]}))
    assert told.startswith("not understood: ")
    assert "message" in told


def nested(levels: int, place: str) -> Exchange:
    """A request that has ``levels`` levels of JSON somewhere."""
    deep: Any = 1
    for _ in range(levels):
        deep = {"a": deep}
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "seed": 1}
    places: dict[str, dict[str, Any]] = {
        "schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": deep}}},
        "tool": {"tools": [{"type": "function", "function": {"name": "f", "parameters": deep}}]},
        "patch": {"more": deep},
        "content": {"messages": [{"role": "user", "content": [{"type": "x", "x": deep}]}]},
        "text": {"messages": [{"role": "user", "content": '[\\"' * levels}]},
    }
    return fetched("/v1/chat/completions", method="POST", sent=body | places[place])


@pytest.mark.parametrize("place", ["schema", "tool", "patch", "content"])
def test_deep_nesting_is_refused(place: str) -> None:
    """No client sends such a thing in earnest, and comparing it could end a replay."""
    for levels in (101, 300, 900):
        assert why(nested(levels, place)) == "not understood: the request is nested too deep"
    assert understood(nested(90, place))


def test_brackets_in_texts_are_no_nesting() -> None:
    """However many."""
    assert understood(nested(900, "text"))


@pytest.mark.parametrize("levels", [50, 500, 900, 990, 5_000])
def test_replies_may_be_nested_as_deep_as_they_like(levels: int) -> None:
    """They are looked through, or found to be no reply."""
    one = exchange(ask(), said())
    for frame in ('{"choices":%s}', '{"choices":[{"message":{"content":%s}}]}', "%s", '{"error":%s}', '{"new":%s}'):
        for left, right in ("[]", ('{"a":', "}")):
            body = frame % (left * levels + "1" + right * levels)
            assert one.response is not None
            assert understood(replace(one, response=replace(one.response, body=body.encode())), count_unknown=True)


# --- where it went


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://api.acme.test/v1/chat/completions", "https://api.acme.test"),
        ("https://API.Acme.test/openai/v1/x", "https://api.acme.test"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
        ("https://api.acme.test?key=1", "https://api.acme.test"),
        ("https://api.acme.test", "https://api.acme.test"),
        ("/chat/completions", ""),
    ],
)
def test_an_endpoint_is_scheme_and_host(url: str, endpoint: str) -> None:
    """Hosts are the same in capitals; a query is none of it."""
    assert endpoint_of(url) == endpoint


# --- lists of models


@pytest.mark.parametrize("name", TALKING)
def test_a_list_of_models_is_read_in_its_order(name: str) -> None:
    """As the dialect of the rows reads it: some write ids with a prefix."""
    codec = dialect(name)
    body = codec.encode_models((Listed("b", {}), Listed("a", {}))).body
    path = "/api/tags" if name == "ollama-chat" else "/v1/models"
    found = read(fetched(path, body))

    assert isinstance(found, Listing)
    assert found.endpoint == "https://api.acme.test"
    assert found.models(name) == ("b", "a")


@pytest.mark.parametrize(
    ("body", "status"),
    [({"data": []}, 200), ({"error": "no"}, 401), (b"<html>", 200), ({"data": [{"id": "a"}]}, 500), ([], 200)],
)
def test_a_list_without_models_is_told(body: Any, status: int) -> None:
    """With the status that it came with."""
    assert why(fetched("/v1/models", body, status=status)) == f"a list of models that holds none (HTTP {status})"


def test_a_list_that_never_came_is_told() -> None:
    """A HAR holds such."""
    assert why(replace(fetched("/v1/models"), response=None)) == "a list of models that holds none (no answer)"


# --- media

SNIFFED = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "image/heic": b"\x00\x00\x00\x18ftypheic",
    "image/avif": b"\x00\x00\x00\x18ftypavif",
    "application/pdf": b"%PDF-1.7",
    "audio/wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "audio/flac": b"fLaC\x00",
    "audio/ogg": b"OggS\x00",
    "audio/mpeg": b"ID3\x04",
    "audio/mp4": b"\x00\x00\x00\x18ftypM4A ",
    "video/mp4": b"\x00\x00\x00\x18ftypisom",
    "video/quicktime": b"\x00\x00\x00\x18ftypqt  ",
    "video/webm": b"\x1aE\xdf\xa3",
}


def sent(part: Image | File) -> Image | File:
    """``part`` as it is read from a request."""
    found = understood(exchange(ask((Text("What?"), part)), said()))
    [read_part] = media_of(found.call)
    return read_part


@pytest.mark.parametrize("kind", SNIFFED)
def test_media_become_digests_and_their_bytes_say_what_they_are(kind: str) -> None:
    """Whatever the request calls them."""
    data = SNIFFED[kind] + b"more"
    part = sent(Image(coded(data), "image/x"))

    assert part.data == f"sha256:{sha256(data).hexdigest()}"
    assert part.media_type == kind


def test_bytes_that_say_nothing_keep_the_name_that_they_were_given() -> None:
    """Plain text has no magic."""
    assert sent(Image(coded(b"hello"), "image/x")).media_type == "image/x"
    assert sent(Image(coded(b"RIFF\x00\x00\x00\x00????"), "image/x")).media_type == "image/x"


@pytest.mark.parametrize("written", ["plain", "in lines", "without padding", "for URLs", "in a URL"])
def test_bytes_have_one_digest_however_they_are_written(written: str) -> None:
    """Base64 has several forms."""
    data = b"\x89PNG\xfb\xff\xfe?>" * 8 + b"a"
    text = coded(data)
    assert "+" in text
    assert "/" in text
    text = {
        "plain": text,
        "in lines": "\r\n".join(text[at : at + 13] for at in range(0, len(text), 13)),
        "without padding": text.rstrip("="),
        "for URLs": text.replace("+", "-").replace("/", "_"),
        "in a URL": text,
    }[written]
    part = Image(url=f"data:image/png;base64,{text}") if written == "in a URL" else Image(text, "image/png")
    assert sent(part).data == digest(data)


@pytest.mark.parametrize("text", ["not base64!", "é", "A", ""])
def test_what_is_no_base64_is_no_reason_to_fall_over(text: str) -> None:
    """It has a digest as well, of whatever it is."""
    sent_as = ask((Text("What?"), Image(text, "image/png")))
    assert understood(exchange(sent_as, said()))


def test_media_in_replies_become_digests() -> None:
    """They are large as well."""
    reply = said("Here.", media=(Media("image", "image/png", coded(PNG)),))
    [found] = seen((ask(), reply))
    assert [media.data for media in found.reply.media] == [digest(PNG)]


def test_addresses_of_media_stay() -> None:
    """The key knows some."""
    assert sent(Image(url="https://x.test/a.png")) == Image(url="https://x.test/a.png")


def test_media_are_those_of_the_last_question() -> None:
    """What came before has been answered; text is none, nor is an empty part."""
    first = Message("user", (Image(coded(PNG), "image/png"),))
    last = Message("user", (Text("And this?"), Image(url="https://x.test/b.png"), File("document", text="A duck.")))
    assert list(media_of(Call("m", (first, last)))) == [Image(url="https://x.test/b.png")]
    assert list(media_of(Call("m", ()))) == []
    assert list(media_of(ask("Hi", tools=(Tool("f"),)))) == []


@pytest.mark.parametrize(
    ("part", "cell", "label"),
    [
        (Image("x", "image/png"), "image", "png inline"),
        (Image(url="https://x.test/a/b.webp?sig=SECRET.0123"), "image", "webp by URL"),
        (Image(url="https://x.test/a/SECRET"), "image", "image by URL"),
        (Image(url="https://x.test"), "image", "image by URL"),
        (Image(url="https://x.test/a.SECRETSECRET"), "image", "image by URL"),
        (File("audio", "x", "audio/mpeg"), "audio", "mpeg inline"),
        (File("audio", "x", "audio/x-wav; codecs=1"), "audio", "x-wav inline"),
        (File("video", url="https://x.test/a.mp4"), "video", "mp4 by URL"),
        (File("document", "x", "application/pdf"), "pdf", "pdf inline"),
        (File("document", url="https://x.test/a.PDF?x=1"), "pdf", "pdf by URL"),
        (File("document", url="https://x.test/download"), "pdf", "document by URL"),
        (File("document", url="https://x.test/a.docx"), "", "docx by URL"),
        (File("document", "x", "text/plain"), "", "plain inline"),
        (File("document", "x", ""), "", "document inline"),
    ],
)
def test_a_medium_has_a_cell_and_a_label(part: Image | File, cell: str, label: str) -> None:
    """A label tells the format and the way, and nothing else of an address."""
    assert cell_of(part) == cell
    assert label_of(part) == label


def test_the_key_knows_media_by_their_bytes_and_by_their_place() -> None:
    """And is silent about others."""
    key = AnswerKey((KnownMedium("duck", (sha256(PNG).hexdigest(),), ("https://x.test/a.png",)),))
    assert key.shows(Image(digest(PNG))) == "duck"
    assert key.shows(Image(url="https://x.test/a.png")) == "duck"
    assert key.shows(Image(digest(b"x"))) is None
    assert key.shows(Image(url="https://x.test/b.png")) is None
    assert key.shows(Image()) is None


def test_what_a_medium_shows_answers_only_the_question_for_it() -> None:
    """Another question has another answer, and none is held against the model."""
    key = AnswerKey((KnownMedium("duck", urls=("https://x.test/a.png",), asked=("bird",)),))
    picture = Image(url="https://x.test/a.png")
    assert key.shows(picture, "What BIRD is it?") == "duck"
    assert key.shows(picture, "Is it yellow?") is None


# --- unknown fields


def with_a_new_field(status: int = 200) -> Exchange:
    one = exchange(ask(), said())
    assert one.response is not None
    body = {**json.loads(one.response.body), "karma": 1, "more": {"karma": 2}}
    return replace(one, response=HttpResponse(status, one.response.headers, json.dumps(body).encode()))


def test_unknown_fields_are_counted_when_asked_for() -> None:
    """Their names and nothing of their values."""
    assert understood(with_a_new_field(), count_unknown=True).unknown == {"karma": 1, "more": 1}
    assert not understood(with_a_new_field()).unknown


def test_unknown_fields_of_errors_are_none() -> None:
    """They are as free as their authors."""
    assert not understood(with_a_new_field(500), count_unknown=True).unknown
    assert not understood(exchange(ask(), said()), count_unknown=True).unknown
