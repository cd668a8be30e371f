"""Recorded traffic with OpenAI's image endpoint: of small recordings there are refusals only."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

from llmprobe.call import Call, Message
from llmprobe.dialects import dialect, recognised
from llmprobe.dialects.known import unknown_fields
from llmprobe.exchange import Exchange
from llmprobe.reply import Reply
from tests.recorded import RECORDINGS, exchanges, needs_recordings

pytestmark = needs_recordings

CODEC = dialect("openai-images")


@cache
def recorded() -> tuple[tuple[Exchange, Call, Reply], ...]:
    """Every exchange in this format, decoded."""
    found = (
        exchange
        for provider in ("openaichat", "openairesponses")
        for cassette in sorted(RECORDINGS.glob(f"*/{provider}/**/*.yaml"))
        if "image" in cassette.as_posix().lower()  # in the name of the model, the case or the probe
        for exchange in exchanges(cassette)
        if recognised(exchange.request) is CODEC
    )
    return tuple((one, CODEC.decode_call(one.request), CODEC.decode_reply(one)) for one in found)


def test_the_recordings_are_there() -> None:
    """Wrong keys and wrong models, in both snapshots."""
    counted = Counter(one.response.status for one, _, _ in recorded() if one.response)
    assert counted[400] >= 4
    assert counted[401] >= 4
    assert {one.case.split("/")[0] for one, _, _ in recorded()} == {"2025-08", "2026-08"}


def test_requests_are_written_again_as_they_were() -> None:
    """The same JSON; one prompt each."""
    for exchange, call, _ in recorded():
        assert json.loads(CODEC.encode_call(call).body) == json.loads(exchange.request.body), exchange.case
        assert call.messages == (Message("user", "Tell a short joke."),)
        assert not call.stream


def test_every_answer_is_understood() -> None:
    """A picture, or the reason why there is none; no field of a 200 is passed over."""
    for exchange, _, reply in recorded():
        assert exchange.response is not None
        if exchange.response.status == 200:
            assert reply.media, exchange.case
            assert not unknown_fields(exchange.response, CODEC.known), exchange.case
        else:
            assert reply.error is not None
            assert (reply.error.where, reply.error.status) == ("status", exchange.response.status)


def test_what_the_refusals_say() -> None:
    """The wording of a wrong model changed within the year, its code did not."""
    codes = {(reply.error.code, reply.error.param) for _, _, reply in recorded() if reply.error}
    assert codes == {("invalid_value", "model"), ("invalid_api_key", "")}
