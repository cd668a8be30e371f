"""Replaying the recordings beside the checkout: real traffic, none of it made by us."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from llmprobe.answer_file import answer_key
from llmprobe.compare import Comparison, compare
from llmprobe.exchange import Exchange
from llmprobe.published import load_published
from llmprobe.recordings.foreign import Unread, read_paths
from llmprobe.replay.boards import Provider, Replayed, replay
from llmprobe.replay.reading import Listing, Seen, Unused, read
from llmprobe.scoreboard import Row, Scoreboard
from llmprobe.verdict import Verdict
from tests.recorded import RECORDINGS, needs_recordings

pytestmark = needs_recordings

SNAPSHOTS = sorted(path for path in RECORDINGS.glob("*/*") if path.is_dir())
RAN = "2025-08/groq"
"""The snapshot that is told cell by cell."""
SCHEMA_IS_REQUIRED = "json schema is required"

ERRORS_IN_A_200 = {
    # where the error stood, its code and how it begins: each is the wire's own word
    ("stream", "400", "Provider returned error"): 2,
    ("body", "400", "Provider returned error"): 2,
    ("body", "502", "Upstream error from Alibaba"): 1,
    ("stream", "tool_use_failed", "tool call validation failed"): 1,
    ("stream", "tool_use_failed", "Failed to call a function."): 1,
    ("stream", "", "Failed to create new sequence: failed to process inputs: image: unknown format"): 1,
    ("stream", "", "Could not finish the message because max_tokens or model output limit was reached."): 1,
}
"""All errors under status 200 in the recordings."""

UNUSED = (
    "not understood: dialect unknown (",
    "a list of models that holds none (HTTP 40",
    "the key was refused, as in all requests to this model",
    "there is no such model, in any request",
    "no model is named, and none answered",
    "JSON, but neither HAR nor a cassette",
    "text, but no recording",
)
"""How all reasons begin why something in the recordings is not used."""


@cache
def found(snapshot: Path) -> tuple[Exchange | Unread, ...]:
    return tuple(read_paths([snapshot]))


@cache
def understood(snapshot: Path) -> tuple[Seen | Listing | Unused, ...]:
    return tuple(read(one, count_unknown=True) for one in found(snapshot) if isinstance(one, Exchange))


@cache
def replayed(snapshot: Path) -> Replayed:
    some = (Unused(one.path, one.why) if isinstance(one, Unread) else one for one in found(snapshot))
    return replay(some, answer_key(), lambda at, dialect: Provider(f"{at} {dialect}", at), "accepted")


def board(snapshot: Path) -> Scoreboard | None:
    """The board of the provider; another format at its address makes a small one beside it."""
    return max(replayed(snapshot).boards, key=lambda one: one.requests, default=None)


@cache
def compared(snapshot: Path) -> Comparison | None:
    ours = board(snapshot)
    return compare(ours, load_published(snapshot / "published.json")) if ours else None


def verdicts(snapshot: Path) -> list[tuple[Row, str, Verdict]]:
    return [
        (row, cell, verdict)
        for one in replayed(snapshot).boards
        for row in one.rows
        for cell, verdict in row.cells.items()
    ]


def name_of(snapshot: Path) -> str:
    return snapshot.relative_to(RECORDINGS).as_posix()


each_snapshot = pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=name_of)


# --- reading


@each_snapshot
def test_every_file_is_used_or_has_a_reason(snapshot: Path) -> None:
    """Nothing is dropped in silence, and every reason is one of a few."""
    result = replayed(snapshot)
    used = {
        name for one in understood(snapshot) if isinstance(one, (Seen, Listing)) for name in [file_of(one.evidence)]
    }
    told = {file_of(one.evidence) for one in result.unused}
    files = {path.as_posix() for path in snapshot.rglob("*") if path.is_file()}

    assert files == used | told
    assert [one for one in result.unused if not one.why.startswith(UNUSED)] == []
    assert all(evidence.evidence for evidence in result.unused)


def file_of(evidence: str) -> str:
    return evidence.rpartition("#")[0] or evidence


@each_snapshot
def test_every_exchange_is_on_a_board_or_has_a_reason(snapshot: Path) -> None:
    """The numbers add up."""
    result = replayed(snapshot)
    listings = sum(isinstance(one, Listing) for one in understood(snapshot))
    not_asking = sum(isinstance(one, Unused) for one in understood(snapshot))

    assert result.read == len(understood(snapshot)) == result.decoded + listings + not_asking
    assert sum(one.requests for one in result.boards) >= result.decoded - len(result.unused)


def test_nearly_all_recordings_are_there() -> None:
    """Or this file tests nothing."""
    read_ = sum(replayed(snapshot).read for snapshot in SNAPSHOTS)
    assert read_ > 3_000
    assert sum(replayed(snapshot).decoded for snapshot in SNAPSHOTS) > 0.94 * read_


def test_every_reply_with_status_200_is_decoded() -> None:
    """Without an error but those that the wire itself tells, and with something in it."""
    errors: Counter[tuple[str, str, str]] = Counter()
    empty = []
    for one in (one for snapshot in SNAPSHOTS for one in understood(snapshot)):
        if not isinstance(one, Seen) or one.status != 200:
            continue
        reply, error = one.reply, one.reply.error
        if error is not None:
            told = (error.where, error.code, error.message)
            errors[
                next((key for key in ERRORS_IN_A_200 if told[:2] == key[:2] and told[2].startswith(key[2])), told)
            ] += 1
        elif not (reply.content or reply.reasoned or reply.tool_calls or reply.media or reply.finish):
            empty.append(one.evidence)
    assert errors == ERRORS_IN_A_200
    assert empty == []


def test_no_field_of_any_reply_is_unknown() -> None:
    """Each is read, or known to say nothing."""
    unknown = Counter[str]()
    for snapshot in SNAPSHOTS:
        for one in understood(snapshot):
            unknown.update(one.unknown if isinstance(one, Seen) else ())
    assert unknown == {}


def test_each_snapshot_speaks_the_format_of_its_provider() -> None:
    """Recognised from address and body alone."""
    formats = {name_of(snapshot): ours.dialect for snapshot in SNAPSHOTS if (ours := board(snapshot))}
    special = {
        "anthropic": "anthropic-messages",
        "gemini": "gemini-generate-content",
        "ollama": "ollama-chat",
        "openairesponses": "openai-responses",
    }
    assert formats == {name: special.get(name.partition("/")[2], "openai-chat") for name in formats}
    assert len(formats) >= 16


# --- judging


@each_snapshot
def test_every_verdict_has_a_reason_and_evidence_that_exists(snapshot: Path) -> None:
    """A reader can look it up."""
    known = {one.id for one in found(snapshot) if isinstance(one, Exchange)}
    for row, cell, verdict in verdicts(snapshot):
        assert verdict.reason, (row.model, row.mode, cell)
        assert set(verdict.evidence) <= known, (row.model, row.mode, cell)
        if verdict.outcome not in ("inconclusive", "untested"):
            assert verdict.evidence, (row.model, row.mode, cell)


def test_few_judged_cells_differ_from_what_was_published() -> None:
    """And each that does says why, with recordings that exist."""
    some = [one for one in map(compared, SNAPSHOTS) if one is not None]
    judged = sum(one.judged for one in some)
    differing = [cell for one in some for cell in one.differing]

    assert judged > 1_850
    assert len(differing) <= 0.04 * judged
    for cell in differing:
        assert cell.ours.reason, cell
        assert cell.ours.evidence, cell
        assert all(Path(file_of(one)).is_file() for one in cell.ours.evidence), cell


@each_snapshot
def test_evidence_is_of_the_row_that_it_is_evidence_for(snapshot: Path) -> None:
    """The recordings of a model and mode lie under its name, which nothing here has looked at."""
    for row, cell, verdict in verdicts(snapshot):
        for evidence in verdict.evidence:
            place = evidence.removeprefix(f"{snapshot.as_posix()}/")
            if place.startswith("_"):
                continue
            folder, _, file = place.rpartition("/")
            assert ("GenStream" in file) is (row.mode == "stream"), (row.model, cell, evidence)
            plain = folder.removesuffix("_thinking")
            assert plain.startswith((row.model.replace(":", "-"), row.model)), (row.model, cell, evidence)


def test_every_malformed_schema_request_says_nothing_of_the_model() -> None:
    """The provider says that the request was wrong, in words that the cell repeats."""
    refused = {
        one.evidence
        for snapshot in SNAPSHOTS
        for one in understood(snapshot)
        if isinstance(one, Seen) and one.status == 400 and one.reply.error
        if SCHEMA_IS_REQUIRED in one.reply.error.message
    }
    cells = [
        verdict
        for snapshot in SNAPSHOTS
        for _, cell, verdict in verdicts(snapshot)
        if cell == "schema" and refused & set(verdict.evidence)
    ]
    assert len(refused) == len(cells) == 16
    for verdict in cells:
        assert verdict.outcome == "inconclusive"
        assert SCHEMA_IS_REQUIRED in verdict.reason


# --- one snapshot, cell by cell


def ran() -> tuple[Scoreboard, Comparison]:
    ours, comparison = board(RECORDINGS / RAN), compared(RECORDINGS / RAN)
    assert ours is not None
    assert comparison is not None
    return ours, comparison


def test_all_tested_rows_are_there() -> None:
    """With the thinking that was published, and no others."""
    ours, comparison = ran()
    theirs = [row for row in load_published(RECORDINGS / RAN / "published.json").rows if row.mode is not None]

    assert len(theirs) == len(ours.rows) == 18
    assert comparison.alone == ()
    assert {(row.model, row.mode, row.thinking) for row in theirs} == {
        (row.model, row.mode, row.thinking) for row in ours.rows
    }


def test_no_cell_differs_without_a_reason_that_was_recorded() -> None:
    """Only one thing was published otherwise: a stop word that ended a reply in the middle of its reasoning."""
    _, comparison = ran()
    unexplained = [
        cell
        for cell in comparison.differing
        if (cell.cell, cell.ours.outcome, cell.ours.reason)
        != ("stop", "partial", "a stop word ends the reasoning, so that no text comes")
    ]
    assert unexplained == []
    assert len(comparison.differing) == 8
    assert comparison.judged > 240


def test_the_replies_bear_that_reason_out() -> None:
    """Each reply holds reasoning, no text, no stop word, and a natural end."""
    ours, comparison = ran()
    replies = {one.evidence: one for one in understood(RECORDINGS / RAN) if isinstance(one, Seen)}
    looked_at = [replies[evidence] for cell in comparison.differing for evidence in cell.ours.evidence]
    assert len(looked_at) >= 8
    for one in looked_at:
        assert not one.reply.content.strip()
        assert isinstance(one.reply.reasoning, str)
        assert one.reply.reasoning.strip()
        assert not any(word in one.reply.reasoning for word in one.call.stop)
        assert one.reply.finish == "stop"
    assert ours.rows


def test_cells_that_are_not_judged_say_why() -> None:
    """Where something was published and ours could not tell, the request was wrong, or there was nothing to compare."""
    _, comparison = ran()
    told = [one for one in comparison.cells if one.relation == "not judged" and one.ours.outcome != "untested"]
    failed = "the model's output failed the server's own test"
    reasons = {"schema": SCHEMA_IS_REQUIRED, "tool_unbiased": "no choice to compare", "tool_required": failed}
    assert Counter(one.cell for one in told) == {"schema": 10, "tool_unbiased": 9, "tool_required": 4}
    assert [one for one in told if reasons[one.cell] not in one.ours.reason] == []
