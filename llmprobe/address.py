"""Addresses: how a case is called in journals, notes and scoreboards."""

from __future__ import annotations

import re

LISTING = "models"
"""The request for the model list."""


def contact_address(model: str) -> str:
    """The first talk with ``model``."""
    return f"{_safe(model)}:contact"


def case_address(model: str, thinking: bool, stream: bool, probe: str) -> str:
    """A probe on a row: ``model:plain:sync:stop``; control characters of ids are percent-encoded."""
    return f"{_safe(model)}:{'thinking' if thinking else 'plain'}:{'stream' if stream else 'sync'}:{probe}"


def _safe(model: str) -> str:
    return re.sub(r"[\x00-\x20%\x7f-\x9f]", lambda match: f"%{ord(match[0]):02X}", model)
