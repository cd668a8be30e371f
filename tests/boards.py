"""Scoreboards for tests: generated ones, and a small one written by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from llmprobe.scoreboard import CELLS, Row, Scoreboard
from llmprobe.verdict import OUTCOMES, STRENGTHS, Verdict

NASTY = "a|b`c*d_e<b>[x](y)\\&amp;~~z~~\n# h\x1b[31m\u202e\u200b\x00https://x.y"
"""What a hostile model id may hold: markup, line ends, terminal codes, characters that hide."""

texts = st.text(max_size=12) | st.text(alphabet="a_*`|\\<>[]&~#:/.$- 1é\n\x1b\u202e⟨+", max_size=12)
rates = st.integers(0, 10_000).map(lambda share: share / 10_000)
lines = st.lists(texts, max_size=2).map(tuple)


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    low, high = draw(st.just((None, None)) | st.tuples(rates, rates))
    return Verdict(
        draw(st.sampled_from(OUTCOMES)),
        reason=draw(texts),
        successes=draw(st.integers(0, 3)),
        trials=draw(st.integers(0, 3)),
        low=low,
        high=high,
        expected=draw(texts),
        actual=draw(texts),
        quote=draw(texts),
        evidence=draw(lines),
        probe=draw(texts),
        spelling=draw(texts),
        strength=draw(st.sampled_from(STRENGTHS)),
    )


def _cells(verdict: st.SearchStrategy[Verdict]) -> st.SearchStrategy[dict[str, Verdict]]:
    return st.dictionaries(st.sampled_from(CELLS), verdict, max_size=len(CELLS))


rows = st.builds(
    Row,
    model=texts,
    thinking=st.none() | st.booleans(),
    mode=st.sampled_from(["sync", "stream", None]),
    cells=_cells(verdicts()),
    note=texts,
    served=lines,
)

boards = st.builds(
    Scoreboard,
    provider=texts,
    title=texts,
    rows=st.lists(rows, max_size=3).map(tuple),
    country=texts,
    local=st.booleans(),
    base_url=texts,
    dialect=texts,
    tool_version=texts,
    scanned_at=texts,
    seed=st.none() | st.integers(-5, 5),
    trials=st.none() | st.integers(0, 5),
    requests=st.integers(0, 10**6),
    notes=lines,
    strength=st.sampled_from(STRENGTHS),
    recorded=st.booleans(),
)

plain_rows = st.builds(
    Row,
    model=texts,
    thinking=st.booleans(),
    mode=st.sampled_from(["sync", "stream"]),
    cells=_cells(st.sampled_from(OUTCOMES).map(Verdict)),
)
"""Tested rows with outcomes and nothing else."""


def small_board() -> Scoreboard:
    """Two tested models, one that is skipped."""
    works = Verdict("supported", "the reply is one object", 3, 3, 0.4385, 1.0, evidence=("a/plain/sync/json#0",))
    ignored = Verdict(
        "ignored",
        "the reply is prose",
        0,
        10,
        0.0,
        0.2775,
        quote="Sure! Here",
        evidence=("a/plain/stream/json#1",),
    )
    text = {"text": Verdict("supported"), "text_out": Verdict("supported")}
    return Scoreboard(
        "acme",
        "Acme",
        (
            Row("a", False, "sync", text | {"json": works}),
            Row("a", False, "stream", text | {"json": ignored}),
            Row("b", True, "sync", text | {"json": ignored, "usage": Verdict("broken", "always 1")}),
            Row("whisper", note="speech, not chat"),
        ),
        country="US",
        base_url="https://api.acme.test/v1",
        dialect="openai-chat",
        tool_version="0.1.0",
        scanned_at="2026-01-02T03:04:05Z",
        seed=1,
        trials=10,
        requests=5123,
        notes=("one page of the model list was missing",),
    )
