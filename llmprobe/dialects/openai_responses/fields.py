"""The fields of replies that are understood, or are known to say nothing that a verdict needs."""

from __future__ import annotations

from collections.abc import Iterable

_PART = (
    # read
    "type",
    "text",
    "refusal",
    "annotations",
    "annotations[].type",
    "annotations[].url",
    "annotations[].title",
    "annotations[].start_index",
    "annotations[].end_index",
    "annotations[].filename",
    "annotations[].file_id",
    "annotations[].index",
    "logprobs",
    "logprobs[].token",
    "logprobs[].logprob",
    "logprobs[].top_logprobs",
    "logprobs[].top_logprobs[].token",
    "logprobs[].top_logprobs[].logprob",
    # the token once more
    "logprobs[].bytes",
    "logprobs[].top_logprobs[].bytes",
)
_ITEM = (
    # read
    "type",
    "role",
    "content",
    *(f"content[].{name}" for name in _PART),
    "summary",
    "summary[].type",
    "summary[].text",
    "call_id",
    "name",
    "arguments",
    "input",
    "result",
    "output_format",
    "action",
    "action.sources",
    "action.sources[].url",
    # what a search looked for, not what it found
    "action.type",
    "action.query",
    "action.queries",
    "action.url",
    "action.sources[].type",
    # to be played back
    "id",
    "encrypted_content",
    "phase",
    # the response's own status says how it ended
    "status",
)
_RESPONSE = (
    # read
    "status",
    "error",
    "error.code",
    "error.message",
    "incomplete_details",
    "incomplete_details.reason",
    "model",
    "output",
    *(f"output[].{name}" for name in _ITEM),
    "usage",
    "usage.input_tokens",
    "usage.input_tokens_details",
    "usage.input_tokens_details.cached_tokens",
    "usage.output_tokens",
    "usage.output_tokens_details",
    "usage.output_tokens_details.reasoning_tokens",
    "usage.total_tokens",
    # counts and prices beside the tokens of the reply
    "usage.input_tokens_details.cache_write_tokens",
    "tool_usage",
    "tool_usage.*",
    "billing",
    "billing.*",
    # names and times
    "id",
    "object",
    "created_at",
    "completed_at",
    # what was asked for, with defaults filled in
    "background",
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "reasoning.*",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "text.*",
    "tool_choice",
    "tool_choice.*",
    "tools",
    "tools[].*",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
)
_EVENT = (
    # read
    "type",
    "sequence_number",
    "output_index",
    "content_index",
    "summary_index",
    "item_id",
    "delta",
    "response",
    *(f"response.{name}" for name in _RESPONSE),
    "item",
    *(f"item.{name}" for name in _ITEM),
    "annotation",
    *(name.replace("annotations[]", "annotation") for name in _PART if name.startswith("annotations[]")),
    *(name for name in _PART if name.startswith(("text", "refusal", "logprobs"))),
    "arguments",
    "input",
    "code",
    "message",
    "param",
    # comes again in the item
    "part",
    *(f"part.{name}" for name in _PART),
    # padding, so that the length of an event does not tell its text
    "obfuscation",
)


def _all(*lists: Iterable[str]) -> frozenset[str]:
    return frozenset(name for names in lists for name in names)


KNOWN = _all(_RESPONSE, _EVENT)
