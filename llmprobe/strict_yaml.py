"""Strict YAML for files that people write: what stands there is what is meant, mistakes have a line.

``load`` turns text into nodes that remember where they stood; ``bind`` turns a node into a dataclass. Unlike
the usual loaders, nothing is guessed from the look of a value: the type of the field decides.

============  ========================================================================================
field type    accepted
============  ========================================================================================
``str``       any scalar as it is written (``on``, ``3.10``, ``2024-01-01``, ``007``), quoted or not; not null
``int``       unquoted plain decimal digits with an optional minus: not ``007``, ``1_000``, ``0x1f``, ``1e3``
``float``     an unquoted finite number in JSON notation, whole numbers included
``bool``      unquoted ``true`` and ``false`` only
``X | None``  ``null``, ``~`` and nothing at all are ``None``
``Any``       JSON. Quoted scalars are strings. Unquoted ones are null, true, false, or a number if it is
              one in JSON notation without exponent, without superfluous zeros, and without more digits
              than a float keeps; all else is a string. So ``12``, ``0.5`` and ``2.0`` are numbers, while
              ``3.10``, ``1e3`` and ``007`` are strings.
============  ========================================================================================

Refused: duplicate keys, anchors, aliases, merge keys, tags, several documents, keys that are not scalars,
control characters, deep nesting, large files.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import yaml

from llmprobe.call import JSON
from llmprobe.errors import UsageError

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 2_000_000
"""In the files of other programs, which may be larger."""

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML has it: about ten times as fast."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands; lines count from 1."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it is written. ``plain``: neither quoted nor a block text."""

    place: Place
    text: str
    plain: bool

    @property
    def null(self) -> bool:
        """Written as null, ``~`` or not at all."""
        return self.plain and self.text in ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the order of the file; no key occurs twice."""

    place: Place
    entries: tuple[tuple[Scalar, Node], ...]


Node: TypeAlias = Scalar | Sequence | Table


# --- trouble ---------------------------------------------------------------------------------------------


def problem(node: Node, message: str, *steps: str | int) -> UsageError:
    """An error "file:line: message"; ``steps`` lead from ``node`` to the part that is meant."""
    return _at(_descend(node, steps).place, message)


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """The words ", did you mean `x`?" for the option closest to ``word``; "" when none is close."""
    close = difflib.get_close_matches(word, list(options), n=1)
    return f", did you mean `{close[0]}`?" if close else ""


def _at(place: Place, message: str) -> UsageError:
    return UsageError(f"{place.path}:{place.line}: {message}")


def _descend(node: Node, steps: Iterable[str | int]) -> Node:
    """As far along ``steps`` as there is something."""
    for step in steps:
        inner = _child(node, step)
        if inner is None:
            break
        node = inner
    return node


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node, Table):
        return next((value for key, value in node.entries if key.text == step), None)
    if isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def _code(text: str) -> str:
    """``text`` in backticks; files are untrusted, so what does not print is escaped and long text is cut."""
    short = text if len(text) <= 60 else text[:57] + "..."
    return f"`{short}`" if short.isprintable() else f"`{short!r}`"


def _shown(node: Node) -> str:
    """What stands there, for "should be ..., not ..."."""
    if isinstance(node, Table):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if node.null:
        return "null"
    short = node.text if len(node.text) <= 60 else node.text[:57] + "..."
    return repr(short) if node.plain else f"the quoted text {short!r}"


# --- text to nodes ---------------------------------------------------------------------------------------


def load_file(path: Path) -> Node:
    """The content of the YAML file ``path``."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _at(Place(str(path), line), "is not UTF-8 text") from error
    return load(text, str(path))


def load(text: str, path: str) -> Node:
    """The single document in ``text``; ``path`` is its name in error messages."""
    _check_text(text, path)
    builder = _Builder(path)
    try:
        for event in yaml.parse(text, Loader=LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _syntax(error, path) from error
    except (ValueError, OverflowError) as error:  # PyYAML's own parser lets "\UFFFFFFFF" through to chr()
        raise UsageError(f"{path}: not valid YAML: {error}") from error
    if builder.root is None:
        raise UsageError(f"{path}: is empty")
    return builder.root


_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.1 does not allow to stand in a file."""


def _check_text(text: str, path: str) -> None:
    if len(text) > MAX_BYTES:
        raise UsageError(f"{path}: larger than {MAX_BYTES} characters")
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise _at(Place(path, line), f"holds the control character U+{ord(found[0]):04X}")


def _syntax(error: yaml.YAMLError, path: str) -> UsageError:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return _at(Place(path, error.problem_mark.line + 1), f"not valid YAML: {error.problem}")
    return UsageError(f"{path}: not valid YAML: {error}")


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet; a mapping's keys and values alternate."""

    place: Place
    mapping: bool
    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class _Builder:
    """Builds the tree from parser events; never recursive, so no file can exhaust the stack."""

    path: str
    root: Node | None = None
    stack: list[_Open] = field(default_factory=list)

    def take(self, event: Any) -> None:
        """One event of the parser, in order."""
        if isinstance(event, yaml.NodeEvent):
            self._refuse_special(event)
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._add(_closed(self.stack.pop()))
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise _at(self._place(event), "a second document starts here; one file holds one document")

    def _place(self, event: Any) -> Place:
        return Place(self.path, event.start_mark.line + 1)

    def _refuse_special(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _at(self._place(event), "no anchors (&) or aliases (*) here: quote or repeat the value")
        if event.tag is not None:
            raise _at(self._place(event), f"no tags such as {_code(event.tag)} here: quote the value")

    def _scalar(self, event: Any) -> Scalar:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            raise _at(self._place(event), "half a surrogate pair: write the character itself or \\UXXXXXXXX")
        return Scalar(self._place(event), event.value, plain=event.style in (None, ""))

    def _open(self, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise _at(self._place(event), f"nested more than {MAX_DEPTH} levels deep")
        self.stack.append(_Open(self._place(event), isinstance(event, yaml.MappingStartEvent)))

    def _add(self, node: Node) -> None:
        if self.stack:
            self.stack[-1].nodes.append(node)
        else:
            self.root = node


def _closed(part: _Open) -> Node:
    if not part.mapping:
        return Sequence(part.place, tuple(part.nodes))
    pairs = zip(part.nodes[::2], part.nodes[1::2], strict=True)
    return Table(part.place, _distinct((_key(key), value) for key, value in pairs))


def _key(node: Node) -> Scalar:
    if not isinstance(node, Scalar):
        raise problem(node, f"a key should be a text, not {_shown(node)}")
    if node.plain and node.text == "<<":
        raise problem(node, "no merge keys (<<) here: repeat the values")
    return node


def _distinct(entries: Iterable[tuple[Scalar, Node]]) -> tuple[tuple[Scalar, Node], ...]:
    seen: dict[str, tuple[Scalar, Node]] = {}
    for key, value in entries:
        if first := seen.get(key.text):
            raise problem(key, f"the key {_code(key.text)} was given before, in line {first[0].place.line}")
        seen[key.text] = (key, value)
    return tuple(seen.values())


# --- files of other programs -----------------------------------------------------------------------------


def load_plain(data: bytes) -> Any:
    """The single document in ``data``, which another program wrote: mappings, lists and scalars, nothing else.

    Unquoted null, true, false and whole numbers are what they look like; any other unquoted scalar stays the
    text it is, so that a version, a date or a digest is not changed. Anchors are followed, not copied; ``<<``
    is a key like any other. Raises ``ValueError`` with one line that names the place.
    """
    try:
        return yaml.load(data, Loader=_PLAIN)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = f"{error.context}, {error.problem}" if str(error.problem).startswith("but ") else error.problem
        raise ValueError(f"line {mark.line + 1 if mark else 1}: {_clipped(words)}") from None
    except yaml.reader.ReaderError as error:
        line = data.count(b"\n", 0, error.position) + 1
        raise ValueError(f"line {line}: {_clipped(error.reason)}") from None
    except RecursionError:
        raise ValueError("line 1: nested too deep") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # "\UFFFFFFFF" in PyYAML's own parser
        raise ValueError(f"line 1: {_clipped(error)}") from None


def _clipped(reason: object) -> str:
    """``reason``, which may quote the file, as one short line that prints."""
    words = " ".join(str(reason).split())
    short = words if len(words) <= 100 else words[:97] + "..."
    return short if short.isprintable() else repr(short)


def _plain_loader(base: Any) -> Any:
    """A loader that knows few types, none of which takes longer to read than its text.

    PyYAML's sexagesimal numbers are quadratic in their length, merge keys can grow a file exponentially, and
    a node takes a hundred times the memory of the shortest text of one.
    """
    overridden = {"flatten_mapping": lambda _loader, _node: None, "descend_resolver": _count_node, "_nodes": 0}
    loader: Any = type("_PlainLoader", (base,), overridden)
    loader.yaml_implicit_resolvers = {}
    loader.yaml_constructors = {}
    for name, pattern, starts, convert in _PLAIN_SCALARS:
        tag = f"tag:yaml.org,2002:{name}"
        loader.add_implicit_resolver(tag, re.compile(pattern), starts)
        loader.add_constructor(tag, _scalar_reader(convert))
    for name in ("str", "binary", "seq", "map"):
        loader.add_constructor(f"tag:yaml.org,2002:{name}", getattr(base, f"construct_yaml_{name}"))
    loader.add_constructor(None, base.construct_undefined)
    return loader


def _count_node(loader: Any, parent: Any, _index: Any) -> None:
    """Called for each node before it is made; there are no path resolvers, which this is meant for."""
    loader._nodes += 1
    if loader._nodes > MAX_NODES:
        raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES:,} values", problem_mark=parent and parent.start_mark)


_PLAIN_SCALARS: tuple[tuple[str, str, list[str], Callable[[str], Any]], ...] = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""], lambda _text: None),
    ("bool", r"^(?:true|false)$", ["t", "f"], lambda text: text == "true"),
    ("int", r"^(?:0|-?[1-9][0-9]{0,17})$", list("-0123456789"), int),
)
"""Name of the type, its look, the characters it begins with, and what makes a value of its text."""


def _scalar_reader(convert: Callable[[str], Any]) -> Callable[[Any, Any], Any]:
    def read(loader: Any, node: Any) -> Any:
        try:
            return convert(loader.construct_scalar(node))
        except ValueError as error:  # where a tag says what the text is not
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None

    return read


_PLAIN = _plain_loader(LOADER)


# --- nodes to values -------------------------------------------------------------------------------------


def bind(node: Node, cls: type[T]) -> T:
    """The content of ``node`` as a ``cls``: a dataclass, or any type of the table above.

    Dataclasses are filled by their annotations: the types above, ``Literal``, ``X | Y``, ``tuple[X, ...]``,
    ``tuple[X, Y]``, ``Mapping[K, X]`` and other dataclasses. A ``ValueError`` from ``__post_init__`` is
    reported with the line. Raises ``UsageError`` for the first mistake found.
    """
    return cast(T, _bind(node, cls, ""))


def _bind(node: Node, kind: Any, name: str) -> Any:
    if kind is Any:
        return _json(node)
    if is_dataclass(kind):
        return _record(node, kind, name)
    if kind in _READERS:
        return _scalar(node, kind, name)
    binder = _GENERICS.get(get_origin(kind))
    if binder is None:
        raise TypeError(f"{kind!r} cannot be read from YAML")
    return binder(node, kind, name)


def _unfit(node: Node, kind: Any, name: str, hint: str = "") -> UsageError:
    return problem(node, f"{_subject(name)} should be {_describe(kind)}, not {_shown(node)}{hint}")


def _subject(name: str) -> str:
    return _code(name) if name else "the file"


def _describe(kind: Any) -> str:
    """What ``kind`` accepts, in words."""
    if kind in _READERS:
        return _READERS[kind][0]
    if _is_union(kind):
        members = (_describe(member) for member in get_args(kind) if member is not NoneType)
        return " or ".join(dict.fromkeys(members))
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(_code(_spelled(option)) for option in get_args(kind))
    return "a list" if get_origin(kind) is tuple else "a mapping"


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


_WHOLE = re.compile("-?(?:0|[1-9][0-9]{0,299})")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,299})(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def _text(node: Scalar) -> str | None:
    return None if node.null else node.text


def _whole(node: Scalar) -> int | None:
    return int(node.text) if node.plain and _WHOLE.fullmatch(node.text) else None


def _number(node: Scalar) -> float | None:
    if not node.plain or not _NUMBER.fullmatch(node.text):
        return None
    value = float(node.text)
    return value if math.isfinite(value) else None


def _truth(node: Scalar) -> bool | None:
    return {"true": True, "false": False}.get(node.text) if node.plain else None


_READERS: Mapping[Any, tuple[str, Callable[[Scalar], object]]] = {
    str: ("a text", _text),
    int: ("a whole number", _whole),
    float: ("a number", _number),
    bool: ("`true` or `false`", _truth),
}
"""For a scalar type, its name for people and its reader; ``None`` from a reader: it does not fit."""


def _scalar(node: Node, kind: Any, name: str) -> object:
    value = _READERS[kind][1](node) if isinstance(node, Scalar) else None
    if value is None:
        raise _unfit(node, kind, name)
    return value


def _choice(node: Node, kind: Any, name: str) -> object:
    """One of the values of a ``Literal``."""
    options = get_args(kind)
    if not isinstance(node, Scalar):
        raise _unfit(node, kind, name)
    for option in options:
        if _equals(node, option):
            return cast(object, option)
    raise _unfit(node, kind, name, did_you_mean(node.text, map(_spelled, options)))


def _equals(node: Scalar, option: object) -> bool:
    if option is None:
        return node.null
    read = _READERS[type(option)][1](node)
    return read is not None and read == option


def _spelled(option: object) -> str:
    """A value of a ``Literal`` as it is written in YAML."""
    return option if isinstance(option, str) else json.dumps(option)


def _several(node: Node, kind: Any, name: str) -> tuple[Any, ...]:
    """A tuple: ``tuple[X, ...]`` or of fixed length."""
    if not isinstance(node, Sequence):
        raise _unfit(node, kind, name)
    kinds = get_args(kind)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = kinds[:1] * len(node.items)
    if len(kinds) != len(node.items):
        raise problem(node, f"{_subject(name)} should have {len(kinds)} items, not {len(node.items)}")
    return tuple(
        _bind(item, inner, f"{name}[{index}]")
        for index, (item, inner) in enumerate(zip(node.items, kinds, strict=True))
    )


def _mapping(node: Node, kind: Any, name: str) -> dict[Any, Any]:
    if not isinstance(node, Table):
        raise _unfit(node, kind, name)
    key_kind, value_kind = get_args(kind)
    return {
        _bind(key, key_kind, f"key of {name}"): _bind(value, value_kind, _inside(name, key.text))
        for key, value in node.entries
    }


def _inside(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _union(node: Node, kind: Any, name: str) -> Any:
    members = [member for member in get_args(kind) if member is not NoneType]
    if NoneType in get_args(kind) and isinstance(node, Scalar) and node.null:
        return None
    failures = []
    for member in sorted(members, key=lambda member: _likeness(node, member), reverse=True):
        try:
            return _bind(node, member, name)
        except UsageError as failure:
            failures.append(failure)
    if len(members) == 1 or max(_likeness(node, member) for member in members) > 0:
        raise failures[0]
    raise _unfit(node, kind, name)


def _likeness(node: Node, kind: Any) -> int:
    """How well ``node`` looks like a ``kind``: the order in which the members of a union are tried."""
    if isinstance(node, Table):
        return _common_keys(node, kind)
    if isinstance(node, Sequence):
        return 1 if get_origin(kind) is tuple else 0
    return -1 if kind in (str, Any) else 0  # a text fits everything, so it comes last


def _common_keys(node: Table, kind: Any) -> int:
    if not is_dataclass(kind):
        return 1 if get_origin(kind) in (dict, Mapping) else 0
    known = {item.name for item in fields(kind)}
    return 2 + sum(1 if key.text in known else -1 for key, _ in node.entries)


@cache
def _hints(cls: Any) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _record(node: Node, cls: Any, name: str) -> object:
    """A dataclass."""
    if not isinstance(node, Table):
        raise _unfit(node, cls, name)
    known = {item.name: item for item in fields(cls) if item.init}
    for key, _ in node.entries:
        _check_known(key, known, name)
    values = {key.text: _bind(value, _hints(cls)[key.text], _inside(name, key.text)) for key, value in node.entries}
    for missing in known.values():
        if missing.name not in values and _required(missing):
            raise problem(node, f"{_subject(name)} lacks the key `{missing.name}`")
    try:
        return cast(object, cls(**values))
    except ValueError as error:
        raise problem(node, f"{_subject(name)}: {error}") from error


def _check_known(key: Scalar, known: Iterable[str], name: str) -> None:
    if key.text not in known:
        inside = f" in {_code(name)}" if name else ""
        raise problem(key, f"unknown key {_code(key.text)}{inside}{did_you_mean(key.text, known)}")


def _required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


_GENERICS: Mapping[Any, Callable[[Node, Any, str], Any]] = {
    Union: _union,
    UnionType: _union,
    Literal: _choice,
    tuple: _several,
    dict: _mapping,
    Mapping: _mapping,
}


def _json(node: Node) -> JSON:
    if isinstance(node, Sequence):
        return [_json(item) for item in node.items]
    if isinstance(node, Table):
        return {key.text: _json(value) for key, value in node.entries}
    return _json_scalar(node)


def _json_scalar(node: Scalar) -> JSON:
    if node.null:
        return None
    for value in (_truth(node), _whole(node), _number(node)):
        if value is not None and _canonical(value) == node.text:
            return value
    return node.text


def _canonical(value: bool | int | float) -> str:
    """The one way to write ``value`` as JSON without exponent."""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return json.dumps(value)
