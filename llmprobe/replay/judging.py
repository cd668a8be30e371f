"""The cells of a recorded row: the checks of a scan, with controls where the recording happens to hold some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce

from llmprobe.call import Call, File, Image, text_of
from llmprobe.checks import LONE_CHECKS, OBSERVERS, LoneCheck
from llmprobe.checks.choices import few_choices
from llmprobe.checks.evidence import Mark, Trial, Turn, clip
from llmprobe.checks.fold import fold
from llmprobe.checks.media import put_out, taken_in
from llmprobe.checks.refusals import Meaning, meaning, without_model_name
from llmprobe.checks.sampling import seed_repeated
from llmprobe.checks.sources import cited, searches_unasked
from llmprobe.checks.spoilt import MeaningOf, spoilt
from llmprobe.checks.tools import tool_alone
from llmprobe.probe import Trials
from llmprobe.replay.answers import AnswerKey, cell_of, label_of, media_of
from llmprobe.replay.rows import RecordedRow, answers, by_wish, is_continuation, wish
from llmprobe.reply import ApiError
from llmprobe.scoreboard import CELLS
from llmprobe.verdict import STRENGTHS, Verdict

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
    }
    found |= judge_row.sources(found)
    for cell in ("usage", "finish", "limits", "thinking"):
        verdict = _observed(cell, row, found)
        if verdict is not None:
            found[cell] = verdict
    return {cell: found[cell] for cell in CELLS if cell in found}


def _observed(cell: str, row: RecordedRow, found: Mapping[str, Verdict]) -> Verdict | None:
    """What an observer says, of what the recording can show: clients hang up, and recorders leave headers out."""
    if cell == "limits" and not row.headed:
        return Verdict("inconclusive", "no headers of responses were recorded")
    turns = [turn for turn in row.turns if turn.reply.complete or turn.reply.error] if cell == "finish" else row.turns
    return OBSERVERS[cell](turns, found)


class _Judge:
    """A row, and what all its judgements need."""

    def __init__(self, row: RecordedRow, key: AnswerKey) -> None:
        self._row = row
        self._key = key
        self._answers = answers(row.turns)
        self._answered = by_wish(row.turns)
        self._controls: dict[tuple[LoneCheck, str], Turn | None] = {}
        self._recheck = next((turn for turn in row.turns if turn.reply.error is None), None)

    def _meaning_of(self, feature: str, *besides: str) -> MeaningOf:
        """What errors mean for ``feature``. ``besides`` are words that stand for something narrower than it."""
        words = (*self._row.dialect.fields.get(feature, ()), *_WORDS.get(feature, ())) or (feature,)

        def of(turn: Turn) -> Meaning | None:
            error = turn.reply.error
            return meaning(_without_names(error, self._row.model, *besides), words) if error else None

        return of

    def _mark(
        self, turn: Turn, meaning_of: MeaningOf, judge_turn: Callable[[Turn], Mark], *, judges_cut: bool = True
    ) -> Mark:
        trial = Trial((turn,), recheck=self._recheck)
        bad = spoilt(trial, meaning_of, judges_cut=judges_cut, judges_open=False)
        return bad or judge_turn(turn)

    def lone(self, check: LoneCheck) -> Iterator[Verdict]:
        """The verdict of a check on single replies, or none when nothing asks for it."""
        asking = [turn for turn in self._row.turns if check.asks(turn.call) and not is_continuation(turn.call)]
        if asking:
            yield self._fold(asking, [self._lone_mark(turn, check) for turn in asking], check.feature)

    def _fold(self, turns: Sequence[Turn], marks: Sequence[Mark], feature: str) -> Verdict:
        """The verdict of ``marks`` on ``turns``. That a model failed its server's test tells of the model: beside other
        results it is flakiness, by itself nothing."""
        meaning_of = self._meaning_of(feature)
        failed = [meaning_of(turn) == "model failure" for turn in turns]
        if all(bad or mark.kind == "void" for mark, bad in zip(marks, failed, strict=True)):
            marks = [replace(mark, kind="void") for mark in marks]
        return fold(marks, _ONCE, refusals=1).verdict

    def _lone_mark(self, turn: Turn, check: LoneCheck) -> Mark:
        mark = self._mark(turn, self._meaning_of(check.feature), check.mark, judges_cut=check.judges_cut)
        if mark.kind == "shown" and mark.strength != "accepted":
            return self._against_control(turn, mark, check)
        told = self._told_otherwise(turn, mark, check)
        return replace(mark, kind="void", reason=f"{told}: {mark.reason}") if told else mark

    def _told_otherwise(self, turn: Turn, mark: Mark, check: LoneCheck) -> str:
        """Why ``mark`` speaks of how the feature was asked for and not of the feature, "" when it does not."""
        if mark.kind == "rejected" and not check.believes_refusals:
            return "another way of asking may pass"
        documented = self._row.dialect.spellings.get(check.feature, ())
        spelling = dict(turn.call.spelling).get(check.feature)
        if spelling is None or spelling in documented:
            return ""
        only_this = mark.kind == "rejected" and self._meaning_of(check.feature, spelling)(turn) != "unsupported"
        if mark.kind in ("ignored", "broken") or only_this:
            return f"asked for in a form that the wire format does not document ({spelling})"
        return ""

    def _against_control(self, turn: Turn, mark: Mark, check: LoneCheck) -> Mark:
        """``mark`` on the strongest evidence, where the same request without the feature gave another result."""
        control = self._control(turn.call, check)
        if control is None:
            return mark
        reason = f"{mark.reason}; the same request without it gave another result"
        return replace(mark, reason=reason, evidence=(control.evidence, *mark.evidence), strength="shown")

    def _control(self, call: Call, check: LoneCheck) -> Turn | None:
        """A turn that asked for ``call`` without the feature, when no such turn got the result that it gives."""
        wished = check, wish(call)
        if check.without is not None and wished not in self._controls:
            controls = self._answered.get(wish(check.without(call)), ())
            kinds = [check.mark(replace(control, call=call)).kind for control in controls]
            telling = [turn for turn, kind in zip(controls, kinds, strict=True) if kind != "void"]
            self._controls[wished] = telling[0] if telling and "shown" not in kinds else None
        return self._controls.get(wished)

    def seeds(self) -> dict[str, Verdict]:
        """What requests that were repeated with one seed show."""
        marks = []
        for same in self._answered.values():
            if same[0].call.seed is not None:
                without = self._answered.get(wish(replace(same[0].call, seed=None)), ())
                marks.append(seed_repeated(same, without))
        shown = [mark for mark in marks if mark is not None]
        return {"seed": fold(shown, _ONCE).verdict} if shown else {}

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
        pairs = list(zip(offering, marks, strict=True))
        heard = [(turn, mark) for turn, mark in pairs if not _only_forcing_failed(turn, mark)] or pairs
        verdicts = {"tool": self._fold([turn for turn, _ in heard], [mark for _, mark in heard], "tools")}
        return verdicts | few_choices([turn for turn in offering if turn.reply.error is None])

    def _tool_mark(self, turn: Turn) -> Mark:
        answer = self._answers.get(turn.evidence)
        if answer is not None and answer.reply.error is not None:
            return self._refused_later(turn, answer, answer.reply.error)
        # a choice that is refused is the business of the cell for forced calls
        meaning_of = self._meaning_of("tools", "tool_choice", "tool choice")
        return self._mark(turn, meaning_of, lambda call: tool_alone(call, answer), judges_cut=False)

    def _refused_later(self, turn: Turn, answer: Turn, error: ApiError) -> Mark:
        """A call whose result was not taken; trouble of the day or with the request leaves the call by itself."""
        mark = tool_alone(turn, None)
        if mark.kind != "shown" or self._meaning_of("tools")(answer) not in ("unsupported", "unclear", "model failure"):
            return mark
        reason = f"a later step is refused: {clip(error.message)}"
        return replace(mark, kind="partial", reason=reason, evidence=(*mark.evidence, answer.evidence))

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
        asked = " ".join(text_of(message) for message in turn.call.messages if message.role == "user")
        shows = self._key.shows(part, asked)
        return self._mark(turn, self._meaning_of(cell_of(part)), lambda answered: taken_in(answered, shows))

    def _out(self, kind: str) -> Iterator[Verdict]:
        came = [turn for turn in self._row.turns if any(media.kind == kind for media in turn.reply.media)]
        if came:
            yield fold([put_out(turn, kind) for turn in came], _ONCE).verdict

    def sources(self, cells: Mapping[str, Verdict]) -> dict[str, Verdict]:
        """Citations over all replies, and searches that nobody asked for where asking for one came to nothing."""
        found = {"cite": cited(self._row.turns), "web_search": searches_unasked(self._row.turns)}
        asked = cells.get("web_search", Verdict("untested")).outcome not in ("untested", "inconclusive")
        return {cell: one for cell, one in found.items() if one is not None and not (asked and cell == "web_search")}


def _without_names(error: ApiError, *names: str) -> ApiError:
    """``error`` without ``names``, wherever it holds them."""
    param = "" if error.param in names else error.param
    return reduce(without_model_name, names, replace(error, param=param))


def _only_forcing_failed(turn: Turn, mark: Mark) -> bool:
    return mark.kind in ("rejected", "void") and turn.call.tool_choice not in (None, "auto")


def _over_formats(marks: Sequence[tuple[Image | File, Mark]]) -> Verdict:
    """One verdict over the formats of a medium: it is taken in when one of them is, each time."""
    by_label: dict[str, list[Mark]] = {}
    for part, mark in marks:
        by_label.setdefault(label_of(part), []).append(mark)
    verdicts = {label: fold(group, _ONCE, refusals=1).verdict for label, group in by_label.items()}
    good = [label for label, verdict in verdicts.items() if verdict.outcome == "supported"]
    if not good:
        return fold([mark for _, mark in marks], _ONCE, refusals=1).verdict
    shown = [mark for label in good for mark in by_label[label] if mark.kind == "shown"]
    best = max(shown, key=lambda mark: STRENGTHS.index(mark.strength))
    bad = [f"{label} ({verdict.outcome})" for label, verdict in verdicts.items() if label not in good]
    reason = f"{best.reason}: {', '.join(good)}" + (f"; not so: {', '.join(bad)}" if bad else "")
    return replace(fold(shown, _ONCE).verdict, reason=reason)
