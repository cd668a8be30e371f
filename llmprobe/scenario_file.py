"""Scenario files: one YAML for each provider, and scenarios made on the spot from an address."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from llmprobe.dialects import names as dialect_names
from llmprobe.errors import UsageError
from llmprobe.files import data_folder
from llmprobe.scenario import Limits, Quirk, Scenario, Skip, Thinking
from llmprobe.strict_yaml import bind, did_you_mean, load_file, problem

SUFFIX = ".yaml"

_LIKE = "it looks like http://localhost:8080/v1"

REMOTE_LIMITS = Limits(concurrency=8)
LOCAL_LIMITS = Limits(concurrency=4)
"""A local engine serves few requests at once; more only makes them wait in its queue and time out."""


# --- files -----------------------------------------------------------------------------------------------


def names() -> tuple[str, ...]:
    """The providers whose scenario files come with llmprobe, sorted."""
    return tuple(sorted(path.stem for path in data_folder("scenarios").glob(f"*{SUFFIX}")))


def find(name: str) -> Scenario:
    """The scenario that comes with llmprobe under ``name``."""
    known = names()
    if name not in known:
        hint = did_you_mean(name, known) or "."
        raise UsageError(
            f"unknown provider {name!r}{hint} Known: {', '.join(known)}. "
            f"Any OpenAI-compatible server can be given by its URL; {_LIKE}"
        )
    return load_scenario(data_folder("scenarios") / f"{name}{SUFFIX}")


def by_endpoint(endpoint: str, dialect: str) -> Scenario | None:
    """The shipped scenario of the provider at ``endpoint`` (scheme and host), ``None`` when there is none.

    Where several share a host, the one that speaks ``dialect`` comes first. Hosts of the own machine say nothing.
    """
    host = urlsplit(endpoint).hostname or ""
    if not host or _is_private(host):
        return None
    found = [one for one in map(find, names()) if urlsplit(one.base_url).hostname == host]
    return min(found, key=lambda one: one.dialect != dialect, default=None)


def load_scenario(path: Path) -> Scenario:
    """The scenario in the file ``path``. Raises ``UsageError`` with file and line for the first mistake."""
    node = load_file(path)
    scenario = bind(node, Scenario)
    for steps, message in _mistakes(scenario, path.stem):
        raise problem(node, message, *steps)
    return scenario


_Mistake = tuple[tuple[str | int, ...], str]
"""Where in the file, and what is wrong."""


def _mistakes(scenario: Scenario, stem: str) -> Iterator[_Mistake]:
    """What the types cannot say."""
    if scenario.name != stem:
        yield ("name",), f"`name` is {scenario.name!r} and the file is called {stem!r}: make them the same"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", scenario.name):
        yield ("name",), "`name` should be made of small letters, digits and dashes"
    if scenario.dialect not in dialect_names():
        hint = did_you_mean(scenario.dialect, dialect_names()) or "."
        yield ("dialect",), f"unknown dialect {scenario.dialect!r}{hint} Known: {', '.join(dialect_names())}"
    yield from _address_mistakes(scenario)
    yield from _key_mistakes(scenario)
    yield from _reason_mistakes(scenario)
    yield from _limit_mistakes(scenario.limits)


def _address_mistakes(scenario: Scenario) -> Iterator[_Mistake]:
    try:
        base = _split(scenario.base_url)
    except UsageError as error:
        yield ("base_url",), f"`base_url`: {error}"
        return
    if not base.scheme or scenario.base_url.endswith("/"):
        yield ("base_url",), "`base_url` should start with http:// or https:// and not end with a slash"
    path = scenario.models_path
    if path and not path.startswith(("/", f"{base.scheme}://{base.netloc}/")):
        yield ("models_path",), "`models_path` should start with a slash or with the host of `base_url`"
    if not path and not scenario.models:
        yield (), "a provider without `models_path` needs the ids to probe in `models`"


def _key_mistakes(scenario: Scenario) -> Iterator[_Mistake]:
    for index, name in enumerate(scenario.key_env):
        if not _is_variable(name):
            yield ("key_env", index), "`key_env` takes names of environment variables, not the key itself"
    for name in scenario.headers:
        if name != name.lower():
            yield ("headers", name), f"write the header `{name}` in small letters"
        if name in ("authorization", scenario.key_header.lower()):
            yield ("headers", name), f"no `{name}` in `headers`: the key comes from a variable in `key_env`"


def _reason_mistakes(scenario: Scenario) -> Iterator[_Mistake]:
    reasoned: dict[str, tuple[Quirk | Thinking | Skip, ...]] = {
        "quirks": scenario.quirks,
        "thinking": scenario.thinking,
        "skips": scenario.skips,
    }
    for key, entries in reasoned.items():
        for index, entry in enumerate(entries):
            if not entry.because.strip():
                yield (key, index, "because"), f"`{key}[{index}].because` is empty: name the source"
    for index, quirk in enumerate(scenario.quirks):
        if not quirk.rename and not quirk.patch:
            yield ("quirks", index), f"`quirks[{index}]` changes nothing: it needs `rename` or `patch`"


def _limit_mistakes(limits: Limits) -> Iterator[_Mistake]:
    for name in ("concurrency", "connect_s", "idle_s", "total_s", "body_bytes"):
        if getattr(limits, name) <= 0:
            yield ("limits", name), f"`limits.{name}` should be more than 0"
    for name in ("retries", "max_wait_s"):
        if getattr(limits, name) < 0:
            yield ("limits", name), f"`limits.{name}` should not be less than 0"


# --- addresses -------------------------------------------------------------------------------------------


def is_address(text: str) -> bool:
    """``text`` is meant as the address of a server and not as the name of a provider."""
    return text == "localhost" or any(sign in text for sign in ".:/")


def ad_hoc(url: str, key_env: str | None = None) -> Scenario:
    """A scenario for the OpenAI-compatible server at ``url``, whose key is in the variable ``key_env``.

    Without a scheme it is http for hosts of the own machine or network and https for others; without a
    path it is ``/v1``. The name is made of host and port and is safe as a file name.
    """
    parts = _split(url if "://" in url else f"//{url}")
    host = (parts.hostname or "").lower()
    private = _is_private(host)
    scheme = parts.scheme or ("http" if private else "https")
    netloc = f"[{host}]" if ":" in host else host
    netloc += f":{parts.port}" if parts.port else ""
    if key_env is not None and not _is_variable(key_env):
        raise UsageError("--key-env takes the name of an environment variable, not the key itself")
    return Scenario(
        name=_file_name(host, parts.port, scheme),
        title=netloc,
        base_url=f"{scheme}://{netloc}{parts.path.rstrip('/') or '/v1'}",
        local=private,
        key_env=() if key_env is None else (key_env,),
        limits=LOCAL_LIMITS if private else REMOTE_LIMITS,
    )


def _split(url: str) -> SplitResult:
    """The parts of ``url``; a missing scheme is "". Never repeats the URL in an error: it may hold a key."""
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise UsageError("an address has no spaces and only ASCII characters (xn-- form for other letters)")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UsageError(f"not the address of a server; {_LIKE}") from None
    if parts.scheme not in ("", "http", "https") or (not parts.scheme and not url.startswith("//")):
        raise UsageError("an address should start with http:// or https://")
    if "@" in parts.netloc:
        raise UsageError("an address cannot hold a user name or password: use a variable and --key-env")
    if parts.query or parts.fragment:
        raise UsageError("an address cannot have a query (?) or fragment (#)")
    if port == 0 or not _is_host(parts.hostname or ""):
        raise UsageError(f"the address has no valid host and port; {_LIKE}")
    return parts


def _is_host(host: str) -> bool:
    if ":" in host:
        return _ip(host) is not None
    return len(host) <= 253 and re.fullmatch(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?", host) is not None


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_private(host: str) -> bool:
    """On the own machine or network; a name without dots can only be resolved there."""
    if address := _ip(host):
        return address.is_private or address.is_loopback or address.is_link_local
    return "." not in host or host.endswith((".localhost", ".local", ".internal", ".lan"))


def _file_name(host: str, port: int | None, scheme: str) -> str:
    """``host-port``, or just the host when it has dots and the usual port.

    A name without dots always gets its port, so that a machine called like a provider cannot overwrite the
    provider's scoreboard.
    """
    usual = {"http": 80, "https": 443}[scheme]
    safe = host.replace(":", "_").replace("%", "_")
    return safe if "." in host and port in (None, usual) else f"{safe}-{port or usual}"


def _is_variable(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None
