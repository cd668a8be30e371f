"""The reply fields of this format and its relatives that are understood, or known to say nothing.

Source: the recordings, field by field; wire/dialects.md for what they do not show.
"""

from __future__ import annotations

from collections.abc import Iterable


def _under(place: str, *names: str) -> Iterable[str]:
    return [f"{place}.{name}" for name in names]


def _message(place: str) -> Iterable[str]:
    """Fields of a message or a delta at ``place``."""
    return [
        place,
        # read
        *_under(place, "role", "content", "reasoning", "reasoning_content", "refusal"),
        *_under(f"{place}.content[]", "type", "text", "thinking", "reference_ids", "title", "url", "description"),
        *_under(f"{place}.content[].thinking[]", "type", "text"),
        *_under(place, "tool_calls"),
        *_under(f"{place}.tool_calls[]", "index", "id", "type", "function", "function.name", "function.arguments"),
        *_under(place, "annotations", "images", "audio", "audio.data", "audio.transcript"),
        *_under(f"{place}.annotations[]", "type", "url_citation", "url_citation.*", "url", "title", "content"),
        *_under(f"{place}.annotations[]", "start_index", "end_index"),
        *_under(f"{place}.images[]", "type", "image_url", "image_url.url"),
        *_under(place, "executed_tools"),
        *_under(f"{place}.executed_tools[]", "index", "type", "name", "search_results", "search_results.results"),
        *_under(f"{place}.executed_tools[].search_results.results[]", "title", "url", "content"),
        # what a tool of the server was asked and said, and how well a result fits
        *_under(f"{place}.executed_tools[]", "arguments", "output", "search_results.results[].score"),
        # an address of the sound for later turns
        *_under(f"{place}.audio", "id", "expires_at"),
        # "analysis", beside a piece of reasoning
        f"{place}.channel",
        # ``reasoning`` again, in another wrapping
        f"{place}.reasoning_details",
        f"{place}.reasoning_details[].*",
    ]


def _usage(place: str) -> Iterable[str]:
    """Counts of tokens at ``place``."""
    read = ("prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "prompt_tokens_details")
    prompt = ("cached_tokens", "audio_tokens", "text_tokens", "image_tokens", "video_tokens", "cache_write_tokens")
    completion = ("reasoning_tokens", "audio_tokens", "text_tokens", "image_tokens")
    return [
        place,
        *_under(place, *read, "completion_tokens_details"),
        *_under(f"{place}.prompt_tokens_details", *prompt),
        *_under(f"{place}.completion_tokens_details", *completion),
        # guesses of what will be said, which the server makes or is given
        *_under(f"{place}.completion_tokens_details", "accepted_prediction_tokens", "rejected_prediction_tokens"),
        # what was in a cache, told in a second way
        *_under(place, "prompt_cache_hit_tokens", "prompt_cache_miss_tokens"),
        # seconds
        *_under(place, "prompt_time", "completion_time", "queue_time", "total_time", "prompt_audio_seconds"),
        # what it cost, and how much was searched
        *_under(place, "cost", "cost.*", "cost_details", "cost_details.*", "is_byok"),
        *_under(place, "citation_tokens", "num_search_queries", "search_context_size"),
    ]


def _logprobs(place: str) -> Iterable[str]:
    """A list of tokens at ``place``."""
    token = ("token", "logprob", "bytes", "id")
    return [
        place,
        *_under(f"{place}[]", *token, "top_logprobs"),
        *_under(f"{place}[].top_logprobs[]", *token),
    ]


KNOWN: frozenset[str] = frozenset(
    [
        # read
        *("model", "system_fingerprint", "choices", "choices[].index", "choices[].finish_reason"),
        *("choices[].logprobs", "choices[].logprobs.refusal"),
        *_under("choices[].logprobs", "tokens", "token_logprobs", "top_logprobs", "top_logprobs[].*"),
        *_logprobs("choices[].logprobs.content"),
        *_logprobs("choices[].logprobs.reasoning_content"),
        *_message("choices[].message"),
        *_message("choices[].delta"),
        *_usage("usage"),
        *("x_groq", *_usage("x_groq.usage"), *_usage("choices[].usage")),
        *("timings", "timings.*"),
        *("citations", "search_results", "images"),
        *_under("search_results[]", "title", "url", "snippet"),
        *_under("images[]", "image_url", "origin_url"),
        *("error", "error.*", "choices[].error", "choices[].error.*"),
        # the error again
        *("detail", "detail.*"),
        # names and times of the reply, and which of several servers gave it
        *("id", "object", "created", "provider", "service_tier", "x_groq.id"),
        # the finish reason in the words of that server
        "choices[].native_finish_reason",
        # the seed that was used: the one asked for, or one that the server took by itself
        "x_groq.seed",
        # usage by model, where several worked on one reply
        *("usage_breakdown", "usage_breakdown.*", "x_groq.usage_breakdown", "x_groq.usage_breakdown.*"),
        # how old a source is, how large a picture, and what else could be asked
        *("search_results[].date", "search_results[].last_updated", "images[].height", "images[].width"),
        "related_questions",
        # padding against guesses by length
        *("obfuscation", "p"),
    ]
)
