"""The demo provider on its sockets: the official SDK, keep-alive, determinism, and requests gone wrong."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from click.testing import CliRunner

from llmprobe.cli.demo import demo
from llmprobe.demo.models import MODELS
from llmprobe.demo.server import running
from llmprobe.errors import UsageError
from llmprobe.pictures import digits_png

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
    "additionalProperties": False,
}
LOOK_UP: Any = {"type": "function", "function": {"name": "look_up", "parameters": PARAMETERS}}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(seed=7) as url:
        yield url


@pytest.fixture
def web(base: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base, trust_env=False) as client:
        yield client


@pytest.fixture
def sdk(base: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base, api_key="unused", max_retries=0) as client:
        yield client


def said(prompt: str) -> Any:
    return [{"role": "user", "content": prompt}]


def post(web: httpx.Client, prompt: str = "Write 20 random words.", model: str = "perfect", **more: Any) -> Any:
    response = web.post("/chat/completions", json={"model": model, "messages": said(prompt), **more})
    return response.json()["choices"][0]["message"]["content"]


# The official SDK


def test_the_sdk_lists_the_models(sdk: openai.OpenAI) -> None:
    """All models are listed, in their order."""
    assert [traits.name for traits in MODELS] == [model.id for model in sdk.models.list()]


def test_the_sdk_gets_a_reply(sdk: openai.OpenAI) -> None:
    """Text, finish reason and usage arrive where the SDK expects them."""
    reply = sdk.chat.completions.create(model="perfect", messages=said("Repeat this code: k7q2x"))
    assert reply.choices[0].message.content == "k7q2x"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0


def test_the_sdk_reads_a_stream(sdk: openai.OpenAI) -> None:
    """Pieces join to the text, one finish reason comes, and usage last because it was asked for."""
    chunks = list(
        sdk.chat.completions.create(
            model="perfect",
            messages=said("Count from 1 to 30 in words."),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    pieces = [choice.delta.content for choice in choices if choice.delta.content]
    assert "".join(pieces).startswith("one, two, three")
    assert "".join(pieces).endswith("thirty")
    assert len(pieces) > 5
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert [bool(chunk.usage) for chunk in chunks].index(True) == len(chunks) - 1


def test_a_stream_without_include_usage_has_none(sdk: openai.OpenAI) -> None:
    """Usage in a stream comes on request only, as with OpenAI."""
    stream = sdk.chat.completions.create(model="perfect", messages=said("Hi"), stream=True)
    assert not any(chunk.usage for chunk in stream)


def test_the_sdk_does_a_tool_round_trip(sdk: openai.OpenAI) -> None:
    """A forced call, its result, and an answer that holds the result."""
    messages = said("Use look_up with k7q2x.")
    first = sdk.chat.completions.create(model="perfect", messages=messages, tools=[LOOK_UP], tool_choice="required")
    assert first.choices[0].finish_reason == "tool_calls"
    assert first.choices[0].message.tool_calls is not None
    call = first.choices[0].message.tool_calls[0]
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"code": "k7q2x"}
    messages += [
        first.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "the answer is z9"},
    ]
    second = sdk.chat.completions.create(model="perfect", messages=messages, tools=[LOOK_UP])
    assert "the answer is z9" in (second.choices[0].message.content or "")


def test_the_sdk_joins_a_streamed_tool_call(sdk: openai.OpenAI) -> None:
    """The SDK's own stream helper puts the pieces of a call together."""
    messages = said("Use look_up with k7q2x.")
    with sdk.chat.completions.stream(model="perfect", messages=messages, tools=[LOOK_UP]) as stream:
        reply = stream.get_final_completion()
    calls = reply.choices[0].message.tool_calls
    assert calls is not None
    assert [(one.function.name, one.function.arguments) for one in calls] == [("look_up", '{"code": "k7q2x"}')]


def test_the_sdk_gets_json_to_a_schema(sdk: openai.OpenAI) -> None:
    """A schema is satisfied although the prompt does not mention it."""
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "c", "schema": PARAMETERS, "strict": True}}
    reply = sdk.chat.completions.create(model="perfect", messages=said("Write about rivers."), response_format=wanted)
    assert set(json.loads(reply.choices[0].message.content or "")) == {"code"}


def test_the_sdk_reads_log_probabilities(sdk: openai.OpenAI) -> None:
    """Each token has its alternatives, streamed or not."""
    more: Any = {"model": "perfect", "messages": said("Hi"), "logprobs": True, "top_logprobs": 3}
    whole = sdk.chat.completions.create(**more).choices[0].logprobs
    streamed = [chunk.choices[0].logprobs for chunk in sdk.chat.completions.create(**more, stream=True)]
    for logprobs in (whole, *(one for one in streamed if one)):
        assert logprobs is not None
        assert logprobs.content
        assert all(len(token.top_logprobs) == 3 for token in logprobs.content)
    assert any(streamed)


def test_the_sdk_shows_an_image(sdk: openai.OpenAI) -> None:
    """An inline image is looked at."""
    url = "data:image/png;base64," + base64.b64encode(digits_png("40713")).decode()
    content: Any = [{"type": "text", "text": "What number is in the image?"}]
    content.append({"type": "image_url", "image_url": {"url": url}})
    reply = sdk.chat.completions.create(model="perfect", messages=[{"role": "user", "content": content}])
    assert "40713" in (reply.choices[0].message.content or "")


def test_the_sdk_raises_the_right_errors(sdk: openai.OpenAI) -> None:
    """Refusals, unknown models and models that do not chat become the SDK's own exceptions."""
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(model="strict", messages=said("Hi"), seed=1)
    assert (refused.value.param, refused.value.code) == ("seed", "unsupported_parameter")
    with pytest.raises(openai.NotFoundError) as unknown:
        sdk.chat.completions.create(model="nobody", messages=said("Hi"))
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="does not support chat completions"):
        sdk.chat.completions.create(model="speech", messages=said("Hi"))
    with pytest.raises(openai.NotFoundError, match="not a chat model"):
        sdk.chat.completions.create(model="embedding", messages=said("Hi"))


def test_a_wrong_key_is_refused_and_not_repeated() -> None:
    """With a key, only those who bear it are served; the refusal does not say what was tried."""
    with running(api_key="sk-right") as url, httpx.Client(base_url=url, trust_env=False) as web:
        bad = web.get("/models", headers={"authorization": "Bearer sk-wrong"})
        good = web.get("/models", headers={"authorization": "Bearer sk-right"})
    assert (bad.status_code, good.status_code) == (401, 200)
    assert "sk-" not in bad.text
    assert bad.json()["error"]["code"] == "invalid_api_key"


# Faults that only the wire shows


def test_the_blob_is_one_piece_and_the_json_no_stream(web: httpx.Client) -> None:
    """One model streams all its text at once, another answers with a JSON body."""
    asked = {"messages": said("Count from 1 to 50 in words."), "stream": True}
    pieces = {}
    for model in ("perfect", "stream-blob"):
        text = web.post("/chat/completions", json={"model": model, **asked}).text
        pieces[model] = text.count('"content":')
    assert pieces["perfect"] > 5
    assert pieces["stream-blob"] == 1
    plain = web.post("/chat/completions", json={"model": "stream-as-json", **asked})
    assert plain.headers["content-type"] == "application/json"
    assert plain.json()["choices"][0]["finish_reason"] == "stop"


def test_limits_and_finish_on_the_wire(web: httpx.Client) -> None:
    """Rate limits stand in the headers of the models that report them; an absent finish reason is no null."""
    asked = {"messages": said("Hi")}
    perfect = web.post("/chat/completions", json={"model": "perfect", **asked})
    silent = web.post("/chat/completions", json={"model": "tight-lipped", **asked})
    assert int(perfect.headers["x-ratelimit-remaining-requests"]) < int(perfect.headers["x-ratelimit-limit-requests"])
    assert not any("ratelimit" in name for name in silent.headers)
    assert "finish_reason" not in silent.json()["choices"][0]
    assert "usage" not in silent.json()


# Chance


def test_the_same_seed_gives_the_same_replies_in_any_order() -> None:
    """Replies depend on the request and on how often it was made, not on what others ask in between."""

    def transcript(order: list[str], seed: int, epoch: int = 0) -> dict[tuple[str, int], str]:
        found: dict[tuple[str, int], str] = {}
        with running(seed=seed, epoch=epoch) as url, httpx.Client(base_url=url, trust_env=False) as web:
            for prompt in order:
                turn = len([asked for asked, _ in found if asked == prompt])
                found[prompt, turn] = post(web, prompt)
        return found

    one, two = "Write 20 random words.", "Write 25 random words."
    first = transcript([one, one, two, two], seed=3)
    assert len(set(first.values())) == 4
    assert first == transcript([two, one, two, one], seed=3)
    assert not set(first.values()) & set(transcript([one, two], seed=4).values())
    assert not set(first.values()) & set(transcript([one, two], seed=3, epoch=1).values())


def test_seeds_and_caches(web: httpx.Client) -> None:
    """A seed repeats the text where it is honoured; a cache repeats it for equal requests."""
    assert post(web, seed=1) == post(web, seed=1) != post(web, seed=2)
    assert post(web, model="inattentive", seed=1) != post(web, model="inattentive", seed=1)
    assert post(web, model="cached") == post(web, model="cached")
    assert post(web, model="cached", seed=1) != post(web, model="cached", seed=2)


# HTTP


def test_one_connection_serves_many_requests(base: str) -> None:
    """The connection stays open after replies, refusals and streams, and takes pipelined requests."""
    address = urlsplit(base)
    body = json.dumps({"model": "perfect", "messages": said("Repeat this code: k7q2x"), "stream": True}).encode()
    requests = [
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body),
        b"GET /v1/nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ]
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as link:
        link.sendall(b"".join(requests))
        answer = b"".join(iter(lambda: link.recv(65536), b""))
    codes = re.findall(rb"HTTP/1\.1 (\d+)", answer)
    assert codes == [b"200", b"400", b"200", b"404"]
    assert answer.count(b"data: [DONE]") == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"model": "perfect"}', "messages"),
        (b'{"messages": []}', "model"),
        (b'{"model": "perfect", "messages": []}', "messages"),
        (b'{"model": "perfect", "messages": [{"role": "king", "content": "x"}]}', "role"),
    ],
)
def test_a_malformed_body_is_a_400_in_json(web: httpx.Client, body: bytes, words: str) -> None:
    """What cannot be read is refused with the reason, and the server goes on."""
    response = web.post("/chat/completions", content=body)
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert post(web, "Repeat this code: k7q2x") == "k7q2x"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/models", 405), ("GET", "/chat/completions", 405)],
)
def test_unknown_paths_and_methods_are_refused_in_json(web: httpx.Client, method: str, path: str, status: int) -> None:
    """There are two paths, each with one method."""
    response = web.request(method, path)
    assert (status, True) == (response.status_code, bool(response.json()["error"]["message"]))


def test_too_much_is_refused(web: httpx.Client) -> None:
    """A body or head beyond the limit is refused with a status that says so, which the client gets to see."""
    assert web.post("/chat/completions", content=b"x" * 6_000_000).status_code == 413
    assert web.get("/models", headers={"x": "y" * 200_000}).status_code == 431


def test_what_is_not_http_is_refused(base: str) -> None:
    """Garbage gets a 400 and a closed connection."""
    address = urlsplit(base)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as link:
        link.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = b"".join(iter(lambda: link.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_hangs_up_harms_nobody(base: str, web: httpx.Client) -> None:
    """Half a request and a lost connection leave the server serving."""
    address = urlsplit(base)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as link:
        link.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{")
    assert web.get("/models").status_code == 200


def test_a_delay_spreads_a_stream(sdk: openai.OpenAI) -> None:
    """With a delay the events of a stream arrive one by one."""
    del sdk
    asked = {"model": "perfect", "messages": said("Hi"), "stream": True}
    with running(delay_s=0.005) as url, httpx.Client(base_url=url, trust_env=False) as web:
        with web.stream("POST", "/chat/completions", json=asked) as response:
            chunks = list(response.iter_raw())
        assert web.get("/models").status_code == 200
    assert len(chunks) > 5
    assert b"".join(chunks).endswith(b"data: [DONE]\n\n")


# The process


def test_the_child_ends_with_its_parent() -> None:
    """A parent that is killed takes its demo provider along."""
    root = str(Path(__file__).parents[1])
    program = (
        "import sys, time; sys.path.append(sys.argv[1])\n"
        "from llmprobe.demo.server import running\n"
        "with running() as url: print(url, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, root], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        address = urlsplit(parent.stdout.readline().strip())
        with socket.create_connection((str(address.hostname), address.port or 0), timeout=10) as link:
            parent.kill()
            try:
                said = link.recv(1)
            except ConnectionResetError:
                said = b""

            assert said == b""  # hung up, politely or not


def test_the_server_imports_little() -> None:
    """A scan of the demo waits for this process, so nothing heavy may be imported in it."""
    program = "import sys; sys.path.append(sys.argv[1]); import llmprobe.demo.server; print(*sys.modules)"
    root = str(Path(__file__).parents[1])
    modules = subprocess.run(
        [sys.executable, "-c", program, root], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"click", "rich", "httpx", "yaml", "tabulate"} & set(modules)


# The command


def test_the_command_serves_until_interrupted() -> None:
    """The models and the address are printed, and Ctrl-C ends it without a trace."""
    root = str(Path(__file__).parents[1])
    program = "import sys; sys.path.append(sys.argv.pop(1)); from llmprobe.cli.demo import demo; demo()"
    command = [sys.executable, "-c", program, root, "--port", "0", "--key-env", "DEMO_KEY"]
    environment = {**os.environ, "DEMO_KEY": "sk-canary"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stderr is not None
        lines = [child.stderr.readline() for _ in range(len(MODELS) + 1)]
        url = lines[-1].split(" at ")[1].split()[0]
        status = httpx.get(f"{url}/models", trust_env=False).status_code
        child.send_signal(signal.SIGINT)
        rest = child.stderr.read()
    assert (status, child.returncode, rest) == (401, 0, "")
    assert MODELS[0].about in lines[0]


def test_the_command_explains_a_port_in_use_and_a_missing_key(base: str) -> None:
    """Both are the user's mistakes, told in a sentence."""
    port = str(urlsplit(base).port)
    taken = CliRunner().invoke(demo, ["--port", port])
    assert isinstance(taken.exception, UsageError)
    assert (
        str(taken.exception) == f"cannot listen on port {port} (address already in use); choose another one with --port"
    )
    unset = CliRunner().invoke(demo, ["--key-env", "LLMPROBE_NO_SUCH_KEY"])
    assert isinstance(unset.exception, UsageError)
    assert "LLMPROBE_NO_SUCH_KEY" in str(unset.exception)
