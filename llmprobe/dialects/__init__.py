"""The wire formats, by name. A new one is a file in this folder and a line in ``_MODULES``."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from llmprobe.dialects.base import DecodeError, Dialect, Listed
from llmprobe.errors import UsageError
from llmprobe.exchange import HttpRequest

__all__ = ["DecodeError", "Dialect", "Listed", "dialect", "names", "recognised"]

_MODULES = {
    "openai-chat": ("llmprobe.dialects.openai_chat", "OpenAiChat"),
    "gemini-generate-content": ("llmprobe.dialects.gemini_generate_content", "GeminiGenerateContent"),
    "anthropic-messages": ("llmprobe.dialects.anthropic_messages", "AnthropicMessages"),
    "openai-responses": ("llmprobe.dialects.openai_responses", "OpenAiResponses"),
    "ollama-chat": ("llmprobe.dialects.ollama_chat", "OllamaChat"),
    "openai-images": ("llmprobe.dialects.openai_images", "OpenAiImages"),
}


def names() -> tuple[str, ...]:
    """The known dialects."""
    return tuple(_MODULES)


def recognised(request: HttpRequest) -> Dialect | None:
    """The dialect that ``request`` asks a model in, ``None`` when no dialect here reads it."""
    return next((codec for name in _MODULES if (codec := dialect(name)).recognises(request)), None)


@cache
def dialect(name: str) -> Dialect:
    """The dialect called ``name``; ``UsageError`` when there is none."""
    if name not in _MODULES:
        raise UsageError(f"unknown dialect {name!r}; known: {', '.join(_MODULES)}")
    module, attribute = _MODULES[name]
    codec: Dialect = getattr(import_module(module), attribute)()
    return codec
