"""The request: ``Call`` to URL and JSON body, and back.

A body is read by looking for what has a word in ``Call``; the patch is the difference between what these words would
write and what stands there. So whatever a request holds, it is written again as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from llmprobe.call import (
    JSON,
    Call,
    JsonObject,
    JsonSchema,
    Message,
    NamedTool,
    ServerTool,
    Tool,
    ToolChoice,
    text_of,
)
from llmprobe.dialects.answers import path_of, request_json
from llmprobe.dialects.base import DecodeError
from llmprobe.dialects.gemini_generate_content.turns import (
    RESULT_KEYS,
    read_content,
    read_turn,
    result_key,
    write_content,
    write_turns,
)
from llmprobe.dialects.values import Body, objects
from llmprobe.exchange import HttpRequest
from llmprobe.json_patch import merge_patch

_THINKING: Mapping[str, tuple[dict[str, JSON], dict[str, JSON]]] = {
    # name: (on, off); a budget of -1 leaves the amount to the model (python-genai types.py, ThinkingConfig)
    "thinkingBudget": ({"includeThoughts": True, "thinkingBudget": -1}, {"thinkingBudget": 0}),
    "thinkingLevel": ({"includeThoughts": True, "thinkingLevel": "low"}, {"thinkingLevel": "minimal"}),
}

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("maxOutputTokens",),
    "schema": ("responseSchema", "responseJsonSchema"),
    "tools": ("parameters", "parametersJsonSchema"),
    "thinking": tuple(_THINKING),
    "tool_result": RESULT_KEYS,
    "method": ("generateContent", "predict"),
}

FIELDS: Mapping[str, tuple[str, ...]] = {
    # refusals name fields of the JSON body or of the protocol buffer behind it
    "seed": ("seed",),
    "max_tokens": ("maxoutputtokens", "max_output_tokens", "max output tokens"),
    "stop": ("stopsequences", "stop_sequences", "stop sequence"),
    "json": ("responsemimetype", "response_mime_type", "response mime type", "json mode"),
    "schema": (
        "responseschema", "response_schema", "responsejsonschema", "response_json_schema", "response schema", "schema",
        "response mime type", "response_mime_type",
    ),
    "tools": (
        "tools", "tool", "toolconfig", "tool_config", "functiondeclarations", "function_declarations",
        "functioncallingconfig", "function_calling_config", "function calling", "tool use",
    ),
    "logprobs": ("responselogprobs", "response_logprobs", "logprobs"),
    "image": ("image", "inlinedata", "inline_data", "filedata", "file_data", "input modality", "vision", "multimodal"),
    "temperature": ("temperature",),
    "top_p": ("topp", "top_p"),
    "thinking": (
        "thinkingconfig", "thinking_config", "thinkingbudget", "thinking_budget", "thinkinglevel", "thinking_level",
        "includethoughts", "include_thoughts", "thinking",
    ),
}  # fmt: skip

LACKS = frozenset(("parallel_tool_calls", "include_usage"))

_PLAIN: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    # fields of generationConfig that are one value, and what type it has
    "maxOutputTokens": ("max_tokens", int),
    "temperature": ("temperature", (int, float)),
    "topP": ("top_p", (int, float)),
    "seed": ("seed", int),
}
_OBJECTS = frozenset(
    (
        "systemInstruction", "contents", "parts", "inlineData", "fileData", "functionCall", "functionResponse", "tools",
        "functionDeclarations", "toolConfig", "functionCallingConfig", "generationConfig", "thinkingConfig",
    )
)  # fmt: skip
"""Fields that hold objects of the format, and not what is free in form such as arguments and schemas."""
_NAMES = _OBJECTS | _PLAIN.keys() | {
    "mimeType", "fileUri", "displayName", "parametersJsonSchema", "allowedFunctionNames", "stopSequences",
    "responseMimeType", "responseSchema", "responseJsonSchema", "responseLogprobs", "thinkingBudget", "thinkingLevel",
    "includeThoughts", "googleSearch", "urlContext", "codeExecution",
}  # fmt: skip
_SNAKES: Mapping[str, str] = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name): name for name in _NAMES}
_CHOICES: Mapping[str, ToolChoice] = {"AUTO": "auto", "ANY": "required", "NONE": "none"}
_JSON = "application/json"
_PATH = re.compile(r"/(models/|tunedModels/)(.+):(generateContent|streamGenerateContent|predict)$", re.DOTALL)
_UNSAFE = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=@/]")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")


def collection(model: str) -> str:
    """What stands before the name of ``model`` in URLs and lists; "" when it names its collection itself."""
    return "" if model.startswith(("models/", "tunedModels/")) else "models/"


def write_url(call: Call) -> str:
    """Where ``call`` goes."""
    safe = _UNSAFE.sub(lambda byte: b"%%%02X" % byte[0][0], call.model.encode("utf-8", errors="surrogatepass"))
    method = call.spelled("method", "generateContent")
    if call.stream and method == "generateContent":
        method = "streamGenerateContent?alt=sse"
    return f"/{collection(call.model)}{safe.decode()}:{method}"


def read_url(request: HttpRequest) -> tuple[str, str]:
    """Model and method that the URL of ``request`` names; twice "" when it is none of this format."""
    match = _PATH.search(path_of(request))
    if not match:
        return "", ""
    raw = _ESCAPED.sub(lambda code: bytes([int(code[1], 16)]), match[2].encode("utf-8", errors="surrogatepass"))
    prefix = "" if match[1] == "models/" else match[1]
    return prefix + raw.decode(errors="replace"), match[3]


def wants_events(request: HttpRequest) -> bool:
    """The URL of ``request`` asks for server-sent events instead of one JSON array."""
    return "alt=sse" in request.url.partition("?")[2].split("&")


def write_call(call: Call) -> dict[str, JSON]:
    """The JSON body that asks for ``call``."""
    patched: dict[str, JSON] = merge_patch(_write_words(call), dict(call.patch))
    return patched


def _write_words(call: Call) -> dict[str, JSON]:
    if call.spelled("method", "generateContent") == "predict":
        return _write_prediction(call)
    body: dict[str, JSON] = {}
    system = [message.content for message in call.messages if message.role == "system"]
    if len(system) == 1:
        body["systemInstruction"] = write_content(system[0])
    elif system:
        body["systemInstruction"] = {"parts": [part for one in system for part in write_content(one).get("parts", ())]}
    body["contents"] = write_turns(call.messages, call.spelled("tool_result", RESULT_KEYS[0]))
    if call.tools or call.server_tools:
        body["tools"] = _write_tools(call)
    if call.tool_choice is not None:
        body["toolConfig"] = {"functionCallingConfig": _write_choice(call.tool_choice)}
    config = _write_config(call)
    return body | ({"generationConfig": config} if config else {})


def _write_prediction(call: Call) -> dict[str, JSON]:
    """What models that only make pictures are asked: a prompt instead of a conversation."""
    prompt = "\n".join(text_of(message) for message in call.messages)
    parameters = {} if call.seed is None else {"parameters": {"seed": call.seed}}
    return {"instances": [{"prompt": prompt}]} | parameters


def _write_tools(call: Call) -> list[JSON]:
    place = call.spelled("tools", "parameters")
    functions = [_write_tool(tool, place) for tool in call.tools]
    served = [{tool.kind: dict(tool.data)} for tool in call.server_tools]
    return [*([{"functionDeclarations": functions}] if functions else []), *served]


def _write_tool(tool: Tool, place: str) -> dict[str, JSON]:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name} | described | ({place: dict(tool.parameters)} if tool.parameters else {})


def _write_choice(choice: ToolChoice) -> dict[str, JSON]:
    if isinstance(choice, NamedTool):
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    return {"mode": next(word for word, meant in _CHOICES.items() if meant == choice)}


def _write_config(call: Call) -> dict[str, JSON]:
    """The ``generationConfig``."""
    values = {field: getattr(call, name) for field, (name, _) in _PLAIN.items()}
    config: dict[str, JSON] = {field: value for field, value in values.items() if value is not None}
    if call.stop:
        config["stopSequences"] = list(call.stop)
    if call.response_format is not None:
        config["responseMimeType"] = _JSON
    if isinstance(call.response_format, JsonSchema):
        config[call.spelled("schema", "responseSchema")] = dict(call.response_format.schema)
    if call.top_logprobs is not None:
        config |= {"responseLogprobs": True, "logprobs": call.top_logprobs}
    if call.thinking is not None:
        on, off = _THINKING[call.spelled("thinking", SPELLINGS["thinking"][0])]
        config["thinkingConfig"] = dict(on if call.thinking else off)
    return config


def read_call(request: HttpRequest) -> Call:
    """The ``Call`` that ``request`` makes; raises ``DecodeError`` when it is none of this format."""
    model, method = read_url(request)
    if not method:
        raise DecodeError("the URL names no model and method of this format")
    body = request_json(request)
    try:
        known = _read_prediction(model, body) if method == "predict" else _read_words(model, method, _in_camels(body))
        return replace(known, patch=_difference(_write_words(known), body))
    except RecursionError:
        raise DecodeError("the request is nested too deep") from None


def _in_camels(value: JSON) -> JSON:
    """``value`` in camel case. The API takes snake case too (protocol buffers' JSON), and its SDK mixes them."""
    if isinstance(value, list):
        return [_in_camels(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = {_SNAKES.get(name, name): inner for name, inner in value.items()}
    return {name: _in_camels(inner) if name in _OBJECTS else inner for name, inner in named.items()}


def _difference(written: dict[str, JSON], wanted: dict[str, JSON]) -> dict[str, JSON]:
    """The merge patch that makes ``wanted`` of ``written``."""
    patch: dict[str, JSON] = {name: None for name in written if name not in wanted}
    for name, value in wanted.items():
        before: JSON = written.get(name)
        if name not in written or before != value:
            nested = isinstance(value, dict) and isinstance(before, dict)
            patch[name] = _difference(before, value) if nested else value
    return patch


def _read_prediction(model: str, body: dict[str, JSON]) -> Call:
    instances = body.get("instances")
    first = instances[0] if isinstance(instances, list) and instances else None
    if not isinstance(first, dict) or not isinstance(first.get("prompt"), str):
        raise DecodeError("no `instances` with a prompt in the request")
    parameters = body.get("parameters")
    seed = Body(dict(parameters)).take("seed", int) if isinstance(parameters, dict) else None
    return Call(model, (Message("user", first["prompt"]),), seed=seed, spelling=(("method", "predict"),))


def _read_words(model: str, method: str, body: dict[str, JSON]) -> Call:
    contents = body.get("contents")
    if not isinstance(contents, list):
        raise DecodeError("no `contents` list in the request")
    config = body.get("generationConfig")
    source = Body(dict(config) if isinstance(config, dict) else {})
    key = result_key(contents)
    if key != RESULT_KEYS[0]:
        source.spelling["tool_result"] = key
    offers = objects(body.get("tools"))
    return Call(
        model,
        (*_read_system(body), *(message for turn in contents for message in read_turn(turn, key))),
        stream=method == "streamGenerateContent",
        tools=_read_functions(offers, source),
        server_tools=_read_server_tools(offers),
        tool_choice=_read_choice(body.get("toolConfig")),
        response_format=_read_format(source),
        stop=_read_stop(source.rest.get("stopSequences")),
        top_logprobs=source.take("logprobs", int) if source.rest.get("responseLogprobs") is True else None,
        thinking=_read_thinking(source),
        **{name: source.take(field, kind) for field, (name, kind) in _PLAIN.items()},
        spelling=tuple(sorted(source.spelling.items())),
    )


def _read_system(body: dict[str, JSON]) -> tuple[Message, ...]:
    instruction = body.get("systemInstruction")
    return (Message("system", read_content(instruction)),) if isinstance(instruction, dict) else ()


def _read_functions(tools: list[dict[str, JSON]], source: Body) -> tuple[Tool, ...]:
    declared = (one for tool in tools for one in objects(tool.get("functionDeclarations")))
    functions = [function for function in declared if isinstance(function.get("name"), str)]
    default, other = SPELLINGS["tools"]
    place = other if any(other in function for function in functions) else default
    if place != default:
        source.spelling["tools"] = place
    return tuple(_read_function(function, place) for function in functions)


def _read_function(function: dict[str, JSON], place: str) -> Tool:
    description, parameters = function.get("description"), function.get(place)
    return Tool(
        function["name"],
        description if isinstance(description, str) else "",
        parameters if isinstance(parameters, dict) else {},
    )


def _read_server_tools(tools: list[dict[str, JSON]]) -> tuple[ServerTool, ...]:
    return tuple(
        ServerTool(kind, data)
        for tool in tools
        for kind, data in tool.items()
        if kind != "functionDeclarations" and isinstance(data, dict)
    )


def _read_choice(config: JSON) -> ToolChoice | None:
    calling = config.get("functionCallingConfig") if isinstance(config, dict) else None
    mode, names = (calling.get("mode"), calling.get("allowedFunctionNames")) if isinstance(calling, dict) else ("", ())
    if mode == "ANY" and isinstance(names, list) and len(names) == 1 and isinstance(names[0], str):
        return NamedTool(names[0])
    return _CHOICES.get(mode) if isinstance(mode, str) else None


def _read_format(source: Body) -> JsonObject | JsonSchema | None:
    if source.rest.get("responseMimeType", _JSON) != _JSON:
        return None
    default, other = SPELLINGS["schema"]
    for place in (default, other):
        schema = source.take(place, dict)
        if schema is not None:
            if place != default:
                source.spelling["schema"] = place
            return JsonSchema("", schema)
    return JsonObject() if "responseMimeType" in source.rest else None


def _read_stop(words: JSON) -> tuple[str, ...]:
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else ()


def _read_thinking(source: Body) -> bool | None:
    config = source.rest.get("thinkingConfig")
    if not isinstance(config, dict):
        return None
    level, budget = config.get("thinkingLevel"), config.get("thinkingBudget")
    if isinstance(level, str):
        source.spelling["thinking"] = "thinkingLevel"
        return level.lower() != "minimal"
    if isinstance(budget, int) and not isinstance(budget, bool):
        return budget != 0
    return True if config.get("includeThoughts") is True else None
