"""Error bodies: whatever their shape, the message, type, code and param are found."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.dialects.api_errors import from_json, read_error, write_error
from llmprobe.reply import ApiError


def parts(value: Any) -> tuple[str, str, str, str]:
    error = read_error(400, json.dumps(value).encode(), "status")
    assert (error.where, error.status) == ("status", 400)
    return error.message, error.type, error.code, error.param


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # OpenAI
        (
            {
                "error": {
                    "message": "Unsupported parameter: 'stop' is not supported with this model.",
                    "type": "invalid_request_error",
                    "param": "stop",
                    "code": "unsupported_parameter",
                }
            },
            (
                "Unsupported parameter: 'stop' is not supported with this model.",
                "invalid_request_error",
                "unsupported_parameter",
                "stop",
            ),
        ),
        ({"error": {"message": "m", "type": None, "param": None, "code": None}}, ("m", "", "", "")),
        # whole numbers and numbers in strings as codes
        ({"error": {"message": "m", "code": 400}}, ("m", "", "400", "")),
        ({"error": {"message": "m", "code": "400", "param": "x"}}, ("m", "", "400", "x")),
        # flat
        ({"message": "m", "type": "t", "param": "p", "code": "c"}, ("m", "t", "c", "p")),
        ({"object": "error", "message": "m", "type": "t", "code": "1500", "param": None}, ("m", "t", "1500", "")),
        ({"status_code": 422, "error": {"message": "m", "type": "t"}}, ("m", "t", "", "")),
        (
            {"code": 403, "reason": "INVALID_API_KEY", "message": "m", "metadata": {}},
            ("m", "INVALID_API_KEY", "403", ""),
        ),
        # just words
        ({"error": "model not found"}, ("model not found", "", "", "")),
        ({"error": "m", "code": 7, "type": "t", "param": "p"}, ("m", "t", "7", "p")),
        ({"detail": "Unauthorized"}, ("Unauthorized", "", "", "")),
        ("Unauthorized", ("Unauthorized", "", "", "")),
        (
            {"error": "Bad Request", "message": "temperature must be positive"},
            ("temperature must be positive", "", "", ""),
        ),
        ({"error": True, "message": "m"}, ("m", "", "", "")),
        # FastAPI
        (
            {"detail": [{"loc": ["body", "stop", 0], "msg": "Field required", "type": "missing"}]},
            ("stop.0: Field required (missing)", "", "", ""),
        ),
        (
            {"detail": [{"loc": ["body"], "msg": "a"}, {"loc": None, "msg": "b", "type": 3}, "c", 4]},
            ("a; b; c; 4", "", "", ""),
        ),
        # Mistral: the same inside a message
        (
            {
                "object": "error",
                "message": {
                    "detail": [{"type": "enum", "loc": ["body", "tools"], "msg": "Input should be 'function'"}]
                },
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            },
            ("tools: Input should be 'function' (enum)", "invalid_request_error", "", ""),
        ),
        # Google, Cloudflare, wrapped ones
        (
            [{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}],
            ("m", "INVALID_ARGUMENT", "400", ""),
        ),
        ({"success": False, "errors": [{"code": 5007, "message": "m"}], "result": None}, ("m", "", "5007", "")),
        ({"errors": ["m", "n"]}, ("m; n", "", "", "")),
        ({"detail": {"error": {"message": "m", "code": "c"}}}, ("m", "", "c", "")),
        ({"error": {"error": {"message": "m", "param": "p"}}, "code": 1}, ("m", "", "1", "p")),
        # OpenRouter: what the server behind it said
        (
            {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": '{"msg":"no stop"}'}}},
            ('Provider returned error: {"msg":"no stop"}', "", "400", ""),
        ),
        # Groq: what the model wrote is left out
        (
            {"error": {"message": "m", "type": "t", "code": "tool_use_failed", "failed_generation": "364"}},
            ("m", "t", "tool_use_failed", ""),
        ),
        # nothing that could be understood
        ({"error": {"message": ""}}, ('{"message": ""}', "", "", "")),
        ({"error": {}}, ('{"error": {}}', "", "", "")),
        ({}, ("{}", "", "", "")),
        ([], ("[]", "", "", "")),
        ("", ('""', "", "", "")),
        (None, ("null", "", "", "")),
        (7, ("7", "", "", "")),
    ],
)
def test_every_shape_is_understood(body: Any, expected: tuple[str, str, str, str]) -> None:
    """Message, type, code and param, each "" when it is not told."""
    assert parts(body) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "HTTP 502 without a body"),
        (b" \n", "HTTP 502 without a body"),
        (b"upstream timed out", "upstream timed out"),
        (
            b"\xef\xbb\xbf<!DOCTYPE html><html><head><title>401 Authorization Required</title>",
            "an HTML page: 401 Authorization Required",
        ),
        (b"<HTML>\n<Title lang=en>\n Bad\n</Title>", "an HTML page: Bad"),
        (b"<html></html>", "an HTML page"),
        (b"\xff", "\ufffd"),
        (b"x" * 5000, "x" * 2000 + "…"),
        (b'{"error":', '{"error":'),
        (b'{"error":"\\ud83d"}', "\ufffd\ufffd\ufffd"),
    ],
)
def test_what_is_no_json_is_quoted(body: bytes, message: str) -> None:
    """Shortened, and of a page only its title."""
    assert read_error(502, body, "status").message == message


def test_the_wait_is_carried_along() -> None:
    """Both where the body is understood and where it is not."""
    assert read_error(429, b'{"error":"slow"}', "status", 3.5).retry_after == 3.5
    assert read_error(429, b"slow", "status", 3.5).retry_after == 3.5


@pytest.mark.parametrize("deep", ["[" * 5000 + "]" * 5000, '{"error":' * 700 + "1" + "}" * 700, "[" * 300 + "]" * 300])
def test_deep_nesting_is_quoted_too(deep: str) -> None:
    """It is no reason to fall over."""
    assert len(read_error(500, deep.encode(), "status").message) <= 2001
    assert read_error(500, ('{"detail":' + deep + "}").encode(), "status").status == 500


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
errors = st.builds(
    ApiError, st.just("status"), st.integers(400, 599), words.filter(bool), type=words, code=words, param=words
)


@given(errors)
def test_a_written_error_is_read_again(error: ApiError) -> None:
    """In the shape that OpenAI documents."""
    assert read_error(error.status, json.dumps(write_error(error)).encode(), "status") == error
    assert from_json(write_error(error), error.status, "status") == error


scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
members = st.sampled_from(
    ["error", "errors", "detail", "message", "msg", "loc", "type", "code", "param", "metadata", "raw"]
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=4))


@given(values)
def test_any_json_can_be_read(value: Any) -> None:
    """Whatever stands where something else was expected."""
    message, *others = parts(value)
    assert len(message) <= 2001
    assert all(isinstance(text, str) for text in others)


@given(st.binary(max_size=60))
def test_any_bytes_can_be_read(body: bytes) -> None:
    """And there is always something to show."""
    assert read_error(500, body, "status").message
