"""Whole replies: the JSON body to ``Reply`` and back, and the pieces that streams share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, Other, ToolCall
from llmprobe.dialects.answers import read_body
from llmprobe.dialects.anthropic_messages.request import write_arguments, write_tool_call
from llmprobe.dialects.api_errors import from_json
from llmprobe.dialects.values import join, member, objects, read_count, read_string, read_word
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, Citation, Finish, RateLimit, Reply, Usage

FINISH: dict[str, Finish] = {
    # anthropics/anthropic-sdk-python types/stop_reason.py; the first of a neutral word is the one that is written
    "end_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "pending",
}
_RAW = {neutral: raw for raw, neutral in reversed(FINISH.items())}
THINKING = "thinking"
REDACTED = "redacted_thinking"
"""Place of reasoning that was seen to happen but not shown; its text is ""."""
PIECES = "partial_json"
"""Where a block that was streamed holds the joined text of its input."""
SERVER_TOOLS = ("server_tool_use", "mcp_tool_use")
_BLOCKS = ("text", THINKING, REDACTED, "tool_use", *SERVER_TOOLS, "container_upload")
"""Documented types of blocks; those of results of server tools end in ``_tool_result``."""
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_QUOTE = 300

_COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_input_tokens"),
    *("output_tokens_details", "output_tokens_details.thinking_tokens"),
    # bookkeeping: what was written to the cache, where and at which tariff it ran, how often server tools ran
    *("cache_creation_input_tokens", "cache_creation", "cache_creation.*", "service_tier", "inference_geo", "speed"),
    *("server_tool_use", "server_tool_use.*"),
)
_BLOCK_FIELDS = (
    *("type", "text", "thinking", "id", "name", "input", "input.*"),
    *("citations", *(f"citations[].{name}" for name in ("type", "cited_text", "title", "document_title"))),
    *(f"citations[].{name}" for name in ("url", "source")),
    # proofs and pointers, to be sent back or counted on, which tell nothing to a reader
    *("signature", "data", "caller", "caller.*", "citations[].encrypted_index", "citations[].file_id"),
    *(f"citations[].{name}_index" for name in ("document", "search_result")),
    *(f"citations[].{end}_{what}" for end in ("start", "end") for what in ("char_index", "block_index", "page_number")),
    # what a server tool found: the model's input, not its answer
    *("tool_use_id", "content", "content.*", "content[].*", "is_error", "file_id", "server_name"),
)
_MESSAGE_FIELDS = (
    *("type", "role", "model", "content", *(f"content[].{name}" for name in _BLOCK_FIELDS)),
    *("stop_reason", "stop_details", "stop_details.type", "stop_details.explanation"),
    *("usage", *(f"usage.{name}" for name in _COUNTS)),
    # the word that ended it is among those that were asked for; the rest are addresses
    *("id", "stop_sequence", "stop_details.category", "container", "container.*"),
)
KNOWN = frozenset(
    (
        *_MESSAGE_FIELDS,
        *("message", *(f"message.{name}" for name in _MESSAGE_FIELDS)),
        *("index", "content_block", *(f"content_block.{name}" for name in _BLOCK_FIELDS)),
        *("delta", *(f"delta.{name}" for name in ("type", "text", "thinking", "partial_json", "citation"))),
        *(f"delta.citation{name.removeprefix('citations[]')}" for name in _BLOCK_FIELDS if "citations[]" in name),
        *(f"delta.{name}" for name in _MESSAGE_FIELDS if name.startswith("stop")),
        "delta.signature",  # a proof, to be sent back
        *("error", "error.type", "error.message", "request_id"),
    )
)
"""See ``Dialect.known``."""


def read_whole(response: HttpResponse, *, limits: tuple[RateLimit, ...], asked: bool | None, cut: str) -> Reply:
    """The reply in a JSON body. ``asked``: a stream was asked for. ``cut`` says why the body ended early."""
    oddities: list[str] = []
    value = read_body(response, oddities, cut)
    if isinstance(value, ApiError):
        return Reply(error=value, limits=limits)
    if is_error(value):
        return Reply(error=from_json(value, 200, "body"), limits=limits)
    if not isinstance(value.get("content"), list):
        told = from_json(value, 200, "body").message[:_QUOTE]
        return Reply(error=ApiError("body", 200, f"a reply without content: {told}"), limits=limits)
    if asked:
        oddities.append("a JSON body although a stream was asked for")
    reply = read_message(value, oddities)
    return replace(reply, limits=limits, complete=True, oddities=tuple(dict.fromkeys(oddities)))


def is_error(value: dict[str, JSON]) -> bool:
    """A body or event tells of an error."""
    return value.get("type") == "error" or bool(value.get("error"))


def read_message(message: dict[str, JSON], oddities: list[str]) -> Reply:
    """What a message says, whole or put together from a stream."""
    if message.get("type", "message") != "message":
        oddities.append("type is not message")
    blocks = _read_blocks(message["content"], oddities)
    reasoning, place = _read_reasoning(blocks, oddities)
    finish, raw = _read_finish(message, oddities)
    calls = tuple(_read_call(block, oddities) for block in blocks if block["type"] == "tool_use")
    oddities.extend(_odd_calls(calls, finish))
    details = message.get("stop_details")
    return Reply(
        text=_read_text(blocks, oddities),
        reasoning=reasoning,
        reasoning_place=place,
        tool_calls=calls,
        echo=tuple(_echo(block) for block in blocks if _is_signed(block)),
        server_tools=tuple(read_word(block, "name", oddities) for block in blocks if block["type"] in SERVER_TOOLS),
        citations=tuple(_read_citations(blocks, oddities)),
        refusal=read_word(details, "explanation", oddities) or None if isinstance(details, dict) else None,
        finish=finish,
        finish_raw=raw,
        usage=_read_usage(message.get("usage", ABSENT), oddities),
        model=read_string(message, "model", oddities),
    )


def _read_blocks(content: list[JSON], oddities: list[str]) -> list[dict[str, JSON]]:
    """The blocks that have a type; all others are told of."""
    blocks = [block for block in objects(content) if isinstance(block.get("type"), str)]
    if len(blocks) < len(content):
        oddities.append("a content block that is not an object with a type")
    if not all(block["type"] in _BLOCKS or block["type"].endswith("_tool_result") for block in blocks):
        oddities.append("a content block of an unknown type")
    return blocks


def _read_text(blocks: Iterable[dict[str, JSON]], oddities: list[str]) -> Maybe[str]:
    text: Maybe[str] = ABSENT
    for block in blocks:
        if block["type"] == "text":
            piece = read_string(block, "text", oddities)
            text = join(text, piece)
            if piece is ABSENT:
                oddities.append("a text block without text")
    return text


def _read_reasoning(blocks: list[dict[str, JSON]], oddities: list[str]) -> tuple[Maybe[str], str]:
    """The thoughts and their place. Summaries can be empty, and redacted ones are unreadable: then the text is ""."""
    thoughts = [block for block in blocks if block["type"] == THINKING]
    if not all("signature" in block for block in thoughts):
        oddities.append("a thinking block without a signature")
    if thoughts:
        return "".join(read_word(block, "thinking", oddities) for block in thoughts), THINKING
    return ("", REDACTED) if any(block["type"] == REDACTED for block in blocks) else (ABSENT, "")


def _is_signed(block: dict[str, JSON]) -> bool:
    """The provider can check that ``block`` is its own, and demands it back before a tool's result."""
    proof = block.get({THINKING: "signature", REDACTED: "data"}.get(block["type"], ""))
    return isinstance(proof, str) and bool(proof)


def _echo(block: dict[str, JSON]) -> Other:
    return Other(block["type"], {name: value for name, value in block.items() if name != "type"})


def _read_call(block: dict[str, JSON], oddities: list[str]) -> ToolCall:
    identity, name = read_word(block, "id", oddities), read_word(block, "name", oddities)
    if not identity:
        oddities.append("tool call without an id")
    if block.get(PIECES):
        return ToolCall(identity, name, block[PIECES])
    value = block.get("input")
    if value is None:
        oddities.append("tool call without input")
        return ToolCall(identity, name, "")
    if not isinstance(value, dict):
        oddities.append("tool call input is not an object")
    return ToolCall(identity, name, write_arguments(value))


def _odd_calls(calls: tuple[ToolCall, ...], finish: Maybe[Finish]) -> list[str]:
    """What would trouble a strict client in a reply with these calls."""
    identities = [call.id for call in calls if call.id]
    faults = (
        ("tool call without a name", any(not call.name for call in calls)),
        ("tool calls share an id", len(set(identities)) < len(identities)),
        ("stop_reason is end_turn although tools are called", bool(calls) and finish == "stop"),
        ("stop_reason tells of tool calls that are not there", not calls and finish == "tool_calls"),
    )
    return [words for words, found in faults if found]


def _read_citations(blocks: Iterable[dict[str, JSON]], oddities: list[str]) -> Iterable[Citation]:
    for block in blocks:
        for entry in objects(block.get("citations")) if block["type"] == "text" else ():
            yield Citation(
                "web" if entry.get("type") == "web_search_result_location" else "document",
                title=read_word(entry, "title", oddities) or read_word(entry, "document_title", oddities),
                url=read_word(entry, "url", oddities) or read_word(entry, "source", oddities),
                quote=read_word(entry, "cited_text", oddities),
            )


def _read_finish(message: dict[str, JSON], oddities: list[str]) -> tuple[Maybe[Finish], str]:
    """The neutral finish reason and the raw one; "" and null are both ``None``."""
    raw = read_string(message, "stop_reason", oddities)
    if raw == "":
        oddities.append("stop_reason is empty")
    if not isinstance(raw, str) or not raw:
        return (ABSENT if raw is ABSENT else None), ""
    return FINISH.get(raw, "unknown"), raw


def _read_usage(usage: JSON, oddities: list[str]) -> Maybe[Usage]:
    """Counts of a usage object. In this dialect input is what neither came from the cache nor went there."""
    if not isinstance(usage, dict):
        if usage is not ABSENT and usage is not None:
            oddities.append("usage is not an object")
        return ABSENT if usage is ABSENT else None
    return Usage(
        input=read_count(usage.get("input_tokens", ABSENT), oddities),
        output=read_count(usage.get("output_tokens", ABSENT), oddities),
        reasoning=read_count(member(usage.get("output_tokens_details"), "thinking_tokens"), oddities),
        cached=read_count(usage.get("cache_read_input_tokens", ABSENT), oddities),
    )


def write_reply(reply: Reply) -> dict[str, JSON]:
    """The JSON body that says ``reply``."""
    if reply.error is not None:
        return write_error(reply.error)
    body = write_head(reply) | {"content": write_blocks(reply)} | write_end(reply)
    if reply.usage is ABSENT:
        return body
    first, last = write_usage(reply.usage) if isinstance(reply.usage, Usage) else (None, None)
    return body | {"usage": None if first is None or last is None else first | last}


def write_head(reply: Reply) -> dict[str, JSON]:
    """The fields that a message begins with."""
    head: dict[str, JSON] = {"id": "msg_1", "type": "message", "role": "assistant"}
    return head if reply.model is ABSENT else head | {"model": reply.model}


def write_blocks(reply: Reply) -> list[dict[str, JSON]]:
    """All blocks of the content. The wire has no null for text and reasoning: there is a block, or none."""
    blocks: list[dict[str, JSON]] = []
    if reply.echo:
        blocks += [{"type": part.kind, **part.data} for part in reply.echo]
    elif isinstance(reply.reasoning, str):
        thoughts = {"type": THINKING, "thinking": reply.reasoning, "signature": ""}
        blocks.append({"type": REDACTED, "data": ""} if reply.reasoning_place == REDACTED else thoughts)
    for number, name in enumerate(reply.server_tools, 1):
        blocks.append({"type": "server_tool_use", "id": f"srvtoolu_{number}", "name": name, "input": {}})
    if isinstance(reply.text, str):
        blocks.append({"type": "text", "text": reply.text})
        if reply.citations:
            blocks[-1]["citations"] = [_write_citation(citation) for citation in reply.citations]
    return blocks + [write_tool_call(call) for call in reply.tool_calls]


def _write_citation(citation: Citation) -> dict[str, JSON]:
    title, quoted = citation.title or None, {"cited_text": citation.quote}
    if citation.kind == "web":
        place = {"url": citation.url, "title": title, "encrypted_index": ""}
        return {"type": "web_search_result_location"} | quoted | place
    if citation.url:
        blocks = {"search_result_index": 0, "start_block_index": 0, "end_block_index": 1}
        return {"type": "search_result_location"} | quoted | {"source": citation.url, "title": title} | blocks
    where = {"document_index": 0, "start_char_index": 0, "end_char_index": len(citation.quote)}
    return {"type": "char_location"} | quoted | {"document_title": title} | where


def write_end(reply: Reply) -> dict[str, JSON]:
    """How a message ends: the raw finish reason where it is known."""
    end: dict[str, JSON] = {}
    if reply.finish is not ABSENT:
        neutral = None if reply.finish is None else _RAW.get(reply.finish, reply.finish)
        end = {"stop_reason": reply.finish_raw or neutral, "stop_sequence": None}
    if reply.refusal is not None:
        end["stop_details"] = {"type": "refusal", "category": None, "explanation": reply.refusal}
    return end


def write_usage(usage: Usage) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """The counts that a stream begins with, and those that it ends with."""
    first = {"input_tokens": usage.input, "cache_read_input_tokens": usage.cached}
    last: dict[str, JSON] = {"output_tokens": usage.output}
    if usage.reasoning is not ABSENT:
        last["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return _present(first), _present(last)


def _present(fields: dict[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in fields.items() if value is not ABSENT}


def write_error(error: ApiError) -> dict[str, JSON]:
    """``error`` in the shape that is documented. The type goes by the status; other formats use other words."""
    status = error.status or 0
    other = "api_error" if status >= 500 else "invalid_request_error"
    kind = _ERRORS.get(status, other) if status >= 400 else error.type or "api_error"
    return {"type": "error", "error": {"type": kind, "message": error.message}}
