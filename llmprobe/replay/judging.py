"""The cells of a recorded row: the checks of a scan, with controls where the recording happens to hold some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from llmprobe.call import Call, File, Image
from llmprobe.checks import LONE_CHECKS, OBSERVERS, LoneCheck
from llmprobe.checks.evidence import Mark, Trial, Turn, strongest
from llmprobe.checks.fold import fold
from llmprobe.checks.media import put_out, taken_in
from llmprobe.checks.refusals import Meaning, meaning, without_model_name
from llmprobe.checks.sampling import seed_repeated
from llmprobe.checks.sources import cited, searches_unasked
from llmprobe.checks.spoilt import MeaningOf, spoilt
from llmprobe.checks.tools import few_choices, tool_alone
from llmprobe.probe import Trials
from llmprobe.replay.answers import AnswerKey, cell_of, label_of, media_of
from llmprobe.replay.rows import RecordedRow, answers, control_of, is_continuation
from llmprobe.scoreboard import CELLS
from llmprobe.verdict import Verdict

_ONCE = Trials(1, 1)
_WORDS: Mapping[str, tuple[str, ...]] = {
    "text": (),
    "image": ("image", "images", "vision", "multimodal", "content must be a string"),
    "pdf": ("document", "pdf", "file", "multimodal", "content must be a string"),
    "audio": ("audio", "input_audio", "multimodal", "content must be a string"),
    "video": ("video", "multimodal", "content must be a string"),
    "web_search": ("search", "web_search", "tools"),
}
"""How refusals name what a dialect has no words for."""


def judge(row: RecordedRow, key: AnswerKey) -> dict[str, Verdict]:
    """The cells of ``row`` that something recorded speaks to, in the order of the table."""
    judge_row = _Judge(row, key)
    found = {
        **{cell: verdict for cell, check in LONE_CHECKS.items() for verdict in judge_row.lone(check)},
        **judge_row.seeds(),
        **judge_row.tools(),
        **judge_row.media(),
        **judge_row.sources(),
    }
    for cell, observe in (("usage", "usage"), ("finish", "finish"), ("limits", "limits"), ("thinking", "thinking")):
        verdict = OBSERVERS[observe](row.turns, found)
        if verdict is not None:
            found[cell] = verdict
    return {cell: found[cell] for cell in CELLS if cell in found}


class _Judge:
    """A row, and what all its judgements need."""

    def __init__(self, row: RecordedRow, key: AnswerKey) -> None:
        self._row = row
        self._key = key
        self._answers = answers(row.turns)
        self._recheck = next((turn for turn in row.turns if turn.reply.error is None), None)

    def _meaning_of(self, feature: str) -> MeaningOf:
        words = (*self._row.dialect.fields.get(feature, ()), *_WORDS.get(feature, ())) or (feature,)

        def of(turn: Turn) -> Meaning | None:
            error = turn.reply.error
            return meaning(without_model_name(error, self._row.model), words) if error else None

        return of

    def _mark(self, turn: Turn, feature: str, judge_turn: Callable[[Turn], Mark], *, judges_cut: bool) -> Mark:
        trial = Trial((turn,), recheck=self._recheck)
        bad = spoilt(trial, self._meaning_of(feature), judges_cut=judges_cut, judges_open=False)
        return bad or judge_turn(turn)

    def lone(self, check: LoneCheck) -> Iterator[Verdict]:
        """The verdict of a check on single replies, or none when nothing asks for it."""
        asking = [turn for turn in self._row.turns if check.asks(turn.call) and not is_continuation(turn.call)]
        marks = [self._mark(turn, check.feature, check.mark, judges_cut=check.judges_cut) for turn in asking]
        if marks:
            told = [self._against_control(turn, mark, check) for turn, mark in zip(asking, marks, strict=True)]
            told = [self._believed(turn, mark, check) for turn, mark in zip(asking, told, strict=True)]
            yield fold(told, _ONCE, refusals=1).verdict

    def _believed(self, turn: Turn, mark: Mark, check: LoneCheck) -> Mark:
        """``mark``, void where it speaks of how it was asked and not of the feature."""
        if mark.kind == "rejected" and not check.believes_refusals:
            return replace(mark, kind="void", reason=f"another way of asking may pass; {mark.reason}")
        documented = self._row.dialect.spellings.get(check.feature, ())
        spelling = dict(turn.call.spelling).get(check.feature)
        if mark.kind in ("ignored", "broken") and spelling is not None and spelling not in documented:
            reason = f"asked for in a form that the wire format does not document ({spelling}): {mark.reason}"
            return replace(mark, kind="void", reason=reason)
        return mark

    def _against_control(self, turn: Turn, mark: Mark, check: LoneCheck) -> Mark:
        """``mark`` on the strongest evidence, where the same request without the feature gave another result."""
        if mark.kind != "shown" or check.without is None or mark.strength == "accepted":
            return mark
        control = control_of(check.without(turn.call), self._row.turns)
        if control is None or check.mark(replace(control, call=turn.call)).kind in ("shown", "void"):
            return mark
        reason = f"{mark.reason}; the same request without it gave another result"
        evidence = (control.evidence, *mark.evidence)
        return replace(mark, reason=reason, evidence=evidence, strength="shown")

    def seeds(self) -> dict[str, Verdict]:
        """What requests that were repeated with one seed show."""
        seeded = [turn for turn in self._row.turns if turn.call.seed is not None and turn.reply.error is None]
        marks = []
        for call in dict.fromkeys(_hashable(turn.call) for turn in seeded):
            same = [turn for turn in seeded if _hashable(turn.call) == call]
            bare = _hashable(replace(same[0].call, seed=None))
            without = [turn for turn in self._row.turns if not turn.reply.error and _hashable(turn.call) == bare]
            mark = seed_repeated(same, without)
            if mark is not None:
                marks.append(mark)
        return {"seed": fold(marks, _ONCE).verdict} if marks else {}

    # --- tools

    def tools(self) -> dict[str, Verdict]:
        """Calling tools, over all requests that offer some and do not forbid it; bias and indecision."""
        offering = [
            turn
            for turn in self._row.turns
            if turn.call.tools and turn.call.tool_choice != "none" and not is_continuation(turn.call)
        ]
        if not offering:
            return {}
        marks = [self._tool_mark(turn) for turn in offering]
        heard = [mark for mark, turn in zip(marks, offering, strict=True) if not _only_forcing_failed(turn, mark)]
        verdicts = {"tool": fold(heard or marks, _ONCE, refusals=1).verdict}
        choosing = [turn for turn in offering if _offers_choice(turn.call) and turn.reply.error is None]
        return verdicts | few_choices(choosing)

    def _tool_mark(self, turn: Turn) -> Mark:
        answer = self._answers.get(turn.evidence)
        if answer is not None and answer.reply.error is not None:
            told = self._meaning_of("tools")(answer)
            mark = tool_alone(turn, None)
            if told in ("later", "auth", "account") or mark.kind != "shown":
                return mark
            quote = answer.reply.error.message
            reason = f"a later step is refused: {quote}"
            return replace(mark, kind="partial", reason=reason[:200], evidence=(*mark.evidence, answer.evidence))
        return self._mark(turn, "tools", lambda call: tool_alone(call, answer), judges_cut=False)

    # --- media

    def media(self) -> dict[str, Verdict]:
        """What kinds of media were taken in, each format and way of sending for itself, and what came out."""
        sent: dict[str, list[tuple[Image | File, Mark]]] = {}
        for turn in self._row.turns:
            parts = list(media_of(turn.call))
            if len(parts) == 1 and cell_of(parts[0]):
                sent.setdefault(cell_of(parts[0]), []).append((parts[0], self._media_mark(turn, parts[0])))
        found = {cell: _over_formats(marks) for cell, marks in sent.items()}
        return found | {f"{kind}_out": verdict for kind in ("image", "audio", "video") for verdict in self._out(kind)}

    def _media_mark(self, turn: Turn, part: Image | File) -> Mark:
        shows = self._key.shows(part)
        return self._mark(turn, cell_of(part), lambda asked: taken_in(asked, shows), judges_cut=True)

    def _out(self, kind: str) -> Iterator[Verdict]:
        came = [turn for turn in self._row.turns if any(media.kind == kind for media in turn.reply.media)]
        if came:
            yield fold([put_out(turn, kind) for turn in came], _ONCE).verdict

    def sources(self) -> dict[str, Verdict]:
        """Citations, and searches that nobody asked for, over all replies."""
        found = {"cite": cited(self._row.turns), "web_search": searches_unasked(self._row.turns)}
        return {cell: verdict for cell, verdict in found.items() if verdict is not None}


def _only_forcing_failed(turn: Turn, mark: Mark) -> bool:
    return mark.kind in ("rejected", "void") and turn.call.tool_choice not in (None, "auto")


def _offers_choice(call: Call) -> bool:
    properties = call.tools[0].parameters.get("properties")
    schemas = properties.values() if isinstance(properties, dict) else ()
    return any(isinstance(schema, dict) and len(schema.get("enum") or ()) > 1 for schema in schemas)


def _over_formats(marks: Sequence[tuple[Image | File, Mark]]) -> Verdict:
    """One verdict over the formats of a medium: it is taken in when one of them is, each time."""
    by_label: dict[str, list[Mark]] = {}
    for part, mark in marks:
        by_label.setdefault(label_of(part), []).append(mark)
    good = [label for label, group in by_label.items() if all(mark.kind == "shown" for mark in group)]
    if not good:
        return fold([mark for _, mark in marks], _ONCE, refusals=1).verdict
    bad = [f"{label} ({group[0].kind})" for label, group in by_label.items() if label not in good]
    shown = [mark for label in good for mark in by_label[label]]
    verdict = fold(shown, _ONCE).verdict
    best = max(shown, key=lambda mark: mark.strength == strongest(shown))
    reason = f"{best.reason}: {', '.join(good)}" + (f"; not so: {', '.join(bad)}" if bad else "")
    return replace(verdict, reason=reason)


def _hashable(call: Call) -> str:
    return repr(call)
