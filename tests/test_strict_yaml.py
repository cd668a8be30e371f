"""The strict YAML loader and the binder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmprobe import strict_yaml
from llmprobe.errors import UsageError
from llmprobe.strict_yaml import bind, load, load_file, problem

Mode: TypeAlias = Literal["sync", "stream", 2, True]


@dataclass(frozen=True, slots=True)
class Inner:
    """A part."""

    width: int
    because: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """Another part, told apart from ``Inner`` by its keys."""

    radius: float


@dataclass(frozen=True, slots=True)
class Outer:
    """One field of each kind."""

    name: str
    count: int = 0
    share: float = 0.0
    loud: bool = False
    note: str | None = None
    mode: Mode = "sync"
    words: tuple[str, ...] = ()
    pair: tuple[str, int] = ("", 0)
    renames: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Inner, ...] = ()
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    shape: Inner | Round | None = None
    stop: str | int | tuple[str, ...] = ""
    patch: Mapping[str, Any] = field(default_factory=dict)
    anything: Any = None
    computed: int = field(default=7, init=False)

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count is negative")


@pytest.fixture(params=["libyaml", "python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the test with libyaml's parser and with PyYAML's own."""
    name = {"libyaml": "CSafeLoader", "python": "SafeLoader"}[request.param]
    if not hasattr(yaml, name):
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(strict_yaml, "LOADER", getattr(yaml, name))


def outer(text: str) -> Outer:
    """``text`` and a name as an ``Outer``."""
    return bind(load(f"name: x\n{text}", "f.yaml"), Outer)


def complaint(text: str) -> str:
    """The error message for ``text``."""
    with pytest.raises(UsageError) as caught:
        bind(load(text, "f.yaml"), Outer)
    return str(caught.value)


# --- scalars ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    "text",
    ["on", "yes", "No", "true", "3.10", "2024-01-01", "1_000", "0o17", "0x1f", "1e3", "007", "12:30:45"],
)
def test_a_text_field_takes_the_value_as_it_is_written(text: str) -> None:
    assert outer(f"note: {text}").note == text
    assert outer(f"note: '{text}'").note == text


@pytest.mark.parametrize("text", ["null", "~", ""])
def test_null_is_none_where_none_is_allowed_and_no_text_elsewhere(text: str) -> None:
    assert outer(f"note: {text}").note is None
    assert complaint(f"name: {text}") == "f.yaml:1: `name` should be a text, not null"


def test_a_quoted_null_is_a_text() -> None:
    assert outer("note: 'null'").note == "null"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_only_true_and_false_are_booleans(text: str, value: bool) -> None:
    assert outer(f"loud: {text}").loud is value


@pytest.mark.parametrize("text", ["on", "yes", "True", "1", "'true'", "null"])
def test_all_else_is_no_boolean(text: str) -> None:
    assert complaint(f"name: x\nloud: {text}").startswith("f.yaml:2: `loud` should be `true` or `false`, not ")


@given(st.integers(min_value=0, max_value=10**30))
def test_a_decimal_integer_is_a_whole_number(number: int) -> None:
    assert outer(f"count: {number}").count == number
    assert outer(f"anything: -{number}").anything == (-number or "-0")


@pytest.mark.parametrize("text", ["1_000", "0x1f", "0o17", "007", "1e3", "1.0", "'4'", "+4", "９", "9" * 999])
def test_all_else_is_no_whole_number(text: str) -> None:
    assert "`count` should be a whole number, not" in complaint(f"name: x\ncount: {text}")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_field_takes_json_numbers(number: float) -> None:
    assert outer(f"share: {number!r}").share == number


@pytest.mark.parametrize(("text", "value"), [("60", 60.0), ("0.50", 0.5), ("1e3", 1000.0), ("-2.5E-3", -0.0025)])
def test_a_float_field_takes_every_json_notation(text: str, value: float) -> None:
    share = outer(f"share: {text}").share

    assert share == value
    assert type(share) is float


@pytest.mark.parametrize("text", [".5", "5.", ".inf", ".nan", "1e999", "1_0.0", "'0.5'", "0.5s"])
def test_all_else_is_no_number(text: str) -> None:
    assert "`share` should be a number, not" in complaint(f"name: x\nshare: {text}")


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        ("2.0", 2.0),
        ("0.00001", 0.00001),
        ("true", True),
        ("null", None),
        ("~", None),
        ("'12'", "12"),
        ("'true'", "true"),
        ("''", ""),
        ("|\n    12\n", "12\n"),
        ("3.10", "3.10"),
        ("1e3", "1e3"),
        ("1e+16", "1e+16"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("-0", "-0"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        ("0o17", "0o17"),
        ("on", "on"),
        ("True", "True"),
        ("NULL", "NULL"),
        (".inf", ".inf"),
        ("2024-01-01", "2024-01-01"),
        ("12:30", "12:30"),
        ("none", "none"),
    ],
)
def test_untyped_values_are_json_only_where_they_are_written_as_json(text: str, value: object) -> None:
    anything = outer(f"anything: {text}").anything

    assert anything == value
    assert type(anything) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: "e" not in repr(number)))
def test_an_untyped_float_is_read_back_as_itself(number: float) -> None:
    assert outer(f"anything: {number!r}").anything == number


def test_untyped_values_nest() -> None:
    patch = outer("patch: {reasoning: {enabled: false}, on: [1, x, null]}").patch

    assert patch == {"reasoning": {"enabled": False}, "on": [1, "x", None]}


# --- structures ------------------------------------------------------------------------------------------


def test_a_dataclass_is_filled_by_its_annotations() -> None:
    filled = outer(
        """
words: [a, "b", 3]
pair: [seed, 4]
renames: {seed: random_seed}
parts:
  - {width: 1, because: x}
  - width: 2
by_name: {left: {width: 3}}
"""
    )

    assert filled == Outer(
        name="x",
        words=("a", "b", "3"),
        pair=("seed", 4),
        renames={"seed": "random_seed"},
        parts=(Inner(1, "x"), Inner(2)),
        by_name={"left": Inner(3)},
    )


@pytest.mark.parametrize(("text", "value"), [("stream", "stream"), ("'sync'", "sync"), ("2", 2), ("true", True)])
def test_a_choice_takes_its_values(text: str, value: object) -> None:
    mode = outer(f"mode: {text}").mode

    assert mode == value
    assert type(mode) is type(value)


def test_a_wrong_choice_names_the_right_ones() -> None:
    assert complaint("name: x\nmode: steam") == (
        "f.yaml:2: `mode` should be one of `sync`, `stream`, `2`, `true`, not 'steam', did you mean `stream`?"
    )
    assert complaint("name: x\nmode: 1").endswith("not '1'")


@pytest.mark.parametrize(
    ("text", "value"),
    [("{width: 3}", Inner(3)), ("{radius: 3}", Round(3.0)), ("null", None)],
)
def test_a_union_takes_the_member_that_the_keys_fit(text: str, value: object) -> None:
    assert outer(f"shape: {text}").shape == value


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("'3'", "3"), ("x", "x"), ("[3, x]", ("3", "x"))])
def test_a_union_of_scalars_takes_text_last(text: str, value: object) -> None:
    assert outer(f"stop: {text}").stop == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nnmae: y", "f.yaml:2: unknown key `nmae`, did you mean `name`?"),
        ("name: x\nqqq: y", "f.yaml:2: unknown key `qqq`"),
        ("name: x\ncomputed: 1", "f.yaml:2: unknown key `computed`, did you mean `count`?"),
        (
            "name: x\nparts:\n- width: 1\n  becuase: y",
            "f.yaml:4: unknown key `becuase` in `parts[0]`, did you mean `because`?",
        ),
        ("name: x\nparts: [{because: y}]", "f.yaml:2: `parts[0]` lacks the key `width`"),
        ("count: 1", "f.yaml:1: the file lacks the key `name`"),
        ("name: x\ncount: many", "f.yaml:2: `count` should be a whole number, not 'many'"),
        ("name: x\ncount: '4'", "f.yaml:2: `count` should be a whole number, not the quoted text '4'"),
        ("name: [x]", "f.yaml:1: `name` should be a text, not a list"),
        ("name: x\nwords: a", "f.yaml:2: `words` should be a list, not 'a'"),
        ("name: x\nwords:\n", "f.yaml:2: `words` should be a list, not null"),
        ("name: x\nwords:\n- a\n- {b: c}", "f.yaml:4: `words[1]` should be a text, not a mapping"),
        ("name: x\npair: [a]", "f.yaml:2: `pair` should have 2 items, not 1"),
        ("name: x\nrenames: [a]", "f.yaml:2: `renames` should be a mapping, not a list"),
        (
            "name: x\nby_name:\n  left:\n    width: w",
            "f.yaml:4: `by_name.left.width` should be a whole number, not 'w'",
        ),
        ("name: x\nshape: {width: w}", "f.yaml:2: `shape.width` should be a whole number, not 'w'"),
        ("name: x\nshape: big", "f.yaml:2: `shape` should be a mapping, not 'big'"),
        ("name: x\nstop: [[a]]", "f.yaml:2: `stop[0]` should be a text, not a list"),
        (
            "name: x\nstop: {a: b}",
            "f.yaml:2: `stop` should be a text or a whole number or a list, not a mapping",
        ),
        ("name: x\ncount: -1", "f.yaml:1: the file: count is negative"),
        ("- x", "f.yaml:1: the file should be a mapping, not a list"),
        ("~", "f.yaml:1: the file should be a mapping, not null"),
        ('name: x\n"a\\nb\\x1b": y', r"f.yaml:2: unknown key `'a\nb\x1b'`"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_place(text: str, message: str) -> None:
    assert complaint(text) == message


def test_an_error_can_be_put_where_a_part_stands() -> None:
    node = load("a:\n  - b: 1\n    c: 2\n", "f.yaml")

    assert str(problem(node, "bad", "a", 0, "c")) == "f.yaml:3: bad"
    assert str(problem(node, "bad", "a", 7, "c")) == "f.yaml:2: bad"


def test_a_type_that_cannot_be_read_is_our_bug() -> None:
    with pytest.raises(TypeError, match="cannot be read from YAML"):
        bind(load("a", "f.yaml"), complex)


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3: the key `a` was given before, in line 1"),
        ("x: {a: 1, 'a': 2}", "f.yaml:1: the key `a` was given before, in line 1"),
        ("a: &x 1", "f.yaml:1: no anchors (&) or aliases (*) here: quote or repeat the value"),
        ("a: 1\nb: *x", "f.yaml:2: no anchors (&) or aliases (*) here: quote or repeat the value"),
        ("a: &x {b: 1}", "f.yaml:1: no anchors (&) or aliases (*) here: quote or repeat the value"),
        ("<<: {a: 1}", "f.yaml:1: no merge keys (<<) here: repeat the values"),
        (
            "a: !!python/object:os.system x",
            "f.yaml:1: no tags such as `tag:yaml.org,2002:python/object:os.system` here: quote the value",
        ),
        ("a: !!str x", "f.yaml:1: no tags such as `tag:yaml.org,2002:str` here: quote the value"),
        ("a: !mine [x]", "f.yaml:1: no tags such as `!mine` here: quote the value"),
        ("a: 1\n---\nb: 2", "f.yaml:2: a second document starts here; one file holds one document"),
        ("? [a]\n: 1", "f.yaml:1: a key should be a text, not a list"),
        ("", "f.yaml: is empty"),
        ("# only a comment\n", "f.yaml: is empty"),
        ("a: 1\nb: \x07", "f.yaml:2: holds the control character U+0007"),
        ("a: \ud800", "f.yaml:1: holds the control character U+D800"),
        ("[" * 100, "f.yaml:1: nested more than 64 levels deep"),
        ("a: ]", "f.yaml:1: not valid YAML: "),
        ("a: 1\n\tb: 2", "f.yaml:2: not valid YAML: "),
        ("a: %x", "f.yaml:1: not valid YAML: "),
    ],
)
def test_what_is_refused_at_loading(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(text, "f.yaml")

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("text", [r'a: "\ud800"', r'a: "\ud83d\ude00"', r'a: "\UFFFFFFFF"'])
def test_escapes_that_are_no_character_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^f\.yaml:"):
        load(text, "f.yaml")


@pytest.mark.usefixtures("loader")
def test_a_quoted_merge_sign_is_an_ordinary_key() -> None:
    assert outer("patch: {'<<': 1}").patch == {"<<": 1}


def test_a_recursion_bomb_is_refused_early() -> None:
    with pytest.raises(UsageError, match="nested more than 64"):
        load("{a: " * 200_000, "f.yaml")


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("a: 1\nb: caf\xe9\n".encode("latin-1"))

    with pytest.raises(UsageError, match=r"x\.yaml:2: is not UTF-8 text"):
        load_file(path)


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("#" * strict_yaml.MAX_BYTES + "\n")

    with pytest.raises(UsageError, match="larger than 1000000 bytes"):
        load_file(path)
    with pytest.raises(UsageError, match="larger than 1000000 characters"):
        load("#" * (strict_yaml.MAX_BYTES + 1), "x.yaml")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x\.yaml: cannot be read: No such file"):
        load_file(tmp_path / "x.yaml")
    with pytest.raises(UsageError, match=r"cannot be read: Is a directory"):
        load_file(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("name: x\n", encoding="utf-8-sig")

    assert bind(load_file(path), Outer).name == "x"


# --- properties ------------------------------------------------------------------------------------------

texts = st.text(max_size=12)
trees: st.SearchStrategy[Any] = st.recursive(
    texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


def quoted(text: str) -> str:
    """``text`` in double quotes, all but plain ASCII escaped."""
    plain = set(map(chr, range(0x20, 0x7F))) - set('"\\')
    return '"' + "".join(sign if sign in plain else f"\\U{ord(sign):08X}" for sign in text) + '"'


def written(tree: Any) -> str:
    """``tree`` as YAML with every scalar quoted. Keys are marked by ``?`` as long ones must be."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"? {quoted(key)} : {written(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(written, tree)) + "]"
    return quoted(tree)


@given(trees)
def test_quoted_texts_come_back_as_they_were(tree: Any) -> None:
    assert bind(load(written(tree), "f.yaml"), Any) == tree


@given(trees)
def test_texts_written_by_another_yaml_writer_come_back_too(tree: Any) -> None:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, _: Any) -> bool:
            return True

    text = yaml.dump(tree, Dumper=Plain, default_style='"', default_flow_style=False)

    assert bind(load(text, "f.yaml"), Any) == tree


@given(st.dictionaries(texts, trees, min_size=1, max_size=4), st.data())
def test_a_duplicate_key_is_always_refused(tree: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(tree)))
    pairs = [*tree.items(), (key, data.draw(trees))]
    shuffled = data.draw(st.permutations(pairs))
    text = "[{" + ", ".join(f"? {quoted(name)} : {written(value)}" for name, value in shuffled) + "}]"

    with pytest.raises(UsageError, match="was given before"):
        load(text, "f.yaml")


def outcome(text: str) -> str:
    """What comes of reading ``text``: "read", or the error."""
    try:
        bind(load(text, "f.yaml"), Any)
    except UsageError as error:
        return str(error)
    return "read"


@given(st.text(alphabet="ab1:-[]{}#&*!|>'\"%@`?,.~\\ux<= \n\t\r\x85\u2028é", max_size=40))
def test_no_text_does_worse_than_a_clear_error(text: str) -> None:
    for name in ("SafeLoader", "CSafeLoader"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(strict_yaml, "LOADER", getattr(yaml, name, yaml.SafeLoader))
            assert outcome(text).startswith(("read", "f.yaml:"))
