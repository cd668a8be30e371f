"""Where the shipped probe and scenario files lie: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from llmprobe.errors import UsageError

Kind: TypeAlias = Literal["probes", "scenarios"]

PACKAGE = Path(__file__).resolve().parent


def data_folder(kind: Kind) -> Path:
    """The folder of the shipped ``kind`` files.

    The packaged one comes first: it exists in a wheel only, so an editable install reads the live files.
    """
    places = (PACKAGE / "_data" / kind, PACKAGE.parent / kind)
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        tried = " nor ".join(str(place) for place in places)
        raise UsageError(f"llmprobe's {kind} are missing, neither {tried} exists: reinstall it")
    return found
