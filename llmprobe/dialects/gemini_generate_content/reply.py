"""Replies: the JSON body to ``Reply`` and back. The pieces of a stream have the same shape as a whole reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, ToolCall
from llmprobe.dialects.answers import read_body
from llmprobe.dialects.gemini_generate_content.failures import read_failure, write_failure
from llmprobe.dialects.gemini_generate_content.turns import kind_of, read_tool_call, write_tool_call
from llmprobe.dialects.values import join, member, objects, read_count, read_number, read_string, read_word
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, Citation, Finish, Media, RateLimit, Reply, TokenLogprob, Usage

FINISH: Mapping[str, Finish] = {
    # wire/dialects.md, section 4; python-genai types.py, FinishReason
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "RECITATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "LANGUAGE": "error",
    "NO_IMAGE": "error",
    "IMAGE_OTHER": "error",
    "OTHER": "error",
}
_WORDS: Mapping[Finish, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "error": "OTHER",
}
PLACE = "thought"
"""The place of reasoning: parts with this mark."""
_PARTS = frozenset(("text", "functionCall", "inlineData", "fileData", "executableCode", "codeExecutionResult"))
_PARTS |= {"toolCall", "toolResponse", "thought", "thoughtSignature", "videoMetadata", "mediaResolution"}
_SEARCH, _FETCH, _CODE = "google_search", "url_context", "code_execution"


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the request matters for reading the answer. ``stream`` is ``None`` when it is not known."""

    stream: bool | None = None
    events: bool = True
    """A stream is to come as server-sent events, not as a JSON array."""


@dataclass
class Heard:
    """What the pieces of a reply have said so far; a whole reply is one piece."""

    candidate: JSON = ABSENT
    """The index of the first candidate; others are not read."""
    text: Maybe[str] = ABSENT
    reasoning: Maybe[str] = ABSENT
    calls: list[ToolCall] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    server_tools: list[str] = field(default_factory=list)
    searches: dict[tuple[str, str], None] = field(default_factory=dict)
    """Searches and fetches by tool and subject: each piece may tell of them again."""
    citations: dict[tuple[str, str, str], Citation] = field(default_factory=dict)
    finish: JSON = ABSENT
    message: str = ""
    blocked: str = ""
    """Why the prompt was not let through."""
    usage: Maybe[Usage] = ABSENT
    logprobs: Maybe[tuple[TokenLogprob, ...]] = ABSENT
    model: Maybe[str] = ABSENT
    deltas: int = 0
    oddities: list[str] = field(default_factory=list)


def read_whole(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: Asked, cut: str) -> Reply:
    """The reply in a JSON body. ``cut`` says why the body ended early, "" when it is whole."""
    heard = Heard()
    value = read_body(response, heard.oddities, cut)
    if isinstance(value, ApiError):
        return Reply(error=value, limits=limits)
    if value.get("error"):
        return Reply(error=read_failure(value, 200, "body"), limits=limits)
    if isinstance(value.get("predictions"), list):
        return _read_predictions(value, limits, heard.oddities)
    if not _says_something(value):
        return Reply(error=ApiError("body", 200, "a reply without candidates"), limits=limits)
    if asked.stream:
        heard.oddities.append("a JSON body although a stream was asked for")
    read_piece(value, heard)
    return reply_of(heard, Reply(limits=limits, complete=True))


def _says_something(value: dict[str, JSON]) -> bool:
    candidates = value.get("candidates")
    blocked = member(value.get("promptFeedback"), "blockReason")
    return bool(blocked) or (isinstance(candidates, list) and bool(candidates) and isinstance(candidates[0], dict))


def _read_predictions(value: dict[str, JSON], limits: tuple[RateLimit, ...], oddities: list[str]) -> Reply:
    """What a model says that only makes pictures; a picture that was held back comes as the reason for it."""
    entries = objects(value["predictions"])
    blobs = [(read_word(one, "mimeType", oddities), read_word(one, "bytesBase64Encoded", oddities)) for one in entries]
    reasons = filter(None, (read_word(one, "raiFilteredReason", oddities) for one in entries))
    media = tuple(found for kind, data in blobs if data and (found := _media(kind, data=data)))
    reason = next(reasons, None)
    filtered = reason is not None and not media
    if not media and not filtered:
        return Reply(error=ApiError("body", 200, "predictions without a picture"), limits=limits)
    return Reply(
        media=media,
        refusal=reason,
        finish="content_filter" if filtered else ABSENT,
        limits=limits,
        complete=True,
        oddities=tuple(dict.fromkeys(oddities)),
    )


def reply_of(heard: Heard, base: Reply) -> Reply:
    """All that was heard, as a reply; ``base`` has what is not in the pieces."""
    finish, raw = read_finish(heard)
    if base.error is None:
        heard.oddities.extend(_odd_calls(heard.calls))
    return replace(
        base,
        text=heard.text,
        reasoning=heard.reasoning,
        reasoning_place=PLACE if heard.reasoning is not ABSENT else "",
        tool_calls=tuple(heard.calls),
        server_tools=(*heard.server_tools, *(name for name, _ in heard.searches)),
        citations=tuple(heard.citations.values()),
        media=tuple(heard.media),
        refusal=(heard.message or None) if finish == "content_filter" else None,
        finish=finish,
        finish_raw=raw,
        usage=heard.usage,
        logprobs=heard.logprobs,
        model=heard.model,
        oddities=tuple(dict.fromkeys(heard.oddities)),
    )


def read_finish(heard: Heard) -> tuple[Maybe[Finish], str]:
    """The neutral finish reason and the raw one. A reply that calls functions stops like any other on this wire."""
    raw = heard.finish
    if heard.blocked:
        return "content_filter", heard.blocked
    if not isinstance(raw, str) or not raw:
        return (ABSENT if raw is ABSENT else None), ""
    finish = FINISH.get(raw, "unknown")
    return ("tool_calls" if finish == "stop" and heard.calls else finish), raw


def _odd_calls(calls: list[ToolCall]) -> list[str]:
    identities = [call.id for call in calls if call.id]
    return ["tool calls share an id"] if len(set(identities)) < len(identities) else []


def read_piece(value: dict[str, JSON], heard: Heard) -> None:
    """Take in a whole reply or an event of a stream."""
    _read_head(value, heard)
    reason = member(value.get("promptFeedback"), "blockReason")
    if isinstance(reason, str) and reason:
        heard.blocked = reason
        heard.message = read_word(value["promptFeedback"], "blockReasonMessage", heard.oddities)
    candidate = _first_candidate(value.get("candidates"), heard)
    if candidate is not None:
        _read_candidate(candidate, heard)


def _read_head(value: dict[str, JSON], heard: Heard) -> None:
    model = read_string(value, "modelVersion", heard.oddities)
    if isinstance(model, str) and isinstance(heard.model, str) and model != heard.model:
        heard.oddities.append("modelVersion changes in the stream")
    if isinstance(model, str) or heard.model is ABSENT:
        heard.model = model
    usage = value.get("usageMetadata", ABSENT)
    if isinstance(usage, dict):
        heard.usage = _read_usage(usage, heard.oddities)
    elif usage is not ABSENT:
        if usage is not None:
            heard.oddities.append("usageMetadata is not an object")
        heard.usage = heard.usage or None


def _read_usage(usage: dict[str, JSON], oddities: list[str]) -> Usage:
    """Counts. The candidates' leaves thoughts out, and is left out itself where there was nothing but thoughts."""
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")
    prompt, said, thought, total = (read_count(usage.get(name, ABSENT), oddities) for name in names)
    counted = [count for count in (said, thought) if isinstance(count, int)]
    unknown: Maybe[int] = None if None in (said, thought) else ABSENT
    return Usage(
        input=prompt,
        output=sum(counted) if counted else unknown,
        total=total,
        reasoning=thought,
        cached=read_count(usage.get("cachedContentTokenCount", ABSENT), oddities),
        place="usageMetadata",
    )


def _first_candidate(candidates: JSON, heard: Heard) -> dict[str, JSON] | None:
    """What a piece has of the candidate that came first."""
    if candidates is not None and not isinstance(candidates, list):
        heard.oddities.append("candidates is not a list")
    for candidate in objects(candidates):
        if heard.candidate is ABSENT:
            heard.candidate = candidate.get("index", 0)
        if candidate.get("index", 0) == heard.candidate:
            return candidate
    return None


def _read_candidate(candidate: dict[str, JSON], heard: Heard) -> None:
    ended = bool(heard.finish)
    if _read_content(candidate.get("content"), heard):
        heard.deltas += 1
        if ended:
            heard.oddities.append("content after finishReason")
    finish = read_string(candidate, "finishReason", heard.oddities)
    if finish == "":
        heard.oddities.append("finishReason is empty")
    if finish and ended:
        heard.oddities.append("finishReason repeated")
    if finish or (not ended and finish is not ABSENT):
        heard.finish = finish
    heard.message = read_word(candidate, "finishMessage", heard.oddities) or heard.message
    if "logprobsResult" in candidate:
        _read_logprobs(candidate["logprobsResult"], heard)
    _read_grounding(candidate.get("groundingMetadata"), heard)
    _read_citations(candidate.get("citationMetadata"), heard)
    for found in objects(_list_in(candidate.get("urlContextMetadata"), "urlMetadata")):
        heard.searches[_FETCH, str(found.get("retrievedUrl"))] = None


def _list_in(value: JSON, name: str) -> list[JSON]:
    found = member(value, name)
    return found if isinstance(found, list) else []


def _read_content(content: JSON, heard: Heard) -> bool:
    """Take in the content of a candidate; whether it carried text, reasoning or a tool call."""
    parts = member(content, "parts")
    if not isinstance(content, dict) and content is not None:
        heard.oddities.append("content is not an object")
    elif not isinstance(parts, list) and parts is not ABSENT:
        heard.oddities.append("parts is not a list")
    carried = False
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict):
            carried = _read_part(part, heard) or carried
        else:
            heard.oddities.append("a part is not an object")
    return carried


def _read_part(part: dict[str, JSON], heard: Heard) -> bool:
    if not part.keys() & _PARTS:
        heard.oddities.append("a part of an unknown kind")
    for name in ("inlineData", "fileData"):
        if name in part:
            _read_media(part[name], heard)
    if "executableCode" in part:
        heard.server_tools.append(_CODE)
    if "toolCall" in part:
        kind = member(part["toolCall"], "toolType")
        heard.server_tools.append(kind if isinstance(kind, str) else "toolCall")
    called = "functionCall" in part
    if called:
        function = part["functionCall"]
        heard.calls.append(read_tool_call(function if isinstance(function, dict) else {}, heard.oddities))
    return _read_text(part, heard) or called


def _read_text(part: dict[str, JSON], heard: Heard) -> bool:
    if "text" not in part:
        return False
    text = read_string(part, "text", heard.oddities)
    if part.get("thought") is True:
        heard.reasoning = join(heard.reasoning, text)
    else:
        heard.text = join(heard.text, text)
    return bool(text)


def _read_media(blob: JSON, heard: Heard) -> None:
    if not isinstance(blob, dict):
        heard.oddities.append("data that is not an object")
        return
    words = [read_word(blob, name, heard.oddities) for name in ("mimeType", "data", "fileUri")]
    media = _media(words[0], data=words[1], url=words[2])
    if media:
        heard.media.append(media)
    else:
        heard.oddities.append("data that is neither picture nor sound nor film")


def _media(media_type: str, *, data: str = "", url: str = "") -> Media | None:
    kind = kind_of(media_type)
    return None if kind == "document" else Media(kind, media_type, data, url)


def _read_grounding(metadata: JSON, heard: Heard) -> None:
    """What was searched and found; a stream may tell it more than once."""
    for query in _list_in(metadata, "webSearchQueries"):
        heard.searches[_SEARCH, str(query)] = None
    quotes: dict[int, str] = {}
    for support in objects(member(metadata, "groundingSupports")):
        text = member(support.get("segment"), "text")
        for index in _list_in(support, "groundingChunkIndices"):
            if isinstance(index, int) and isinstance(text, str):
                quotes.setdefault(index, text)
    for index, chunk in enumerate(_list_in(metadata, "groundingChunks")):
        _add_citation(_read_chunk(chunk, quotes.get(index, ""), heard.oddities), heard)


def _read_chunk(chunk: JSON, quote: str, oddities: list[str]) -> Citation | None:
    for name in ("web", "maps", "retrievedContext"):
        source = member(chunk, name)
        if isinstance(source, dict):
            title, url = read_word(source, "title", oddities), read_word(source, "uri", oddities)
            if name == "retrievedContext":
                return Citation("document", title, url, read_word(source, "text", oddities) or quote)
            return Citation("web", title, url, quote)
    oddities.append("a source of an unknown kind")
    return None


def _read_citations(metadata: JSON, heard: Heard) -> None:
    """Sources that the text is close to. The name of the list differs between the versions of the API."""
    for name in ("citations", "citationSources"):
        for source in objects(member(metadata, name)):
            title, url = (read_word(source, field, heard.oddities) for field in ("title", "uri"))
            _add_citation(Citation("web", title, url), heard)


def _add_citation(citation: Citation | None, heard: Heard) -> None:
    if citation is not None:
        key = (citation.kind, citation.title, citation.url)
        before = heard.citations.get(key)
        heard.citations[key] = before if before and before.quote else citation


def _read_logprobs(value: JSON, heard: Heard) -> None:
    before = heard.logprobs
    if not isinstance(value, dict):
        if value is not None:
            heard.oddities.append("logprobsResult is not an object")
        heard.logprobs = before or None
        return
    chosen, tops = objects(value.get("chosenCandidates")), _list_in(value, "topCandidates")
    pairs = list(zip_longest(chosen, tops[: len(chosen)]))
    read = tuple(TokenLogprob(*_read_token(token), _read_top(top)) for token, top in pairs)
    heard.logprobs = (before if isinstance(before, tuple) else ()) + read


def _read_top(top: JSON) -> tuple[tuple[str, float | None], ...]:
    return tuple(_read_token(token) for token in objects(member(top, "candidates")))


def _read_token(token: dict[str, JSON]) -> tuple[str, float | None]:
    return str(token.get("token", "")), read_number(token.get("logProbability"))


def write_reply(reply: Reply) -> dict[str, JSON]:
    """The JSON body that says ``reply``."""
    if reply.error is not None:
        return write_failure(reply.error)
    return write_piece(reply, write_parts(reply), last=True)


def write_piece(reply: Reply, parts: list[JSON], *, last: bool) -> dict[str, JSON]:
    """A body or an event with ``parts``; what is told of the reply as a whole is in the ``last`` one."""
    content: dict[str, JSON] = ({"parts": parts} if parts else {}) | {"role": "model"}
    candidate: dict[str, JSON] = {"content": content} | (_write_end(reply) if last else {}) | {"index": 0}
    blocked = {"promptFeedback": _write_block(reply)} if last and _is_block(reply) else {}
    return {"candidates": [candidate]} | blocked | _write_head(reply)


def _is_block(reply: Reply) -> bool:
    """The finish reason is not one of a candidate: it is the prompt that was not let through."""
    return reply.finish == "content_filter" and FINISH.get(reply.finish_raw or "SAFETY") != "content_filter"


def _write_block(reply: Reply) -> dict[str, JSON]:
    told = {} if reply.refusal is None else {"blockReasonMessage": reply.refusal}
    return {"blockReason": reply.finish_raw} | told


def _write_head(reply: Reply) -> dict[str, JSON]:
    """What is told with every piece."""
    head: dict[str, JSON] = {}
    if reply.usage is not ABSENT:
        head["usageMetadata"] = _write_usage(reply.usage) if isinstance(reply.usage, Usage) else None
    if reply.model is not ABSENT:
        head["modelVersion"] = reply.model
    return head | {"responseId": "response-1"}


def write_text(reply: Reply) -> list[tuple[Maybe[str], dict[str, JSON]]]:
    """Reasoning and text, each with the marks of its part."""
    marked: tuple[tuple[Maybe[str], dict[str, JSON]], ...] = ((reply.reasoning, {PLACE: True}), (reply.text, {}))
    return [(text, marks) for text, marks in marked if text is not ABSENT]


def write_parts(reply: Reply) -> list[JSON]:
    """All that ``reply`` says, as parts."""
    return [{"text": text} | marks for text, marks in write_text(reply)] + write_deeds(reply)


def write_deeds(reply: Reply) -> list[JSON]:
    """Code that was run, calls and media, as parts."""
    code = {"executableCode": {"language": "PYTHON", "code": ""}}
    own = [name for name in reply.server_tools if name not in (_SEARCH, _FETCH)]
    ran: list[JSON] = [code if name == _CODE else {"toolCall": {"toolType": name}} for name in own]
    calls = [{"functionCall": write_tool_call(call)} for call in reply.tool_calls]
    return [*ran, *calls, *map(_write_media, reply.media)]


def _write_media(media: Media) -> JSON:
    if media.url:
        return {"fileData": {"mimeType": media.media_type, "fileUri": media.url}}
    return {"inlineData": {"mimeType": media.media_type or f"{media.kind}/*", "data": media.data}}


def _write_end(reply: Reply) -> dict[str, JSON]:
    end: dict[str, JSON] = {}
    if reply.finish is not ABSENT and not _is_block(reply):
        word = None if reply.finish is None else _WORDS.get(reply.finish, "FINISH_REASON_UNSPECIFIED")
        end["finishReason"] = reply.finish_raw or word
    if reply.refusal is not None:
        end["finishMessage"] = reply.refusal
    if reply.logprobs is not ABSENT:
        end["logprobsResult"] = None if reply.logprobs is None else _write_logprobs(reply.logprobs)
    fetched = reply.server_tools.count(_FETCH)
    if fetched:
        end["urlContextMetadata"] = {"urlMetadata": [{"retrievedUrl": f"{n}"} for n in range(fetched)]}
    grounding = _write_grounding(reply)
    return end | ({"groundingMetadata": grounding} if grounding else {})


def _write_grounding(reply: Reply) -> dict[str, JSON]:
    """Searches, sources, and for what each source stands."""
    searched, sources = reply.server_tools.count(_SEARCH), reply.citations
    metadata: dict[str, JSON] = {"webSearchQueries": [f"{n}" for n in range(searched)]} if searched else {}
    if sources:
        metadata["groundingChunks"] = [_write_chunk(source) for source in sources]
        metadata["groundingSupports"] = [
            {"segment": {"text": source.quote}, "groundingChunkIndices": [index]}
            for index, source in enumerate(sources)
            if source.quote and source.kind == "web"
        ]
    return metadata


def _write_chunk(source: Citation) -> JSON:
    written = {"uri": source.url, "title": source.title}
    return {"web": written} if source.kind == "web" else {"retrievedContext": written | {"text": source.quote}}


def _write_usage(usage: Usage) -> dict[str, JSON]:
    said: Any = usage.output
    if isinstance(usage.output, int) and isinstance(usage.reasoning, int):
        said = usage.output - usage.reasoning
    counts = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": said,
        "thoughtsTokenCount": usage.reasoning,
        "cachedContentTokenCount": usage.cached,
        "totalTokenCount": usage.total,
    }
    return {name: count for name, count in counts.items() if count is not ABSENT}


def _write_logprobs(logprobs: tuple[TokenLogprob, ...]) -> dict[str, JSON]:
    return {
        "topCandidates": [{"candidates": [_write_token(*token) for token in entry.top]} for entry in logprobs],
        "chosenCandidates": [_write_token(entry.token, entry.logprob) for entry in logprobs],
    }


def _write_token(token: str, logprob: float | None) -> dict[str, JSON]:
    return {"token": token, "logProbability": logprob}
