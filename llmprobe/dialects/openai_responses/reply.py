"""Whole replies: the JSON body to ``Reply`` and back, and the pieces that streams share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from llmprobe.absent import ABSENT, Maybe
from llmprobe.call import JSON, ToolCall
from llmprobe.dialects.answers import read_body
from llmprobe.dialects.api_errors import from_json, write_error
from llmprobe.dialects.openai_chat import reply as chat
from llmprobe.dialects.openai_chat.request import read_tool_call
from llmprobe.dialects.openai_responses.request import read_summary, write_summary, write_tool_call
from llmprobe.dialects.values import join, member, objects, read_count, read_string, read_word
from llmprobe.exchange import HttpResponse
from llmprobe.reply import ApiError, Citation, Finish, Media, RateLimit, Reply, TokenLogprob, Usage

SUMMARY, THOUGHTS = "reasoning.summary", "reasoning.content"
"""Places of reasoning: what OpenAI shows of it, and what servers of open models send."""
FINISH: dict[str, Finish] = {
    # openapi.yaml, Response.status with incomplete_details.reason
    "completed": "stop",
    "incomplete:max_output_tokens": "length",
    "incomplete:content_filter": "content_filter",
    "in_progress": "pending",
    "queued": "pending",
    "cancelled": "error",
    "failed": "error",
}
_STATUS: dict[Finish, str] = {
    "stop": "completed",
    "stop_sequence": "completed",
    "tool_calls": "completed",
    "length": "incomplete:max_output_tokens",
    "content_filter": "incomplete:content_filter",
    "pending": "in_progress",
    "error": "cancelled",
}
CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items that call a tool of the client, and where each has what the tool is given."""
_CLIENT_CALLS = ("computer_call", "local_shell_call", "shell_call", "apply_patch_call")
"""Calls of tools that we never offer; the server does not run them."""
_SILENT = ("mcp_list_tools", "compaction")
_QUOTE = 300


@dataclass
class Output:
    """What the items of ``output`` say."""

    text: Maybe[str] = ABSENT
    thoughts: dict[str, str] = field(default_factory=dict)
    """Reasoning by its place."""
    calls: list[ToolCall] = field(default_factory=list)
    server_tools: list[str] = field(default_factory=list)
    cited: list[Citation] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    """Addresses of what searches found."""
    media: list[Media] = field(default_factory=list)
    refusal: str = ""
    logprobs: Maybe[tuple[TokenLogprob, ...]] = ABSENT

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the text cites, then what was found besides."""
        cited = {citation.url for citation in self.cited}
        found = [url for url in dict.fromkeys(self.sources) if url not in cited]
        return (*self.cited, *(Citation("web", url=url) for url in found))


def read_whole(response: HttpResponse, *, limits: tuple[RateLimit, ...], wanted: bool | None, cut: str) -> Reply:
    """The reply in a JSON body. ``wanted``: a stream was asked for. ``cut`` says why the body ended early, or ""."""
    oddities: list[str] = []
    value = read_body(response, oddities, cut)
    error = value if isinstance(value, ApiError) else failure_of(value, "body")
    if isinstance(value, ApiError) or error is not None:
        return Reply(error=error, limits=limits)
    if not isinstance(value.get("output"), list):
        told = from_json(value, 200, "body").message[:_QUOTE]
        return Reply(error=ApiError("body", 200, f"a reply without output: {told}"), limits=limits)
    if wanted:
        oddities.append("a JSON body although a stream was asked for")
    return make_reply(value, read_output(value["output"], oddities), limits, oddities, complete=True)


def failure_of(value: dict[str, JSON], where: Literal["body", "stream"]) -> ApiError | None:
    """The error that a response object tells, or ``None``."""
    error = chat.error_of(value)
    if error is not None:
        return from_json(error, 200, where)
    if value.get("status") == "failed":
        return ApiError(where, 200, "the response failed without saying why")
    return None


def make_reply(
    value: dict[str, JSON], output: Output, limits: tuple[RateLimit, ...], oddities: list[str], *, complete: bool
) -> Reply:
    """The reply in response object ``value``, whose items say ``output``."""
    finish, raw = _read_finish(value, output, oddities)
    text, reasoning, place = _read_thoughts(output, oddities)
    calls = tuple(output.calls)
    oddities.extend(chat.odd_calls(calls, finish, chat.Asked()))
    return Reply(
        text=text,
        reasoning=reasoning,
        reasoning_place=place,
        tool_calls=calls,
        server_tools=tuple(output.server_tools),
        citations=output.citations,
        media=tuple(output.media),
        refusal=output.refusal or None,
        finish=finish,
        finish_raw=raw,
        usage=_read_usage(value.get("usage", ABSENT), oddities),
        logprobs=output.logprobs,
        model=read_string(value, "model", oddities),
        limits=limits,
        complete=complete,
        oddities=tuple(dict.fromkeys(oddities)),
    )


def _read_finish(value: dict[str, JSON], output: Output, oddities: list[str]) -> tuple[Maybe[Finish], str]:
    """How it ended: ``status``, with the reason behind a colon. Calls and refusals end as "completed" too."""
    status = read_string(value, "status", oddities)
    if not isinstance(status, str) or not status:
        return (ABSENT if status is ABSENT else None), ""
    details = value.get("incomplete_details")
    reason = read_word(details, "reason", oddities) if isinstance(details, dict) else ""
    raw = f"{status}:{reason}" if reason else status
    finish = FINISH.get(raw, "unknown")
    if finish == "stop" and (output.calls or output.refusal):
        finish = "tool_calls" if output.calls else "content_filter"
    return finish, raw


def _read_thoughts(output: Output, oddities: list[str]) -> tuple[Maybe[str], Maybe[str], str]:
    """Text, reasoning and its place; some servers leave it in tags inside the text."""
    for place in (SUMMARY, THOUGHTS):
        if place in output.thoughts:
            return output.text, output.thoughts[place], place
    return chat.read_content(output.text, {}, oddities)


def _read_usage(value: JSON, oddities: list[str]) -> Maybe[Usage]:
    """Token counts; ``output_tokens`` includes reasoning."""
    if not isinstance(value, dict):
        if value is not None and value is not ABSENT:
            oddities.append("usage is not an object")
        return ABSENT if value is ABSENT else None
    return Usage(
        input=read_count(value.get("input_tokens", ABSENT), oddities),
        output=read_count(value.get("output_tokens", ABSENT), oddities),
        total=read_count(value.get("total_tokens", ABSENT), oddities),
        reasoning=read_count(member(value.get("output_tokens_details"), "reasoning_tokens"), oddities),
        cached=read_count(member(value.get("input_tokens_details"), "cached_tokens"), oddities),
    )


def read_output(items: list[JSON], oddities: list[str]) -> Output:
    """What ``items`` say, all messages joined."""
    output = Output()
    for item in items:
        if isinstance(item, dict):
            _read_item(item, output, oddities)
        else:
            oddities.append("an output item that is not an object")
    return output


def _read_item(item: dict[str, JSON], output: Output, oddities: list[str]) -> None:
    kind = item.get("type")
    if kind == "message":
        _read_message(item, output, oddities)
    elif kind == "reasoning":
        _read_reasoning(item, output)
    elif isinstance(kind, str) and kind in CALLS:
        output.calls.append(_read_call(item, CALLS[kind], oddities))
    elif kind == "image_generation_call" and isinstance(item.get("result"), str):
        look = read_word(item, "output_format", oddities)
        output.media.append(Media("image", f"image/{look}" if look else "", item["result"]))
    elif isinstance(kind, str) and kind.endswith("_call") and kind not in _CLIENT_CALLS:
        output.server_tools.append(kind.removesuffix("_call"))
        sources = objects(member(item.get("action"), "sources"))
        output.sources.extend(source["url"] for source in sources if isinstance(source.get("url"), str))
    elif not isinstance(kind, str) or kind not in _SILENT:
        oddities.append("an output item without a word here")


def _read_message(item: dict[str, JSON], output: Output, oddities: list[str]) -> None:
    content = item.get("content")
    if not isinstance(content, list):
        oddities.append("content is not a list of parts")
        content = [{"type": "output_text", "text": content}] if isinstance(content, str) else []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "output_text":
            _read_text(part, output, oddities)
        elif kind == "refusal":
            output.refusal += read_word(part, "refusal", oddities)
        else:
            oddities.append("a content part without a word here")


def _read_text(part: dict[str, JSON], output: Output, oddities: list[str]) -> None:
    text = read_string(part, "text", oddities)
    output.text = join(output.text, text)
    output.cited.extend(_read_citations(part.get("annotations"), text if isinstance(text, str) else ""))
    entries = part.get("logprobs", ABSENT)
    logprobs = chat.read_logprobs({"content": entries} if isinstance(entries, list) else entries, oddities)
    if isinstance(logprobs, tuple):
        output.logprobs = (output.logprobs if isinstance(output.logprobs, tuple) else ()) + logprobs
    elif output.logprobs is ABSENT:
        output.logprobs = logprobs


def _read_citations(annotations: JSON, text: str) -> list[Citation]:
    """Web pages with the part of the text that they stand behind, and files by their names."""
    found = []
    for annotation in objects(annotations):
        title, url = read_word(annotation, "title", []), read_word(annotation, "url", [])
        start, end = annotation.get("start_index"), annotation.get("end_index")
        quote = text[start:end] if isinstance(start, int) and isinstance(end, int) and 0 <= start < end else ""
        if annotation.get("type") == "url_citation":
            found.append(Citation("web", title, url, quote))
        else:
            found.append(Citation("document", title or read_word(annotation, "filename", []), url, quote))
    return found


def _read_reasoning(item: dict[str, JSON], output: Output) -> None:
    """Take in the summary, and the thoughts themselves; an item with neither says nothing."""
    for place, name in ((SUMMARY, "summary"), (THOUGHTS, "content")):
        text = read_summary(item.get(name))
        if text is not None:
            before = output.thoughts.get(place)
            output.thoughts[place] = text if before is None else f"{before}\n\n{text}"


def _read_call(item: dict[str, JSON], given: str, oddities: list[str]) -> ToolCall:
    function = {"name": item.get("name")} | ({"arguments": item[given]} if given in item else {})
    call, odd = read_tool_call({"id": item.get("call_id"), "function": function})
    oddities.extend(odd)
    return call


def write_reply(reply: Reply) -> dict[str, JSON]:
    """The response object that says ``reply``."""
    if reply.error is not None:
        return write_head(reply) | {"status": "failed"} | write_error(reply.error) | {"output": []}
    written = write_head(reply) | _write_status(reply) | {"output": write_items(reply)}
    return written if reply.usage is ABSENT else written | {"usage": _write_usage(reply.usage)}


def write_head(reply: Reply) -> dict[str, JSON]:
    """The fields that every response object begins with."""
    head: dict[str, JSON] = {"id": "resp_1", "object": "response", "created_at": 0}
    return head if reply.model is ABSENT else head | {"model": reply.model}


def _write_status(reply: Reply) -> dict[str, JSON]:
    if reply.finish is ABSENT:
        return {}
    if reply.finish is None:
        return {"status": None}
    refused = reply.finish == "content_filter" and reply.refusal is not None
    raw = reply.finish_raw or ("completed" if refused else _STATUS.get(reply.finish, reply.finish))
    status, _, reason = raw.partition(":")
    return {"status": status, "error": None, "incomplete_details": {"reason": reason} if reason else None}


def write_items(reply: Reply) -> list[dict[str, JSON]]:
    """The items of ``output``."""
    items: list[dict[str, JSON]] = []
    if isinstance(reply.reasoning, str) and reply.reasoning_place != "think":
        items.append(_write_reasoning(reply.reasoning, reply.reasoning_place))
    items.extend({"type": f"{name}_call", "status": "completed"} for name in reply.server_tools)
    items.extend(_write_picture(media) for media in reply.media)
    parts = _write_parts(reply)
    if parts:
        items.append({"type": "message", "role": "assistant", "status": "completed", "content": parts})
    items.extend(write_tool_call(call) | {"status": "completed"} for call in reply.tool_calls)
    return [{"id": f"item_{number}"} | item for number, item in enumerate(items)]


def _write_reasoning(reasoning: str, place: str) -> dict[str, JSON]:
    if place == THOUGHTS:
        return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": reasoning}]}
    return {"type": "reasoning", "summary": write_summary(reasoning)}


def _write_picture(media: Media) -> dict[str, JSON]:
    look = {"output_format": media.media_type.removeprefix("image/")} if media.media_type else {}
    return {"type": "image_generation_call", "status": "completed", "result": media.data} | look


def _write_parts(reply: Reply) -> list[JSON]:
    """The parts of the message. The wire has no null text: none is written where there is none."""
    parts: list[JSON] = []
    text = chat.write_content(reply)["content"] if reply.reasoning_place == "think" else reply.text
    if isinstance(text, str):
        cited = [_write_citation(citation, text) for citation in reply.citations]
        part: dict[str, JSON] = {"type": "output_text", "text": text, "annotations": cited}
        if reply.logprobs is not ABSENT:
            written = chat.write_logprobs(reply.logprobs)
            part["logprobs"] = None if written is None else written["content"]
        parts.append(part)
    if reply.refusal is not None:
        parts.append({"type": "refusal", "refusal": reply.refusal})
    return parts


def _write_citation(citation: Citation, text: str) -> dict[str, JSON]:
    if citation.kind == "document":
        return {"type": "file_citation", "file_id": "file_1", "filename": citation.title, "index": 0}
    start = max(0, text.find(citation.quote))
    end = start + len(citation.quote) if citation.quote in text else start
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": start,
        "end_index": end,
    }


def _write_usage(usage: Usage | None) -> JSON:
    if usage is None:
        return None
    counts: dict[str, JSON] = {}
    for name, value in (
        ("input_tokens", usage.input),
        ("output_tokens", usage.output),
        ("total_tokens", usage.total),
    ):
        if value is not ABSENT:
            counts[name] = value
    if usage.cached is not ABSENT:
        counts["input_tokens_details"] = {"cached_tokens": usage.cached}
    if usage.reasoning is not ABSENT:
        counts["output_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return counts
