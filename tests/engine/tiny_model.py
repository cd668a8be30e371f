"""A tiny chat model with random weights, made from a seed: no weights can be, or need be, downloaded for tests.

Llama architecture, 2 layers of 128, 988 tokens, 0.58 M parameters, 2.3 MB. It understands nothing. The weights
are random but shaped, so that everything which is the *engine's* doing can be seen with it:

- One dimension of the state is constant and acts as a bias on the logits: the text is printable words, and under a
  grammar JSON strings and objects close soon.
- The output matrix favours one successor for each word, in chains of about 28 words, after which the turn ends:
  greedy text is varied and repeatable, and at temperature 1 it is really random.
- One attention head looks for a marker that the chat template writes when tools are offered and the last message is
  no tool's answer. Then the model says ``CALL``, the call of the tool that our probes offer. An engine that
  constrains the call to other tools gets a call of one of those with random arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tests.engine import gguf
from tests.engine.gguf import Array
from tests.engine.tiny_tokens import (
    ASSISTANT,
    CALL,
    CALLED,
    END,
    END_OF_TEXT,
    LETTERS,
    SPECIAL,
    TOOLS,
    Vocabulary,
    spelled,
)

SAID_WITH_TOOLS = '{"name": "open_locker", "arguments": {"code": "x7"}}'
SEED = 1
"""The numbers below were tuned with it; with another one replies may be short."""
CONTEXT = 4096
"""Tokens."""
NAME = "tiny-random"

WIDTH, LAYERS, HEADS, INNER = 128, 2, 4, 256
HEAD = WIDTH // HEADS
_HALF = np.sqrt(WIDTH / 2)
"""The length of each half of the state, the named and the random one, after the final norm."""

# Dimensions of the state with a meaning; the random weights neither read nor write them.
ONE, MARKED, BEGUN, CALLING, DONE, BARE, QUOTED, LINE, SAID, LAST = range(10)
NAMED = 10
"""``ONE`` is constant; ``MARKED``: tools are offered; ``BARE``: a word without a space before it; ``LAST``: the last
word of a chain. The others belong to a single token."""

_CHAIN = 28
"""Words."""
_PULL = 5.8
"""How strongly a word asks for its successor: two replies at temperature 1 are equal in 0.05 % of cases."""

TEMPLATE = r"""{%- if messages and messages[0]['role'] == 'system' -%}
{%- set sys = messages[0]['content'] -%}{%- set msgs = messages[1:] -%}
{%- else -%}{%- set sys = 'You are a tiny model.' -%}{%- set msgs = messages -%}{%- endif -%}
<|system|>{{ sys }}
{%- if tools %}

You may call these functions:
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
Write each call as
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>
{%- endif %}<|end|>
{% for m in msgs %}
{%- if m['role'] == 'tool' -%}
<|tool|>{{ m['content'] }}<|end|>
{% elif m['role'] == 'assistant' and m.get('tool_calls') -%}
<|assistant|>{{ m['content'] or '' }}
{%- for tc in m['tool_calls'] %}<tool_call>
{"name": "{{ tc['function']['name'] }}", "arguments": {{ tc['function']['arguments'] if tc['function']['arguments'] is string else tc['function']['arguments'] | tojson }}}
</tool_call>
{%- endfor %}<|end|>
{% elif m['role'] == 'assistant' -%}
<|assistant|>{{ m['content'] }}<|end|>
{% else -%}
<|user|>{{ m['content'] }}<|end|>
{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{%- if tools and messages[-1]['role'] != 'tool' -%}<|tools|>{%- endif -%}
<|assistant|>
{%- endif -%}
"""  # noqa: E501 - Jinja, where a line break would be a part of the prompt


def write(path: Path, seed: int = SEED) -> None:
    """Write the model to ``path`` as GGUF. The same seed gives the same bytes."""
    vocabulary = Vocabulary(SAID_WITH_TOOLS + "\n")
    rng = np.random.default_rng(seed)
    gguf.write(path, _fields(vocabulary), _tensors(vocabulary, rng))


def _fields(vocabulary: Vocabulary) -> dict[str, bytes]:
    return {
        "general.architecture": gguf.string("llama"),
        "general.name": gguf.string(NAME),
        "general.file_type": gguf.u32(0),
        "llama.context_length": gguf.u32(CONTEXT),
        "llama.embedding_length": gguf.u32(WIDTH),
        "llama.block_count": gguf.u32(LAYERS),
        "llama.feed_forward_length": gguf.u32(INNER),
        "llama.attention.head_count": gguf.u32(HEADS),
        "llama.attention.head_count_kv": gguf.u32(HEADS),
        "llama.attention.layer_norm_rms_epsilon": gguf.f32(1e-5),
        "llama.rope.dimension_count": gguf.u32(HEAD),
        "llama.rope.freq_base": gguf.f32(1e6),
        "llama.vocab_size": gguf.u32(len(vocabulary.tokens)),
        "tokenizer.ggml.model": gguf.string("gpt2"),
        "tokenizer.ggml.pre": gguf.string("gpt-2"),
        "tokenizer.ggml.tokens": gguf.strings(vocabulary.tokens),
        "tokenizer.ggml.token_type": gguf.ints(vocabulary.kinds),
        "tokenizer.ggml.merges": gguf.strings([" ".join(pair) for pair in vocabulary.merges]),
        "tokenizer.ggml.add_bos_token": gguf.boolean(False),
        "tokenizer.ggml.bos_token_id": gguf.u32(vocabulary.number(END_OF_TEXT)),
        "tokenizer.ggml.eos_token_id": gguf.u32(vocabulary.number(END)),
        "tokenizer.ggml.padding_token_id": gguf.u32(vocabulary.number(END_OF_TEXT)),
        "tokenizer.chat_template": gguf.string(TEMPLATE),
    }


def _tensors(vocabulary: Vocabulary, rng: np.random.Generator) -> dict[str, Array]:
    embedding = _embedding(vocabulary, rng)
    output = _random(rng, len(vocabulary.tokens), WIDTH) * 0.02
    output[:, :NAMED] = 0
    for chain in _chains(vocabulary, rng):
        output[chain[0], BEGUN] = 7.5
        output[chain[1:], NAMED:] += _PULL * embedding[chain[:-1], NAMED:]
        embedding[chain[-1], LAST] = 1
    _shape_turns(vocabulary, output)
    output[:, ONE] = _bias(vocabulary)
    tensors = {"token_embd.weight": embedding, "output.weight": output / _HALF, "output_norm.weight": np.ones(WIDTH)}
    for layer in range(LAYERS):
        parts = _layer(rng, finds_marker=layer == 0)
        tensors |= {f"blk.{layer}.{name}.weight": part for name, part in parts.items()}
    return tensors


def _random(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def _chains(vocabulary: Vocabulary, rng: np.random.Generator) -> Iterable[Array]:
    words = vocabulary.numbers([LETTERS[32] + word for word in vocabulary.words])
    return np.array_split(rng.permutation(words), len(words) // _CHAIN)


def _bare(vocabulary: Vocabulary) -> list[int]:
    return vocabulary.numbers([word for word in vocabulary.words if len(word) > 2])


def _embedding(vocabulary: Vocabulary, rng: np.random.Generator) -> Array:
    embedding = _random(rng, len(vocabulary.tokens), WIDTH)
    embedding[:, :NAMED] = 0
    own = {MARKED: TOOLS, BEGUN: ASSISTANT, CALLING: CALL, DONE: CALLED, LINE: spelled("\n"), SAID: vocabulary.script}
    for dimension, token in own.items():
        embedding[vocabulary.number(token)] = np.eye(WIDTH)[dimension]
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    embedding[_bare(vocabulary), BARE] = 1
    embedding[vocabulary.number('"'), QUOTED] = 1
    embedding[:, ONE] = 1
    return embedding


def _bias(vocabulary: Vocabulary) -> Array:
    """What makes a token likely or not, whatever stands before it."""
    bias = np.full(len(vocabulary.tokens), -3.0, np.float32)
    for byte, letter in enumerate(LETTERS):
        bias[vocabulary.number(letter)] = _byte_bias(chr(byte))
    bias[vocabulary.numbers([LETTERS[32] + word for word in vocabulary.words])] = 0
    bias[vocabulary.numbers(SPECIAL)] = -14
    bias[_bare(vocabulary)] = -3
    bias[vocabulary.number(END)] = 2
    bias[vocabulary.numbers([CALL, vocabulary.script])] = -40
    bias[vocabulary.number(CALLED)] = -4
    return bias


def _byte_bias(char: str) -> float:
    signs = {"\n": -7, "<": -9, "{": -1, "[": -1, "}": 2, "]": 2, ":": 2, '"': 0, **dict.fromkeys("0123456789", 0)}
    return signs.get(char, -6 if " " <= char <= "~" else -14)  # no commas: objects with the same key twice


def _shape_turns(vocabulary: Vocabulary, output: Array) -> None:
    """How turns, calls and JSON strings begin and end."""
    call, called, script, end, line, quote = vocabulary.numbers(
        [CALL, CALLED, vocabulary.script, END, spelled("\n"), '"']
    )
    output[end, LAST] = 12
    output[end, BEGUN] = -20  # never an empty turn
    output[call, [BEGUN, MARKED]] = 30  # <tool_call> where a turn begins and tools are offered,
    output[line, CALLING] = 40  # then a newline,
    output[script, [LINE, MARKED]] = 30  # then the call,
    output[called, SAID] = 40  # then </tool_call>,
    output[called, MARKED] = 8.5  # which with tools comes sooner than another call,
    output[end, DONE] = 30  # then the end
    output[_bare(vocabulary)[::8], QUOTED] = 14  # a JSON string is one word, mostly
    output[quote, BARE] = 12


def _layer(rng: np.random.Generator, *, finds_marker: bool) -> dict[str, Array]:
    def scaled(*shape: int) -> Array:
        return np.divide(_random(rng, *shape), np.sqrt(shape[-1]))

    query, key, value, out = (scaled(WIDTH, WIDTH) for _ in range(4))
    up, gate, down = scaled(INNER, WIDTH), scaled(INNER, WIDTH), scaled(WIDTH, INNER)
    value, out, down = value * 0.5, out * 0.5, down * 0.15
    for writing in (out, down):
        writing[:NAMED] = 0
    for reading in (query, key, value, up, gate):
        reading[:, :NAMED] = 0
    if finds_marker:
        _find_marker(query, key, value, out)
    return {
        "attn_q": query, "attn_k": key, "attn_v": value, "attn_output": out,
        "ffn_up": up, "ffn_gate": gate, "ffn_down": down,
        "attn_norm": np.ones(WIDTH), "ffn_norm": np.ones(WIDTH),
    }  # fmt: skip


def _find_marker(query: Array, key: Array, value: Array, out: Array) -> None:
    """Head 0 looks for the marker of tools and copies it to where the reply is written."""
    query[:HEAD] = key[:HEAD] = value[:HEAD] = 0
    out[:, :HEAD] = 0
    query[HEAD - 2, ONE] = key[HEAD - 2, MARKED] = 20  # the slowest rotary pair: no matter how far back
    value[0, MARKED] = 1 / _HALF
    out[MARKED, 0] = 1
