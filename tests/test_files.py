"""Where the shipped files are found, and merge patches."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe import files
from llmprobe.errors import UsageError
from llmprobe.json_patch import merge_patch


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package folder that ``files`` takes for its own."""
    folder = tmp_path / "llmprobe"
    folder.mkdir()
    monkeypatch.setattr(files, "PACKAGE", folder)
    return folder


def test_in_a_checkout_the_folders_beside_the_package_are_used() -> None:
    root = Path(files.__file__).parent.parent

    assert files.data_folder("probes") == root / "probes"
    assert files.data_folder("scenarios") == root / "scenarios"


def test_the_packaged_folder_comes_first(package: Path) -> None:
    (package.parent / "probes").mkdir()
    (package / "_data" / "probes").mkdir(parents=True)

    assert files.data_folder("probes") == package / "_data" / "probes"


def test_a_missing_folder_is_named_with_the_places_that_were_tried(package: Path) -> None:
    with pytest.raises(UsageError, match="scenarios are missing") as caught:
        files.data_folder("scenarios")

    assert str(package / "_data" / "scenarios") in str(caught.value)
    assert str(package.parent / "scenarios") in str(caught.value)


RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "expected"), RFC_7386)
def test_the_examples_of_the_rfc_hold(target: Any, patch: Any, expected: Any) -> None:
    assert merge_patch(target, patch) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, json_values)
def test_patching_changes_neither_argument(target: Any, patch: Any) -> None:
    before = copy.deepcopy((target, patch))

    merge_patch(target, patch)

    assert (target, patch) == before


@given(json_values, json_values)
def test_patching_twice_is_patching_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)

    assert merge_patch(once, patch) == once


@given(json_values.filter(lambda value: isinstance(value, dict)))
def test_an_empty_patch_changes_no_object(target: Any) -> None:
    assert merge_patch(target, {}) == target


@given(json_values, st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(), max_size=4))
def test_after_a_patch_each_field_is_as_the_patch_says(target: Any, patch: dict[str, int | None]) -> None:
    patched = merge_patch(target, patch)

    assert {key: patched.get(key) for key in patch} == patch
    assert all(key in patched for key, value in patch.items() if value is not None)
    assert not any(key in patched for key, value in patch.items() if value is None)
