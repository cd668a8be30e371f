"""JSON merge patch: how scenarios and probes change a request body without code."""

from __future__ import annotations

from collections.abc import Mapping

from llmprobe.call import JSON


def merge_patch(target: JSON, patch: JSON) -> JSON:
    """``target`` changed by ``patch`` as RFC 7386 says: objects merge, null deletes, all else replaces.

    Neither argument is changed; the result may share parts with both.
    """
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged
