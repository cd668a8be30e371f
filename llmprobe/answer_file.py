"""The shipped list of media whose content is known."""

from __future__ import annotations

from functools import cache

from llmprobe.files import data_folder
from llmprobe.replay.answers import AnswerKey
from llmprobe.strict_yaml import bind, load_file


@cache
def answer_key() -> AnswerKey:
    """``probes/media/answers.yaml``."""
    return bind(load_file(data_folder("probes") / "media" / "answers.yaml"), AnswerKey)
