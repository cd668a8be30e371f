"""Applying a scenario's quirks to an encoded request: the only place where providers differ in what is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from llmprobe.exchange import HttpRequest
from llmprobe.json_patch import merge_patch
from llmprobe.scenario import Quirk


def apply_quirks(request: HttpRequest, quirks: Sequence[Quirk]) -> HttpRequest:
    """``request`` with its JSON body renamed and patched by ``quirks``, in order."""
    if not quirks:
        return request
    body = json.loads(request.body)
    for quirk in quirks:
        body = {quirk.rename.get(name, name): value for name, value in body.items()}
        body = merge_patch(body, dict(quirk.patch))
    return replace(request, body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
