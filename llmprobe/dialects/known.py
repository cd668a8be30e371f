"""Which fields of replies are not understood: so that nothing a provider says is passed over in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from llmprobe.call import JSON
from llmprobe.dialects.json_text import decode_text, read_json
from llmprobe.dialects.sse import is_stream, read_events
from llmprobe.exchange import HttpResponse


def unknown_fields(response: HttpResponse, known: frozenset[str]) -> Counter[str]:
    """Paths of fields in ``response`` that are not in ``known``, with how often each came.

    A path is as in ``choices[].message.content``; a known path that ends in ``.*`` or ``[]`` covers all that is below
    it. Bodies are one JSON value, server-sent events, or one JSON value a line.
    """
    found: Counter[str] = Counter()
    for value in _values(response):
        found.update(_walk(value, "", known))
    return found


def _values(response: HttpResponse) -> Iterator[JSON]:
    kind = response.header("content-type") or ""
    if is_stream(response):
        texts = [event.data for event in read_events(response.body).events]
    elif "ndjson" in kind:
        texts = decode_text(response.body, []).split("\n")
    else:
        texts = [decode_text(response.body, [])]
    for text in texts:
        try:
            yield read_json(text, [])
        except ValueError:
            continue


def _walk(value: JSON, path: str, known: frozenset[str]) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            below = f"{path}.{name}" if path else name
            if below not in known and f"{path}.*" not in known:
                yield below
            elif isinstance(inner, (dict, list)) and f"{below}.*" not in known:
                yield from _walk(inner, below, known)
    elif isinstance(value, list) and f"{path}[].*" not in known:
        for inner in value:
            yield from _walk(inner, f"{path}[]", known)
