"""Image input: digits that cannot be guessed, a blank control, and the count of prompt tokens."""

from __future__ import annotations

import base64
from itertools import count
from random import Random
from typing import Any

import pytest

from llmprobe.absent import ABSENT
from llmprobe.call import Call, Image
from llmprobe.pictures import read_digits
from llmprobe.reply import Reply
from tests.talks import FEATURES, Endpoint, counts, demo, dropping, has_picture, later, refusal, said, talk, when


def shown(call: Call) -> str | None:
    """The digits in the picture of a call, "" for a blank one, ``None`` without a picture."""
    content = call.messages[-1].content
    pictures = [part for part in content if isinstance(part, Image)] if isinstance(content, tuple) else []
    return read_digits(base64.b64decode(pictures[0].data)) if pictures else None


def looking(sees: bool = True, counted: int | None = 85, text: str = "{}", **fields: Any) -> Endpoint:
    """Reads the digits or makes some up; a picture counts ``counted`` tokens, or nothing is counted at all."""
    luck = Random(1)

    def reply(call: Call) -> Reply:
        digits = shown(call)
        guess = f"{luck.randrange(10_000, 100_000)}"
        spoken = text.format(digits if sees else guess) if digits else "I see none."
        usage = ABSENT if counted is None else counts(12 + (counted if digits is not None else 0), 5)
        return said(spoken, usage=usage, **fields)

    return reply


@pytest.mark.parametrize(
    ("endpoint", "outcome", "why"),
    [
        (looking(), "supported", "reads digits"),
        (looking(text="The digits are **{}**."), "supported", "reads digits"),
        (looking(counted=0), "supported", "reads digits"),
        (looking(counted=None), "supported", "reads digits"),
        (looking(sees=False, counted=0), "ignored", "accepted and dropped"),
        (looking(sees=False, counted=2), "ignored", "accepted and dropped"),
        (looking(sees=False, counted=85), "inconclusive", "adds 85 prompt tokens, but its digits are not read"),
        (looking(sees=False, counted=None), "inconclusive", "without token counts"),
        (looking(text="A banana."), "inconclusive", "adds 85 prompt tokens"),
        (looking(text=""), "inconclusive", "adds 85 prompt tokens"),
        (looking(finish="length"), "inconclusive", "ran out"),
        (looking(refusal="I cannot look at pictures."), "inconclusive", "filtered"),
    ],
)
def test_only_digits_that_were_read_are_green_and_only_a_dropped_picture_is_red(
    endpoint: Endpoint, outcome: str, why: str
) -> None:
    """TRAPS 15: read, spelled otherwise, guessed, dropped, seen but not read, no counts to tell by."""
    done = talk("image", endpoint)

    assert done.outcome == outcome
    assert why in done.verdict.reason


def test_digits_apart_are_read_as_well() -> None:
    """1 2 3 4 5."""
    assert talk("image", lambda call: said(" ".join(shown(call) or "none"))).outcome == "supported"


def test_every_trial_draws_another_picture_and_its_digits_stand_nowhere_else() -> None:
    """Not in the text, not readable in the bytes; the blank is a picture too."""
    done = talk("image", looking())
    codes = [shown(call) or "" for call in done.calls("picture")]

    assert len(set(codes)) == 8
    assert all(len(code) == 5 for code in codes)
    assert {shown(call) for call in done.calls("blank")} == {""}
    assert {shown(call) for call in done.calls("control")} == {None}
    for call, code in zip(done.calls("picture"), codes, strict=True):
        content = call.messages[0].content
        assert isinstance(content, tuple)
        text, picture = content
        assert isinstance(picture, Image)
        assert code not in f"{text}"
        assert code.encode() not in base64.b64decode(picture.data)


@pytest.mark.parametrize(
    "message",
    ["messages[0].content must be a string", "Image input is not enabled for this model",
     "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"],
)  # fmt: skip
def test_a_text_model_that_says_so_is_rejected(message: str) -> None:
    """Groq, Mistral, llama.cpp."""
    status = 500 if "mmproj" in message else 400

    assert talk("image", when(has_picture, refusal(message, status), demo())).outcome == "rejected"


@pytest.mark.parametrize(
    "reply",
    [refusal("Invalid image data"), refusal("image: unknown format", 500), refusal("failed to fetch image"), later(),
     later(502), refusal("Insufficient Balance", 402), refusal("no", 401), refusal("request too large", 413)],
)  # fmt: skip
def test_a_picture_that_did_not_get_there_says_nothing(reply: Reply) -> None:
    """Our request, the format, the day, the purse."""
    assert talk("image", when(has_picture, reply, demo())).outcome == "inconclusive"


def test_eyes_that_open_now_and_then_are_flaky() -> None:
    """A backend without eyes behind the same name."""
    numbers = count()
    seeing, blind = looking(), looking(sees=False, counted=0)

    assert talk("image", lambda call: (seeing if next(numbers) % 3 else blind)(call)).outcome == "flaky"
    assert talk("image", dropping("image", 0.5, 2)).outcome == "flaky"


def test_the_demo_brain_agrees() -> None:
    """Seeing, and blind."""
    assert talk("image", demo()).outcome == "supported"
    assert talk("image", demo(image="unseen")).outcome == "ignored"
    assert FEATURES["image"].asked(talk("image", demo()).calls("picture")[0])
