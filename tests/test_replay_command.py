"""``llmprobe replay`` as a user runs it: files in, tables and files out, and one line for whatever cannot be used."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmprobe.call import Call, Image, JsonObject, Text
from llmprobe.demo.server import running
from llmprobe.dialects import Listed, dialect
from llmprobe.exchange import Exchange, HttpResponse
from llmprobe.recordings.journal import Header, read_exchange, read_header
from llmprobe.renderers import legend
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.scoreboard_file import load
from llmprobe.verdict import Verdict
from tests.commands import llmprobe
from tests.replayed import (
    CANARY,
    CHAT,
    FORMATS,
    KEY_HEADERS,
    MODEL,
    SENT_AT,
    ask,
    fetched,
    go_vcr,
    har,
    journal,
    recorded,
    vcrpy,
    vcrpy_json,
    write,
)
from tests.talks import refusal, said
from tests.test_demo_scan import scan_demo
from tests.test_replay_judging import EFFECTS, FREE, calling, went_on

JSON = ask(response_format=JsonObject())
TALK = recorded(
    (ask(), said("Prose.")),
    (JSON, said('{"a": 1}')),
    (ask(seed=1), said("Prose.")),
    (ask(top_logprobs=1), refusal("logprobs is not supported with this model")),
    (FREE, calling()),
    (went_on(FREE, calling()), said("34")),
    *((replace(call, stream=True), replace(reply, streamed=True, deltas=3)) for call, reply, *_ in EFFECTS.values()),
)
"""Something of everything."""
GREEN = "✅"


def replay(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return llmprobe("replay", *arguments, cwd=folder)


def boards(folder: Path, *arguments: str) -> list[Scoreboard]:
    """The scoreboards that a replay writes, and no older ones."""
    shutil.rmtree(folder / "made", ignore_errors=True)
    done = replay(folder, *arguments, "--quiet", "--out", "made")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return [load(path) for path in sorted((folder / "made").glob("*.json"))]


def board(folder: Path, *arguments: str) -> Scoreboard:
    """The only one."""
    [found] = boards(folder, *arguments)
    return found


def reported(folder: Path, *arguments: str) -> dict[str, Any]:
    """The report of a replay, however it ends."""
    replay(folder, *arguments, "--quiet", "--report", "report.json")
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert isinstance(report, dict)
    return report


def whys(folder: Path, *arguments: str) -> dict[str, str]:
    """Why each thing was not used."""
    return {one["evidence"]: one["why"] for one in reported(folder, *arguments)["unused"]}


def without_evidence(row: Row) -> Row:
    return replace(row, cells={cell: replace(verdict, evidence=()) for cell, verdict in row.cells.items()})


def told(found: Scoreboard) -> list[Row]:
    """The rows, wherever their evidence lies."""
    return [without_evidence(row) for row in found.rows]


# --- what comes out


def test_a_table_is_printed_and_trouble_is_told_beside_it(tmp_path: Path) -> None:
    """The table on standard output, all else on standard error."""
    write(tmp_path / "a.yaml", go_vcr(TALK))
    write(tmp_path / "notes.txt", b"nothing")
    done = replay(tmp_path, ".")

    assert done.returncode == 0
    assert f"{len(TALK)} exchanges read, {len(TALK)} of them asked a model" in done.stderr
    assert "not used: notes.txt: text, but no recording" in done.stderr
    assert "api.acme.test" in done.stdout
    assert f"1 model, 2 rows, {len(TALK)} requests" in done.stdout
    assert "not used" not in done.stdout


def test_nothing_is_written_unless_it_is_asked_for(tmp_path: Path) -> None:
    """Reading changes nothing."""
    write(tmp_path / "in" / "a.yaml", go_vcr(TALK))
    assert replay(tmp_path, "in").returncode == 0
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.yaml", "in"]


def test_files_are_whole_scoreboards(tmp_path: Path) -> None:
    """In both forms, and the terminal shows the same rows."""
    write(tmp_path / "a.yaml", go_vcr(TALK))
    done = replay(tmp_path, "a.yaml", "--out", "made/here")
    found = load(tmp_path / "made/here/api.acme.test.json")

    assert f"written: {Path('made/here')}/api.acme.test.json, {Path('made/here')}/api.acme.test.md" in done.stderr
    assert (tmp_path / "made/here/api.acme.test.md").read_text("utf-8").startswith("# Scoreboard: api.acme.test\n")
    assert [(row.model, row.mode) for row in found.rows] == [(MODEL, "sync"), (MODEL, "stream")]
    assert (found.base_url, found.dialect) == ("https://api.acme.test", "openai-chat")
    assert found.requests == len(TALK)
    assert found.notes == ("Made from recorded traffic, without a request.",)
    assert llmprobe("render", "made/here/api.acme.test.json", cwd=tmp_path).stdout == done.stdout


def test_every_piece_of_evidence_is_where_it_says(tmp_path: Path) -> None:
    """A file as it was given, and the place in it, from 0."""
    write(tmp_path / "in" / "a.yaml", go_vcr(TALK))
    found = board(tmp_path, "in")
    named = {one for row in found.rows for verdict in row.cells.values() for one in verdict.evidence}
    assert named
    assert named <= {f"in/a.yaml#{place}" for place in range(len(TALK))}
    assert found.rows[0].cells["probs"].evidence[0] == "in/a.yaml#3"


def test_known_hosts_have_their_names(tmp_path: Path) -> None:
    """Those of the scenarios that come with llmprobe."""
    write(tmp_path / "a.yaml", go_vcr(recorded((ask(), said()), base="https://api.groq.com/openai/v1")))
    found = board(tmp_path, "a.yaml")
    assert (found.provider, found.title, found.country) == ("groq", "Groq", "US")


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("http://127.0.0.1:8080/v1", "127.0.0.1-8080"),
        ("http://[::1]:8080/v1", "1--8080"),
        ("https://../v1", "unknown"),
        ("https://a_b~c.test/v1", "a_b-c.test"),
        (f"https://{'a' * 240}.test/v1", "a" * 100),
    ],
)
def test_other_hosts_are_called_by_their_address(tmp_path: Path, base: str, name: str) -> None:
    """In letters that can name a file."""
    write(tmp_path / "a.yaml", go_vcr(recorded((ask(), said()), base=base)))
    assert board(tmp_path, "a.yaml").provider == name


# --- several providers


def test_two_providers_have_two_boards(tmp_path: Path) -> None:
    """In one run, from one file."""
    other = recorded((ask(), said()), base="https://api.other.test/v1")
    write(tmp_path / "a.yaml", go_vcr([*TALK, *other]))
    found = boards(tmp_path, "a.yaml")
    assert [one.provider for one in found] == ["api.acme.test", "api.other.test"]
    assert [one.requests for one in found] == [len(TALK), 1]
    assert replay(tmp_path, "a.yaml").stdout.count("➛In") == 2


def test_one_host_with_two_formats_has_two_boards(tmp_path: Path) -> None:
    """With names that can be told apart."""
    other = recorded((ask(max_tokens=600), said()), codec=dialect("anthropic-messages"))
    write(tmp_path / "a.yaml", go_vcr([*TALK, *other]))
    found = {one.provider: one.dialect for one in boards(tmp_path, "a.yaml")}
    assert found == {
        "api.acme.test": "openai-chat",
        "api.acme.test-anthropic-messages": "anthropic-messages",
    }


def test_a_name_is_for_one_provider(tmp_path: Path) -> None:
    """Which it names in the files and in the table."""
    write(tmp_path / "a.yaml", go_vcr(TALK))
    found = board(tmp_path, "a.yaml", "--name", "My-own_1.0")
    assert (found.provider, found.title) == ("My-own_1.0", "My-own_1.0")

    write(tmp_path / "b.yaml", go_vcr(recorded((ask(), said()), base="https://api.other.test/v1")))
    done = replay(tmp_path, ".", "--name", "mine")
    assert done.returncode == 2
    assert "--name is for one provider, and the recordings hold 2: api.acme.test, api.other.test" in done.stderr


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "../x", "a/b", "a b", "a\nb", "x" * 300])
def test_a_name_must_be_able_to_name_a_file(tmp_path: Path, name: str) -> None:
    """Nothing is written elsewhere than said."""
    write(tmp_path / "a.yaml", go_vcr(TALK))
    done = replay(tmp_path, "a.yaml", "--name", name, "--out", "made")
    assert done.returncode == 2
    assert "cannot name a file" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


# --- strength


@pytest.mark.parametrize(
    ("strength", "seed", "schema", "json"),
    [("accepted", True, True, True), ("consistent", False, True, True), ("shown", False, False, True), (None,) * 4],
)
def test_strength_says_what_is_green(
    tmp_path: Path, strength: str | None, seed: bool | None, schema: bool | None, json: bool | None
) -> None:
    """In the table and in the words under it; the file keeps what was found. `accepted` is the default."""
    call, reply, *_ = EFFECTS["schema"]
    pairs = [(ask(), said("Prose.")), (JSON, said("{}")), (ask(seed=1), said("A")), (replace(call, top_p=0.5), reply)]
    write(tmp_path / "a.yaml", go_vcr(recorded(*pairs)))
    option = [] if strength is None else ["--strength", strength]
    done = replay(tmp_path, "a.yaml", *option, "--out", "made")
    line = next(line for line in done.stdout.splitlines() if line.startswith(MODEL))
    words = (tmp_path / "made/api.acme.test.md").read_text("utf-8")
    found = load(tmp_path / "made/api.acme.test.json")

    assert ("🌱" in line and "🌱❔" not in line) is (seed is not False)
    assert [cell == GREEN for cell in line.split()[4:6]] == [json is not False, schema is not False]
    assert legend.markdown(found)[0] in words
    assert legend.RECORDINGS[found.strength] in words
    assert found.strength == (strength or "accepted")
    assert found.rows[0].cells["seed"].outcome == "supported"


# --- exit codes


def test_a_path_that_is_not_there_is_a_wrong_command(tmp_path: Path) -> None:
    """Nothing is read then."""
    write(tmp_path / "a.yaml", go_vcr(TALK))
    done = replay(tmp_path, "a.yaml", "b.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "llmprobe: b.yaml: there is no such file or folder\n"


@pytest.mark.parametrize(
    "arguments", [[], ["a.yaml", "--strength", "strong"], ["a.yaml", "--out", "a.yaml"], ["a.yaml", "--report", "."]]
)
def test_a_wrong_command_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    """And a line that says why, without a trace."""
    write(tmp_path / "a.yaml", go_vcr(TALK))
    done = replay(tmp_path, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("data", [b"nothing", go_vcr([fetched("/metrics", b"x 1")])])
def test_recordings_that_say_nothing_end_with_3(tmp_path: Path, data: bytes) -> None:
    """What they were is told, and the report is written all the same."""
    write(tmp_path / "a", data)
    done = replay(tmp_path, "a", "--out", "made", "--report", "report.json")
    assert (done.returncode, done.stdout) == (3, "")
    assert "not used: a" in done.stderr
    assert done.stderr.endswith("llmprobe: nothing in the recordings says what a model can do\n")
    assert not (tmp_path / "made").exists()
    assert len(json.loads((tmp_path / "report.json").read_text("utf-8"))["unused"]) == 1


def test_an_empty_folder_says_nothing(tmp_path: Path) -> None:
    """As does one with hidden files only."""
    write(tmp_path / ".git" / "a.yaml", go_vcr(TALK))
    done = replay(tmp_path, ".")
    assert done.returncode == 3
    assert "0 exchanges read" in done.stderr


# --- the report


def test_the_report_counts_what_was_read_and_what_was_not(tmp_path: Path) -> None:
    """With all reasons, and the reply fields that nobody knows."""
    one = TALK[0]
    assert one.response is not None
    body = {**json.loads(one.response.body), "karma": 1}
    odd = replace(one, response=replace(one.response, body=json.dumps(body).encode()))
    strange = [fetched(f"/v2/chat/{name}", {}, method="POST", sent={}) for name in "abcdefghijkl"]
    listing = fetched("/v1/models", CHAT.encode_models((Listed("m", {}),)).body)
    write(tmp_path / "a.yaml", go_vcr([odd, listing, *strange]))
    report = reported(tmp_path, "a.yaml")

    assert (report["read"], report["decoded"]) == (14, 1)
    assert report["unknown_fields"] == {"openai-chat: karma": 1}
    assert report["unused"] == [
        {"evidence": f"a.yaml#{place}", "why": f"not understood: dialect unknown (POST /v2/chat/{name})"}
        for place, name in enumerate("abcdefghijkl", start=2)
    ]
    told_too = replay(tmp_path, "a.yaml").stderr.splitlines()
    assert len(told_too) == 10
    assert told_too[-1] == "not used: 4 more reasons; --report FILE lists all"


def test_like_reasons_are_one_line(tmp_path: Path) -> None:
    """A folder may hold thousands of other files."""
    write(tmp_path / "z.yaml", go_vcr(TALK))
    for number in range(1_500):
        write(tmp_path / f"{number:04}.txt", b"nothing")
    errors = replay(tmp_path, ".").stderr.splitlines()
    assert errors[1:] == ["not used: 0000.txt and 1,499 more: text, but no recording"]


def test_what_recordings_say_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Paths are as untrusted as replies."""
    write(tmp_path / "a.yaml", go_vcr([*TALK, fetched("/\x1b[31mred\x1b]0;x\x07\u202e")]))
    done = replay(tmp_path, "a.yaml")
    assert "dialect unknown" in done.stderr
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stderr + done.stdout)


# --- malformed input

MALFORMED: dict[str, tuple[bytes, str]] = {
    "truncated YAML": (go_vcr(TALK)[:2_000], "not YAML: "),
    "truncated JSON": (har(TALK)[:2_000], "not JSON: "),
    "junk": (bytes(range(256)) * 9, "binary data"),
    "nothing": (b"", "empty"),
    "half a gzip": (gzip.compress(go_vcr(TALK))[:-400], "damaged gzip"),
    "a cassette without interactions": (b"---\nversion: 2\ninteractions: []\n", "a cassette without interactions"),
    "a HAR without entries": (b'{"log": {"entries": []}}', "a HAR without entries"),
    "a journal without exchanges": (journal([]), "a journal without exchanges"),
    "an archive": (b"PK\x03\x04\x00\x00\x00\x00", "binary data"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00", "binary data"),
    "a page": (b"<html><body>interactions</body></html>", "text, but no recording"),
    "deep YAML": (b"interactions: " + b"[" * 5_000, "not YAML: "),
    "deep JSON": (b'{"log": {"entries": ' + b"[" * 100_000, "not JSON: nested too deep"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_input_is_one_line_and_the_rest_is_read(tmp_path: Path, name: str) -> None:
    """Which names the file and says what is wrong with it."""
    data, words = MALFORMED[name]
    write(tmp_path / "a.bad", data)
    write(tmp_path / "z.yaml", go_vcr(TALK))
    done = replay(tmp_path, "a.bad", "z.yaml")
    lines = done.stderr.splitlines()

    assert done.returncode == 0
    assert f"{len(TALK)} exchanges read" in lines[0]
    assert len(lines) == 2
    assert lines[1].startswith(f"not used: a.bad: {words}")
    assert MODEL in done.stdout


def test_a_huge_file_is_one_line_and_costs_nothing(tmp_path: Path) -> None:
    """It is not read."""
    write(tmp_path / "a.yaml", b"version: 2\ninteractions:\n")
    os.truncate(tmp_path / "a.yaml", 200_000_000)
    write(tmp_path / "z.yaml", go_vcr(TALK))
    lines = replay(tmp_path, ".").stderr.splitlines()
    assert lines[1:] == ["not used: a.yaml: larger than 64 MB"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_cassette_without_bodies_says_so(tmp_path: Path, name: str) -> None:
    """Some recorders can leave them out."""
    bare = [replace(one, request=replace(one.request, body=b"")) for one in TALK]
    write(tmp_path / "a", FORMATS[name](bare))
    found = whys(tmp_path, "a")
    assert found == {
        f"a#{place}": "not understood: dialect unknown (POST /v1/chat/completions)" for place in range(len(TALK))
    }


def test_replies_without_bodies_are_read_and_say_nothing(tmp_path: Path) -> None:
    """What was asked is known, and no cell is green."""
    bare = [replace(one, response=replace(one.response, body=b"")) for one in TALK if one.response]
    write(tmp_path / "a", go_vcr([one for one in bare if one.response and one.response.status == 200]))
    found = board(tmp_path, "a")
    assert {verdict.outcome for row in found.rows for verdict in row.cells.values()} <= {"inconclusive", "untested"}


def test_interactions_that_are_none_leave_the_others(tmp_path: Path) -> None:
    """Each is named by its place."""
    whole = json.loads(vcrpy_json(TALK))
    whole["interactions"][1:1] = [5, {"request": {"method": "GET"}}]
    write(tmp_path / "a", json.dumps(whole).encode())
    found = whys(tmp_path, "a")
    assert set(found) == {"a"} or len(found) == 2
    assert reported(tmp_path, "a")["read"] == len(TALK)


# --- the same traffic is the same, however it was written down


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    """But for where the evidence lies."""
    rows = []
    for name, written in FORMATS.items():
        write(tmp_path / name / "a", written(TALK))
        rows.append(told(board(tmp_path, f"{name}/a")))
    assert len(rows[0]) == 2
    assert all(row == rows[0] for row in rows)


def test_file_names_and_folders_do_not_matter(tmp_path: Path) -> None:
    """What a file is and what it holds, it says itself; which file comes first changes no verdict."""
    pieces: Sequence[list[Exchange]] = [TALK[place::4] for place in range(4)]
    names = [
        ["a.yaml", "b.yaml", "c.yaml", "d.yaml"],
        ["GenSync-JSON.yaml", "GenStream-Tools.yaml", "Seed.yaml", "bad_apiKey.yaml"],
        ["z/9.txt", "y/x/8", "published.json", "_errors/1.har"],
    ]
    found = []
    for place, chosen in enumerate(names):
        for name, piece, written in zip(chosen, pieces, (go_vcr, vcrpy, har, go_vcr), strict=True):
            write(tmp_path / str(place) / name, written(piece))
        arguments = [str(Path(str(place)) / name) for name in (chosen if place else reversed(chosen))]
        found.append(board(tmp_path, *arguments))
    verdicts = [{(row.mode, cell): _answer(one) for row in one_board.rows for cell, one in row.cells.items()}
                for one_board in found]  # fmt: skip
    assert len(verdicts[0]) > 20
    assert verdicts[0] == verdicts[1] == verdicts[2]


def _answer(verdict: Verdict) -> tuple[Any, ...]:
    return verdict.outcome, verdict.successes, verdict.trials, verdict.strength


def test_what_is_named_twice_is_read_once(tmp_path: Path) -> None:
    """A file in a folder that is given too, a link, a copy: none of them is a second trial."""
    pairs = recorded((ask(seed=1), said("A")), (ask(), said("B")))
    write(tmp_path / "in" / "a.yaml", go_vcr(pairs))
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "in" / "a.yaml")
    found = board(tmp_path, "in", "in/a.yaml", "./in/../in")
    assert found.requests == 2

    write(tmp_path / "in" / "copy.yaml", go_vcr(pairs))
    assert board(tmp_path, "in").rows == found.rows
    assert whys(tmp_path, "in") == {f"in/copy.yaml#{place}": "the same exchange is in another file" for place in (0, 1)}


def test_what_was_recorded_twice_in_one_file_was_sent_twice(tmp_path: Path) -> None:
    """A cassette holds what went over the wire."""
    write(tmp_path / "a.yaml", go_vcr(recorded((ask(), said("A")), (ask(), said("A")))))
    assert board(tmp_path, "a.yaml").rows[0].cells["text"].trials == 2


def test_a_model_list_gives_the_order(tmp_path: Path) -> None:
    """Wherever it lies."""
    talked = recorded(*[(ask(model=model), said()) for model in "cab"])
    write(tmp_path / "a.yaml", go_vcr(talked))
    write(
        tmp_path / "z.yaml",
        go_vcr([fetched("/v1/models", CHAT.encode_models((Listed("a", {}), Listed("b", {}))).body)]),
    )
    assert [row.model for row in board(tmp_path, ".").rows] == ["a", "b", "c"]


def test_when_the_last_request_was_sent_is_when_it_was_measured(tmp_path: Path) -> None:
    """Where the recording says so."""
    write(tmp_path / "a.har", har(TALK))
    write(tmp_path / "b.yaml", go_vcr(recorded((ask(), said()), base="https://api.other.test/v1")))
    found = boards(tmp_path, ".")
    assert [one.scanned_at for one in found] == ["2026-01-01T00:00:00Z", ""]


# --- journals of scans


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scoreboard]:
    """The journal of a scan, and its scoreboard."""
    folder = tmp_path_factory.mktemp("scan")
    found = scan_demo(folder, "--seed", "3", "--models", "perfect", "--models", "tool-flaky")
    return folder / ".journal" / "demo.ndjson", found


@pytest.mark.parametrize("compressed", [False, True])
def test_a_journal_gives_the_scoreboard_of_its_scan(
    scanned: tuple[Path, Scoreboard], tmp_path: Path, compressed: bool
) -> None:
    """Every row, evidence included; under any name."""
    path, expected = scanned
    write(tmp_path / "some.bin", path.read_bytes(), compressed=compressed)
    found = board(tmp_path, "some.bin")

    assert found.rows == expected.rows
    assert (found.provider, found.title, found.seed) == (expected.provider, expected.title, expected.seed)
    assert (found.requests, found.notes, found.strength) == (expected.requests, expected.notes, "shown")
    assert whys(tmp_path, "some.bin") == {}


def test_a_journal_is_counted_as_other_recordings_are(scanned: tuple[Path, Scoreboard], tmp_path: Path) -> None:
    """The list of models asks no model."""
    path, expected = scanned
    write(tmp_path / "a", path.read_bytes())
    report = reported(tmp_path, "a")
    assert report["read"] == report["decoded"] + 1 == expected.requests
    assert report["unknown_fields"] == {}


def lines_of(scanned: tuple[Path, Scoreboard]) -> tuple[Header, list[Exchange]]:
    first, *lines = scanned[0].read_bytes().splitlines()
    header = read_header(first)
    assert header is not None
    return header, [read_exchange(line) for line in lines[:-1]]


def changed(one: Exchange, probe: str) -> Exchange:
    """``one``, as another version of ``probe`` would have asked."""
    if not one.case.endswith(f":{probe}"):
        return one
    return replace(
        one,
        request=replace(
            one.request, body=one.request.body.replace(b"Repeat", b"Say").replace(b'"stop":["', b'"stop":["x')
        ),
    )


def test_a_request_that_this_version_would_not_send_is_not_recorded(
    scanned: tuple[Path, Scoreboard], tmp_path: Path
) -> None:
    """Its cell is inconclusive, the others are as they were."""
    header, found = lines_of(scanned)
    other = [changed(one, "stop") for one in found]
    assert other != found
    write(tmp_path / "a", journal(other, header))
    again, expected = board(tmp_path, "a"), scanned[1]
    touched = {"stop", "finish", "usage", "limits", "thinking"}

    for row, before in zip(again.rows, expected.rows, strict=True):
        assert row.cells["stop"].outcome == "inconclusive"
        assert "not recorded: the journal does not hold this request" in row.cells["stop"].reason
        assert {cell: row.cells[cell] for cell in set(row.cells) - touched} == {
            cell: before.cells[cell] for cell in set(before.cells) - touched
        }


def test_a_journal_that_breaks_off_is_inconclusive_where_it_ends(
    scanned: tuple[Path, Scoreboard], tmp_path: Path
) -> None:
    """And takes no time: nothing is waited for that cannot come."""
    header, found = lines_of(scanned)
    write(tmp_path / "a", journal(found[: len(found) // 2], header).removesuffix(b'{"end":true}\n') + b'{"case": "x')
    again = board(tmp_path, "a")
    outcomes = {one.outcome for row in again.rows for one in row.cells.values()}
    assert {"inconclusive", "supported"} <= outcomes
    assert list(whys(tmp_path, "a").values()) == [f"line {len(found) // 2 + 2} is cut off"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_that_was_recorded_is_not_tried_again(
    scanned: tuple[Path, Scoreboard], tmp_path: Path, status: int
) -> None:
    """Waiting brings no other answer, and what was recorded is what is told."""
    header, found = lines_of(scanned)
    trouble = HttpResponse(status, (), b'{"error": {"message": "Overloaded, says the journal"}}')
    other = [replace(one, response=trouble) if one.case.endswith(":json") else one for one in found]
    write(tmp_path / "a", journal(other, header))
    for row in board(tmp_path, "a").rows:
        assert row.cells["json"].outcome == "inconclusive"
        assert "Overloaded, says the journal" in row.cells["json"].reason


@pytest.mark.parametrize(("kept", "why"), [(0, "a journal without exchanges"), (9, "does not hold this request")])
def test_a_journal_without_a_list_of_models_is_told(
    scanned: tuple[Path, Scoreboard], tmp_path: Path, kept: int, why: str
) -> None:
    """Nothing can be scanned again then; other recordings can."""
    header, found = lines_of(scanned)
    header = replace(header, models=())
    write(tmp_path / "in" / "a", journal([one for one in found if one.case != "models"][:kept], header))
    write(tmp_path / "in" / "b.yaml", go_vcr(TALK))
    assert [one.provider for one in boards(tmp_path, "in")] == ["api.acme.test"]
    [told_why] = whys(tmp_path, "in").items()
    assert told_why[0] == "in/a"
    assert why in told_why[1]


def test_a_journal_of_a_provider_that_is_not_known_is_read_all_the_same(tmp_path: Path) -> None:
    """It was scanned from a file that is not here; its model list may lie anywhere."""
    with running(seed=5) as url:
        described = f"base_url: {url.removesuffix('/v1')}\ndialect: ollama-chat\nmodels_path: /api/tags\n"
        write(tmp_path / "mine.yaml", f"name: mine\ntitle: Mine\n{described}".encode())
        arguments = ("--seed", "5", "--models", "perf*", "--quiet", "--out", "scanned")
        assert llmprobe("scan", "mine.yaml", *arguments, cwd=tmp_path).returncode == 0
    expected = load(tmp_path / "scanned" / "mine.json")
    found = board(tmp_path, "scanned/.journal")

    assert found.rows == expected.rows
    assert (found.provider, found.dialect, found.base_url) == ("mine", "ollama-chat", expected.base_url)


def test_a_journal_keeps_what_was_special_about_its_scenario(tmp_path: Path) -> None:
    """Its quirks are in the requests; the file that had them need not be there any more."""
    with running(seed=5) as url:
        (tmp_path / "acme.yaml").write_text(
            f"name: acme\ntitle: Acme\nbase_url: {url}\nmodels: [perfect]\nmodels_path: ''\n"
            "quirks:\n  - patch: {user: me}\n    because: the user is told in every request\n"
        )
        done = llmprobe("scan", "acme.yaml", "--seed", "5", "--quiet", "--out", "scanned", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    scanned = load(tmp_path / "scanned" / "acme.json")
    (tmp_path / "acme.yaml").unlink()
    again = board(tmp_path, "scanned/.journal")
    assert (again.title, again.rows) == ("Acme", scanned.rows)
    assert b'\\"user\\":\\"me\\"' in (tmp_path / "scanned" / ".journal" / "acme.ndjson").read_bytes()


def test_two_journals_of_one_provider_have_two_boards(scanned: tuple[Path, Scoreboard], tmp_path: Path) -> None:
    """Neither overwrites the other."""
    header, found = lines_of(scanned)
    for name in ("a", "b"):
        write(tmp_path / name, journal(found, header))
    assert len({one.provider for one in boards(tmp_path, "a", "b")}) == 2


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_a_journal_of_another_version_is_judged_as_others_are(
    scanned: tuple[Path, Scoreboard], tmp_path: Path, version: Any
) -> None:
    """What was recorded is still what was said."""
    header, found = lines_of(scanned)
    first, rest = journal(found, header).split(b"\n", 1)
    described = {**json.loads(first), "llmprobe_journal": version}
    write(tmp_path / "a", json.dumps(described).encode() + b"\n" + rest)
    again = board(tmp_path, "a")
    assert (again.strength, again.provider) == ("accepted", "unknown")
    assert {row.model for row in again.rows} == {"perfect", "tool-flaky"}


@pytest.mark.parametrize(
    "change",
    [
        {"dialect": "no-such"}, {"dialect": 5}, {"seed": "x"}, {"modes": ["sideways"]}, {"models": [5]}, {"trials": -1},
        {"trials": "x"}, {"base_url": 5}, {"provider": 5}, {"provider": "../x"}, {"provider": ""}, {"models": "abc"},
        {"modes": []}, {"modes": None},
    ],
)  # fmt: skip
def test_an_odd_header_is_one_line_at_most(scanned: tuple[Path, Scoreboard], tmp_path: Path, change: Any) -> None:
    """Anybody can write one; nothing is written elsewhere than said."""
    header, found = lines_of(scanned)
    first, rest = journal(found[:40], header).split(b"\n", 1)
    write(tmp_path / "in" / "a", json.dumps({**json.loads(first), **change}).encode() + b"\n" + rest)
    write(tmp_path / "in" / "b.yaml", go_vcr(TALK))
    done = replay(tmp_path, "in", "--out", "made/here")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    written = [path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()]
    assert set(written) <= {("in", "a"), ("in", "b.yaml"), ("made", "here")}


# --- secrets


@pytest.mark.parametrize("name", FORMATS)
def test_no_key_is_written_or_shown(tmp_path: Path, name: str) -> None:
    """Of headers and of addresses, nor where a server echoes it."""
    key = "sk-canary-0123456789abcdef"
    secret = [
        replace(
            one,
            request=replace(
                one.request,
                url=f"{one.request.url}?key={key}&api_key={key}",
                headers=(*one.request.headers, *KEY_HEADERS, ("x-api-key", key), ("cookie", f"session={key}")),
            ),
        )
        for one in [
            *TALK,
            *recorded((ask("Else?", seed=9), refusal(f"Incorrect API key provided: {key}", 401))),
            *recorded((ask("Echo.", response_format=JsonObject()), said(f"Your key is {key}."))),
            fetched("/v2/chat", {}, method="POST"),
        ]
    ]
    write(tmp_path / "in" / "a", FORMATS[name](secret))
    done = replay(tmp_path, "in", "--out", "made", "--report", "made/report.json")
    written = [path.read_text("utf-8") for path in (tmp_path / "made").iterdir()]

    assert done.returncode == 0
    assert len(written) == 3
    for text in (done.stdout, done.stderr, *written):
        assert CANARY not in text


def test_signed_addresses_of_media_are_not_told(tmp_path: Path) -> None:
    """They are keys as well."""
    call: Call = ask((Text("What?"), Image(url="https://x.test/a.png?sig=canary.canary")))
    write(tmp_path / "a.yaml", go_vcr(recorded((call, said("A duck.")))))
    done = replay(tmp_path, "a.yaml", "--out", "made")
    written = [path.read_text("utf-8") for path in (tmp_path / "made").iterdir()]
    assert "png by URL" in "".join(written)
    assert CANARY not in "".join((done.stdout, done.stderr, *written))


def test_times_beyond_the_calendar_are_none(tmp_path: Path) -> None:
    """A journal of another version may say anything."""
    far = [replace(one, sent_at=9e14) for one in TALK]
    text = journal(far).replace(b'"llmprobe_journal": 1', b'"llmprobe_journal": 9')
    assert SENT_AT < 9e14
    write(tmp_path / "a", text)
    assert board(tmp_path, "a").scanned_at == ""


def test_help_says_what_can_be_read(tmp_path: Path) -> None:
    """And what it ends with."""
    done = llmprobe("replay", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for word in ("go-vcr", "vcrpy", "HAR", "journals", "--strength", "--report", "--name", "--out", "--quiet"):
        assert word in done.stdout
