"""The shipped scenario files, the checks on scenario files, and scenarios made from an address."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe import scenario_file
from llmprobe.errors import UsageError
from llmprobe.scenario import Quirk, Scenario, Thinking, kept, restored
from llmprobe.scenario_file import ad_hoc, find, is_address, load_scenario

SHIPPED = [find(name) for name in scenario_file.names()]

# --- shipped files ---------------------------------------------------------------------------------------


def test_every_provider_with_a_fixed_openai_compatible_address_is_shipped() -> None:
    expected = (
        "alibaba baseten cerebras deepseek fireworks github groq huggingface hyperbolic llamacpp lmstudio "
        "mistral novita nvidia ollama openai openrouter perplexity pollinations sambanova togetherai vllm "
        "xai xiaomi"
    )

    assert set(expected.split()) <= set(scenario_file.names())
    assert list(scenario_file.names()) == sorted(scenario_file.names())


def test_no_two_scenarios_share_a_title_or_an_address() -> None:
    assert len({scenario.title for scenario in SHIPPED}) == len(SHIPPED)
    assert len({scenario.base_url for scenario in SHIPPED}) == len(SHIPPED)


@pytest.mark.parametrize("scenario", SHIPPED, ids=lambda scenario: scenario.name)
def test_a_remote_provider_has_a_key_and_says_where_it_is_made(scenario: Scenario) -> None:
    if scenario.local:
        assert scenario.key_env == ()
    else:
        assert scenario.key_env
        assert scenario.keys_url.startswith("https://")
        assert scenario.base_url.startswith("https://")
        assert len(scenario.country) == 2


@pytest.mark.parametrize("scenario", SHIPPED, ids=lambda scenario: scenario.name)
def test_every_special_treatment_says_why(scenario: Scenario) -> None:
    reasons = [
        *(quirk.because for quirk in scenario.quirks),
        *(entry.because for entry in scenario.thinking),
        *(skip.because for skip in scenario.skips),
    ]

    assert all(len(reason.split()) >= 3 for reason in reasons)


@pytest.mark.parametrize("scenario", SHIPPED, ids=lambda scenario: scenario.name)
def test_no_thinking_entry_is_hidden_by_an_earlier_one(scenario: Scenario) -> None:
    globs = [entry.models for entry in scenario.thinking]

    assert "*" not in globs[:-1]
    assert len(set(globs)) == len(globs)


def switches(entry: Thinking | None) -> tuple[object, object] | None:
    """What is sent to turn thinking on and off."""
    return None if entry is None else (entry.on, entry.off)


def changes(quirks: tuple[Quirk, ...]) -> list[tuple[object, object]]:
    """What quirks do to a request."""
    return [(quirk.rename, quirk.patch) for quirk in quirks]


def test_what_is_special_about_groq() -> None:
    groq = find("groq")
    ids = [
        "openai/gpt-oss-120b",
        "openai/gpt-oss-safeguard-20b",
        "qwen/qwen3.6-27b",
        "groq/compound",
        "allam-2-7b",
    ]

    assert {model: switches(groq.thinking_of(model)) for model in ids} == {
        "openai/gpt-oss-120b": ({"reasoning_effort": "low"}, None),
        "openai/gpt-oss-safeguard-20b": ({"reasoning_effort": "low"}, None),
        "qwen/qwen3.6-27b": (
            {"reasoning_effort": "default", "reasoning_format": "parsed"},
            {"reasoning_effort": "none"},
        ),
        "groq/compound": None,
        "allam-2-7b": None,
    }
    assert [groq.quirks_of(model) for model in ids] == [()] * len(ids)
    assert [groq.skip_reason(model) for model in ids] == [None] * len(ids)


def test_what_is_special_about_mistral() -> None:
    mistral = find("mistral")
    seed_and_usage = [({"seed": "random_seed"}, {}), ({}, {"stream_options": None})]

    for model in ("mistral-large-latest", "magistral-small-latest"):
        assert changes(mistral.quirks_of(model)) == seed_and_usage
    assert switches(mistral.thinking_of("magistral-small-latest")) == ({"prompt_mode": "reasoning"}, None)
    assert switches(mistral.thinking_of("mistral-large-latest")) == (
        {"reasoning_effort": "high"},
        {"reasoning_effort": "none"},
    )


def test_which_openai_models_can_be_told_not_to_think_and_which_are_skipped() -> None:
    openai = find("openai")

    def off(model: str) -> object:
        entry = openai.thinking_of(model)
        return entry.off if entry else "no entry"

    none = {"reasoning_effort": "none"}
    assert (off("gpt-5.1"), off("gpt-5-mini"), off("o4-mini"), off("gpt-4o")) == (none, None, None, none)
    assert openai.skip_reason("gpt-4o-mini-search-preview") is not None
    assert openai.skip_reason("chatgpt-image-latest") is not None
    assert openai.skip_reason("gpt-4o") is None


# --- finding ---------------------------------------------------------------------------------------------


def test_an_unknown_provider_is_answered_with_the_nearest_the_list_and_the_other_way() -> None:
    with pytest.raises(UsageError) as caught:
        find("grok")

    message = str(caught.value)
    assert message.startswith("unknown provider 'grok', did you mean `groq`? Known: alibaba, ")
    assert "Any OpenAI-compatible server can be given by its URL; it looks like http://" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["../secret", "", "groq.yaml", "zzzzzzzz"])
def test_only_shipped_names_are_found(name: str) -> None:
    with pytest.raises(UsageError, match=r"unknown provider '[^']*'\S* .*Known: "):
        find(name)


# --- checks ----------------------------------------------------------------------------------------------

GOOD = """\
name: acme
title: Acme
base_url: https://api.acme.example/v1
key_env: [ACME_KEY]
"""


def complaint(tmp_path: Path, text: str) -> str:
    """The error for a scenario file ``acme.yaml`` with this content, from the line number on."""
    path = tmp_path / "acme.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_scenario(path)
    return str(caught.value).removeprefix(f"{tmp_path}/acme.yaml")


def test_a_small_scenario_needs_name_title_and_address(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(GOOD)

    scenario = load_scenario(path)

    assert (scenario.name, scenario.dialect, scenario.key_env) == ("acme", "openai-chat", ("ACME_KEY",))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("base_url", "base_ulr", ":3: unknown key `base_ulr`, did you mean `base_url`?"),
        ("name: acme", "name: acne", ":1: `name` is 'acne' and the file is called 'acme'"),
        ("https:", "ftp:", ":3: `base_url`: an address should start with http:// or https://"),
        ("https:", "", ":3: `base_url` should start with http:// or https:// and not end with a slash"),
        ("/v1", "/v1/", ":3: `base_url` should start with http:// or https:// and not end with a slash"),
        ("api.", "u:secret@api.", ":3: `base_url`: an address cannot hold a user name or password"),
        ("ACME_KEY", "sk-12", ":4: `key_env` takes names of environment variables, not the key itself"),
        (
            "key_env",
            "dialect: openai-chta\nkey_env",
            ":4: unknown dialect 'openai-chta', did you mean `openai-chat`? Known: openai-chat",
        ),
        (
            "key_env",
            "models_path: models\nkey_env",
            ":4: `models_path` should start with a slash or with the host of `base_url`",
        ),
        ("key_env", "models_path: https://evil.example/m\nkey_env", ":4: `models_path` should start"),
        ("key_env", "models_path: ''\nkey_env", ":1: a provider without `models_path` needs"),
        ("key_env", "headers:\n  Accept: x\nkey_env", ":5: write the header `Accept` in small letters"),
        (
            "key_env",
            "headers:\n  authorization: x\nkey_env",
            ":5: no `authorization` in `headers`: the key comes from",
        ),
        (
            "key_env",
            "limits:\n  concurrency: many\nkey_env",
            ":5: `limits.concurrency` should be a whole number, not 'many'",
        ),
        ("key_env", "limits:\n  concurrency: 0\nkey_env", ":5: `limits.concurrency` should be more than 0"),
        ("key_env", "limits:\n  retries: -1\nkey_env", ":5: `limits.retries` should not be less than 0"),
        ("key_env", "skips:\n- models: x\nkey_env", ":5: `skips[0]` lacks the key `because`"),
        (
            "key_env",
            "skips:\n- models: x\n  because: ' '\nkey_env",
            ":6: `skips[0].because` is empty: name the source",
        ),
        (
            "key_env",
            "thinking:\n- on: {a: 1}\n  because: ''\nkey_env",
            ":6: `thinking[0].because` is empty: name the source",
        ),
        (
            "key_env",
            "quirks:\n- because: ''\n  patch: {a: 1}\nkey_env",
            ":5: `quirks[0].because` is empty: name the source",
        ),
        (
            "key_env",
            "quirks:\n- because: x\nkey_env",
            ":5: `quirks[0]` changes nothing: it needs `rename` or `patch`",
        ),
        (
            "key_env",
            "modes: [steam]\nkey_env",
            ":4: `modes[0]` should be one of `sync`, `stream`, not 'steam', did you mean `stream`?",
        ),
    ],
)
def test_a_mistake_in_a_scenario_is_told_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    complaint_text = complaint(tmp_path, GOOD.replace(old, new, 1))

    assert complaint_text.startswith(message)
    assert "secret" not in complaint_text
    assert "sk-12" not in complaint_text


# --- addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name", "base_url"),
    [
        ("http://localhost:8080/v1", "localhost-8080", "http://localhost:8080/v1"),
        ("localhost:8080", "localhost-8080", "http://localhost:8080/v1"),
        ("localhost", "localhost-80", "http://localhost/v1"),
        ("127.0.0.1:1234/", "127.0.0.1-1234", "http://127.0.0.1:1234/v1"),
        ("192.168.1.5:8000/api/v2/", "192.168.1.5-8000", "http://192.168.1.5:8000/api/v2"),
        ("[::1]:9000", "__1-9000", "http://[::1]:9000/v1"),
        ("mybox:8080", "mybox-8080", "http://mybox:8080/v1"),
        ("http://groq/v1", "groq-80", "http://groq/v1"),
        ("nas.local:8080", "nas.local-8080", "http://nas.local:8080/v1"),
        ("example.com/v1", "example.com", "https://example.com/v1"),
        ("Example.COM", "example.com", "https://example.com/v1"),
        ("8.8.8.8:8080", "8.8.8.8-8080", "https://8.8.8.8:8080/v1"),
        ("http://example.com:8000/v1", "example.com-8000", "http://example.com:8000/v1"),
        ("https://example.com:443/openai", "example.com", "https://example.com:443/openai"),
        ("https://localhost:8443/v1", "localhost-8443", "https://localhost:8443/v1"),
    ],
)
def test_an_address_becomes_a_scenario(url: str, name: str, base_url: str) -> None:
    scenario = ad_hoc(url, None)

    assert (scenario.name, scenario.base_url) == (name, base_url)
    assert scenario.name not in scenario_file.names()
    assert is_address(url) or url == "localhost"


def test_a_server_of_the_own_network_is_local_and_spared() -> None:
    near, far = ad_hoc("localhost:8080"), ad_hoc("example.com")

    assert (near.local, far.local) == (True, False)
    assert near.limits.concurrency < far.limits.concurrency


def test_the_key_of_an_address_is_named_by_its_variable() -> None:
    assert ad_hoc("example.com", "MY_KEY").key_env == ("MY_KEY",)
    assert ad_hoc("example.com").key_env == ()


def test_a_key_given_instead_of_a_variable_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="name of an environment variable") as caught:
        ad_hoc("example.com", "sk-canary-123")

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://canary:canary@h/v1", "user name or password"),
        ("canary@h:80", "user name or password"),
        ("https://a.example/v1?key=canary", "query"),
        ("https://a.example/v1#canary", "fragment"),
        ("ftp://a.example/canary", "http:// or https://"),
        ("http://h:canary/", "not the address of a server"),
        ("http://h:99999/canary", "not the address of a server"),
        ("http://h:0/canary", "no valid host and port"),
        ("http://[canary]/", "not the address of a server|no valid host and port"),
        ("http://", "no valid host and port"),
        (":8080", "no valid host and port"),
        ("", "no valid host and port"),
        ("a b.canary", "spaces"),
        ("bücher.canary", "ASCII"),
        ("http://h\\canary", "ASCII"),
        ("http://-canary.example", "no valid host and port"),
        ("a." * 200 + "canary", "no valid host and port"),
    ],
)
def test_an_address_that_will_not_do_is_refused_and_not_repeated(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        ad_hoc(url)

    assert "canary" not in str(caught.value)


@given(st.text(alphabet="ab.:/@[]?#%-_ 01\\", max_size=25))
def test_any_address_gives_a_safe_scenario_or_a_clear_error(url: str) -> None:
    try:
        scenario = ad_hoc(url)
    except UsageError:
        return
    assert not set(scenario.name) & set('/\\:*?"<>| ')
    assert not scenario.name.startswith(("-", "."))
    assert ad_hoc(scenario.base_url) == scenario


@pytest.mark.parametrize(("text", "expected"), [("groq", False), ("", False), ("localhost", True), ("a:1", True)])
def test_addresses_are_told_from_names(text: str, expected: bool) -> None:
    assert is_address(text) is expected


@pytest.mark.parametrize("name", scenario_file.names())
def test_no_provider_is_taken_for_an_address(name: str) -> None:
    assert not is_address(name)


@pytest.mark.parametrize("scenario", SHIPPED, ids=lambda scenario: scenario.name)
def test_a_journal_keeps_all_of_a_scenario_that_decides_on_requests(scenario: Scenario) -> None:
    """A scan can be gone through again without the file."""
    bare = Scenario(scenario.name, "", scenario.base_url, scenario.dialect)
    again = restored(bare, kept(scenario))
    assert (again.quirks, again.thinking, again.skips) == (scenario.quirks, scenario.thinking, scenario.skips)
    assert (again.models, again.modes, again.models_path) == (scenario.models, scenario.modes, scenario.models_path)
    assert again.key_env == ()


@pytest.mark.parametrize("text", ["", "7", "{}", "[]", '{"title": "x"}', kept(SHIPPED[0]).replace('"because"', '"b"')])
def test_what_no_journal_kept_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        restored(Scenario("a", "A", "https://a.test"), text)
