"""An experiment as a conversation: a generator that yields what to ask and is sent what came back.

No I/O and no clock: a scan drives it with an endpoint, a replay with a journal, and both get the same
verdicts. All randomness comes from the seed of the scan and the address of the case.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from llmprobe.call import JSON, Call, Image, JsonObject, JsonSchema, Message, Part, Text, Tool
from llmprobe.checks import POOLED_CHECKS, TRIAL_CHECKS, TrialCheck
from llmprobe.checks.evidence import Mark, Trial, Turn, clip, void
from llmprobe.checks.fold import REFUSALS_THAT_DECIDE, Judgement, fold
from llmprobe.checks.refusals import Meaning, meaning, names_feature, without_model_name
from llmprobe.checks.tools import call_problem
from llmprobe.dialects.base import Dialect
from llmprobe.pictures import blank_png, digits_png
from llmprobe.probe import Arm, Expectation, Probe, Say, Send, Trials, Variant
from llmprobe.reply import Reply
from llmprobe.verdict import Verdict

THINKING_HEADROOM = 2000
"""Output tokens on top of what the visible answer needs (TRAPS 1.14: floors of 500 to 4,000 were seen)."""


@dataclass(frozen=True, slots=True)
class Footing:
    """How to talk to one row of the scoreboard, as first contact found it out."""

    model: str
    stream: bool = False
    thinking: bool = False
    """This is the row with thinking on: replies need headroom."""
    headroom: bool = False
    """Replies need it although no thinking is seen: the cap ended one before any text."""
    ask_thinking: bool | None = None
    """What ``Call.thinking`` must say to get it so; ``None``: nothing, it is the default."""
    thinking_spelling: str = ""
    thinking_patch: Mapping[str, JSON] = field(default_factory=dict)
    cap_spelling: str = ""
    """Spelling of the output cap that was accepted; "" is the dialect's default."""
    capped: bool = True
    """Some cap was accepted at all."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to make."""

    arm: str
    call: Call
    expects: Expectation = "any"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and the id of the exchange that shows it."""

    reply: Reply
    evidence: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a case came to: a verdict for each cell of its probe, and every turn, for the observers."""

    verdicts: Mapping[str, Verdict]
    turns: tuple[Turn, ...]


Talk: TypeAlias = Generator[Ask, Answer, Finding]


# --- values: drawn from the seed, or taken from a reply

_WORDS = tuple(
    """river stone cloud winter garden silver market window bridge forest candle harbor ribbon island meadow copper
    violin lantern pepper orchard saddle thunder walnut blanket compass feather granite hammer jacket kettle ladder
    mirror needle oyster pillow rocket signal timber velvet wagon anchor barrel cactus dragon engine falcon
    goblet""".split()  # noqa: SIM905 - a list of a line a word hides the rest of the file
)
_CITIES = tuple(
    """Lisbon Oslo Vienna Prague Dublin Athens Warsaw Zurich Helsinki Brussels Budapest Geneva Munich Toronto Sydney
    Kyoto Lima Havana Nairobi Denver""".split()  # noqa: SIM905
)


def _pick(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


DRAW: Mapping[str, Callable[[random.Random, int], str]] = {
    "digits": lambda rng, n: _pick(rng, "123456789", 1) + _pick(rng, "0123456789", n - 1),
    "letters": lambda rng, n: _pick(rng, "abcdefghjkmnpqrstuvwxyz", n),
    "hex": lambda rng, n: _pick(rng, "0123456789abcdef", n),
    "code": lambda rng, n: _pick(rng, "abcdefghjkmnpqrstuvwxyz", 2) + _pick(rng, "23456789", n - 2),
    "words": lambda rng, n: " ".join(rng.sample(_WORDS, n)),
    "city": lambda rng, n: rng.sample(_CITIES, max(1, n))[0],
    "integer": lambda rng, n: str(rng.randrange(10 ** (n - 1), 10**n)),
    "constant": lambda _, n: str(n),
}
"""Kinds of values for probe files: ``digits 5`` draws five digits. ``constant 16`` is always 16."""


_DRAWS = 1000


def draw(kinds: Mapping[str, str], rng: random.Random) -> dict[str, str]:
    """A value for each name; two values of the same kind are never equal.

    Raises ``ValueError`` when there are not enough of them.
    """
    values: dict[str, str] = {}
    for name, kind in kinds.items():
        word, _, count = kind.partition(" ")
        taken = {values[other] for other in values if kinds[other] == kind and word != "constant"}
        drawn = (DRAW[word](rng, int(count or 1)) for _ in range(_DRAWS))
        value = next((value for value in drawn if value not in taken), None)
        if value is None:
            raise ValueError(f"`{kind}` cannot be drawn {len(taken) + 1} times without repetition")
        values[name] = value
    return values


def _shared_middle_word(controls: Sequence[Turn]) -> str | None:
    """A word near the middle that every control reply reaches in the same way, with text after it."""
    texts = [turn.reply.content for turn in controls]
    words = texts[0].split()
    places = sorted(range(2, len(words) - 3), key=lambda place: abs(place - len(words) // 2))
    for place in places:
        word = words[place].strip(".,;:!?\"'*")
        if len(word) < 3 or not word.isalpha() or texts[0].count(word) != 1:
            continue
        heads = {" ".join(text.partition(word)[0].split()) for text in texts}
        if len(heads) == 1 and all(word in text for text in texts):
            return word
    return None


DERIVE: Mapping[str, Callable[[Sequence[Turn]], str | None]] = {"shared middle word": _shared_middle_word}
"""Ways to take a value from the replies of the arm ``control``; ``None`` means that there is none."""

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """``value`` with every ``{name}`` of ``values`` replaced, in strings at any depth and in keys."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), value)
    if isinstance(value, Mapping):
        return {fill(key, values): fill(part, values) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(fill(part, values) for part in value)
    return value


# --- from an arm to a call


def resolve(arm: Arm, arms: Sequence[Arm]) -> Send:
    """What ``arm`` sends, with the fields of the arm that it is ``like`` filled in."""
    if not arm.like:
        return arm.send
    base = resolve(next(other for other in arms if other.arm == arm.like), arms)
    own = {name: value for name in Send.__slots__ if (value := getattr(arm.send, name)) is not None}
    return replace(base, **own)


def build_call(send: Send, footing: Footing, values: Mapping[str, str], heard: Sequence[Turn]) -> Call | None:
    """The call for ``send``; ``None`` when it builds on a tool call that was never made, or is broken."""
    messages: list[Message] = []
    for say in send.messages or ():
        built = _messages(say, values, heard)
        if built is None:
            return None
        messages.extend(built)
    return Call(
        model=footing.model,
        messages=tuple(messages),
        stream=footing.stream,
        include_usage=footing.stream,
        tools=tuple(
            Tool(fill(tool.name, values), fill(tool.description, values), fill(tool.parameters, values))
            for tool in send.tools or ()
        ),
        tool_choice=send.tool_choice,
        response_format=_response_format(send, values),
        max_tokens=_cap(send, footing),
        temperature=send.temperature,
        seed=int(fill(send.seed, values)) if send.seed is not None else None,
        stop=fill(send.stop or (), values),
        top_logprobs=send.top_logprobs,
        thinking=footing.ask_thinking,
        spelling=_spelling(footing),
        patch={**footing.thinking_patch, **fill(send.patch or {}, values)},
    )


def _cap(send: Send, footing: Footing) -> int | None:
    if send.max_tokens is None or not (footing.capped or send.exact_cap):
        return None
    return send.max_tokens + (THINKING_HEADROOM if (footing.thinking or footing.headroom) and not send.exact_cap else 0)


def _spelling(footing: Footing) -> tuple[tuple[str, str], ...]:
    chosen = {"max_tokens": footing.cap_spelling, "thinking": footing.thinking_spelling}
    return tuple(sorted((feature, name) for feature, name in chosen.items() if name))


def _response_format(send: Send, values: Mapping[str, str]) -> JsonObject | JsonSchema | None:
    if send.schema is not None:
        return JsonSchema("answer", fill(send.schema, values), strict=True)
    return JsonObject() if send.json else None


def _messages(say: Say, values: Mapping[str, str], heard: Sequence[Turn]) -> list[Message] | None:
    text = fill(say.text, values)
    if say.calls_of or say.answers:
        turn = next((turn for turn in heard if turn.arm == (say.calls_of or say.answers)), None)
        if turn is None or call_problem(turn)[0]:  # servers choke on their own broken calls
            return None
        if say.answers:
            return [Message("tool", text, tool_call_id=call.id or None) for call in turn.reply.tool_calls]
        reply = turn.reply
        thoughts = reply.reasoning if reply.reasoning_place == "reasoning_content" else None
        played_back = thoughts if isinstance(thoughts, str) else None
        return [Message("assistant", reply.content or None, reply.tool_calls, reasoning=played_back)]
    if say.picture is None:
        return [Message(say.role, text)]
    code = fill(say.picture, values)
    png = digits_png(code) if code else blank_png()
    parts: tuple[Part, ...] = (Text(text), Image(base64.b64encode(png).decode(), "image/png"))
    return [Message(say.role, parts)]


# --- asking

_EASED = ("temperature", "top_p", "parallel_tool_calls", "include_usage")
"""Auxiliary fields of a call that are left out when an endpoint refuses them."""


@dataclass
class _Case:
    """The state of one case while it is talked through."""

    probe: Probe
    footing: Footing
    dialect: Dialect
    seed: str
    turns: list[Turn] = field(default_factory=list)
    dropped: set[str] = field(default_factory=set)

    @property
    def words(self) -> tuple[str, ...]:
        """How a refusal would name the feature on trial."""
        return tuple(self.dialect.fields.get(self.probe.feature, (self.probe.feature,)))

    @property
    def spellings(self) -> tuple[str, ...]:
        """The wire spellings of the feature on trial, the one that first contact got through with first."""
        known = self.dialect.spellings.get(self.probe.feature, ("",))
        first = self.footing.cap_spelling if self.probe.feature == "max_tokens" else ""
        return tuple(dict.fromkeys([first, *known] if first else known))

    def meaning(self, turn: Turn) -> Meaning | None:
        """What the error of ``turn`` means, ``None`` when there is none."""
        error = turn.reply.error
        return meaning(without_model_name(error, self.footing.model), self.words) if error else None

    def ask(self, arm: Arm, call: Call) -> Generator[Ask, Answer, Turn]:
        """Ask; when an auxiliary field is refused by name, leave it out and ask again."""
        while True:
            eased = _without(call, self.dropped)
            answer = yield Ask(arm.arm, eased, arm.expects)
            turn = Turn(arm.arm, eased, answer.reply, answer.evidence, self.probe.id, arm.expects)
            self.turns.append(turn)
            refused = self._refused_auxiliary(turn)
            if refused is None:
                return turn
            self.dropped.add(refused)

    def _refused_auxiliary(self, turn: Turn) -> str | None:
        error = turn.reply.error
        if error is None or error.where != "status" or error.status not in (400, 422):
            return None
        error = without_model_name(error, self.footing.model)
        for name in _EASED:
            sent = _without(turn.call, {name}) != turn.call
            if sent and name != self.probe.feature and names_feature(error, self.dialect.fields[name]):
                return name
        return None


def _without(call: Call, names: set[str]) -> Call:
    empty: dict[str, Any] = {name: False if name == "include_usage" else None for name in names}
    return replace(call, **empty)


PLAIN = Send(messages=(Say(text="Repeat this code and write nothing else: {code}"),), max_tokens=100)
"""The plainest call there is: what must still work right after a refusal, or the refusal says nothing."""


# --- the experiment


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one spelling and variant came to."""

    verdicts: dict[str, Verdict]
    no_room: bool = False
    """The control leaves no room for an effect: another variant may."""
    trouble: bool = False
    """An outage or the like had a part in it."""
    refused: bool = False
    """Every trial, or the control, was refused in whatever words: another variant or spelling may pass."""
    failed: bool = False
    """The server itself found the model's output faulty each time: another variant may be easier."""


def converse(probe: Probe, footing: Footing, dialect: Dialect, seed: str, bounds: Trials) -> Talk:
    """Talk ``probe`` through with one row. ``seed`` must name the scan and the case.

    Spellings of the feature are tried in the dialect's order until one works; variants of the experiment
    until one leaves room for an effect.
    """
    case = _Case(probe, footing, dialect, seed)
    outcomes: list[tuple[str, _Outcome]] = []
    for spelling in case.spellings:
        outcome = yield from _variants(case, spelling, bounds)
        outcomes.append((spelling, outcome))
        if not _is_red(outcome.verdicts.values()) and (outcome.trouble or not outcome.refused):
            break
    verdicts = {cell: replace(_best(cell, outcomes), probe=probe.stamp) for cell in probe.cells}
    return Finding(verdicts, tuple(case.turns))


def _variants(case: _Case, spelling: str, bounds: Trials) -> Generator[Ask, Answer, _Outcome]:
    """The variants in one spelling, until one leaves room and is heard."""
    kept: list[tuple[str, _Outcome]] = []
    for variant in case.probe.variants:
        outcome = yield from _experiment(case, variant, spelling, bounds)
        if not outcome.no_room or not kept:
            kept.append((variant.name, outcome))
        if outcome.trouble or not (outcome.no_room or outcome.refused or outcome.failed):
            break
    (first_name, first), (last_name, last) = kept[0], kept[-1]
    if not first.failed or last is first:
        return last
    verdicts = {
        cell: _only_sometimes(first_name, first.verdicts[cell], last_name, verdict)
        for cell, verdict in last.verdicts.items()
    }
    return replace(last, verdicts=verdicts)


def _only_sometimes(first_name: str, first: Verdict, last_name: str, last: Verdict) -> Verdict:
    if last.outcome == "supported":
        reason = f"works with {last_name!r}; with {first_name!r}: {first.reason}"
        return replace(last, outcome="partial", reason=reason, quote=first.quote)
    return first if last.outcome == "inconclusive" else last


def _is_red(verdicts: Iterable[Verdict]) -> bool:
    return all(verdict.outcome in ("ignored", "rejected", "broken") for verdict in verdicts)


def _best(cell: str, outcomes: Sequence[tuple[str, _Outcome]]) -> Verdict:
    """What works in some spelling; red only as the first one was, with no outage while others were tried."""
    for spelling, outcome in outcomes:
        if outcome.verdicts[cell].outcome in ("supported", "flaky", "partial", "absent"):
            return replace(outcome.verdicts[cell], spelling=spelling)
    last = outcomes[-1][1]
    if last.trouble and last.verdicts[cell].outcome == "inconclusive":
        return last.verdicts[cell]
    return replace(outcomes[0][1].verdicts[cell], spelling=", ".join(name for name, _ in outcomes))


def _experiment(case: _Case, variant: Variant, spelling: str, bounds: Trials) -> Generator[Ask, Answer, _Outcome]:
    rng = random.Random(f"{case.seed}|{variant.name}|{spelling}")
    values = draw({**case.probe.values, **variant.values}, rng)
    setup = Trial((), values)
    for arm in [each for each in variant.setup for _ in range(each.repeat)]:
        turn = yield from _one(case, arm, variant, "", setup)
        if turn is None:
            return _all(case, void("the control could not be built", *setup.turns), no_room=True)
        setup = replace(setup, turns=(*setup.turns, turn))
        if turn.reply.error:
            return (yield from _refused_setup(case, arm, turn))
    unusable = _unusable_setup(case, setup)
    if unusable is not None:
        return _all(case, unusable)
    derived = {name: DERIVE[way](setup.all("control")) for name, way in variant.derive.items()}
    if None in derived.values():
        return _all(case, void("the control's reply gives nothing to build on", *setup.turns), no_room=True)
    setup = replace(setup, values=values | {name: value or "" for name, value in derived.items()})
    early = _early(case, setup)
    if early is not None:
        return _all(case, early, no_room=early.kind == "void")
    return (yield from _trials(case, variant, spelling, bounds, setup, rng))


def _one(case: _Case, arm: Arm, variant: Variant, spelling: str, trial: Trial) -> Generator[Ask, Answer, Turn | None]:
    send = resolve(arm, (*variant.setup, *variant.trial))
    call = build_call(send, case.footing, trial.values, trial.turns)
    if call is None:
        return None
    default = case.dialect.spellings.get(case.probe.feature, ("",))[0]
    if spelling:
        others = tuple(pair for pair in call.spelling if pair[0] != case.probe.feature)
        chosen = () if spelling == default else ((case.probe.feature, spelling),)
        call = replace(call, spelling=tuple(sorted(others + chosen)))
    return (yield from case.ask(arm, call))


def _recheck(case: _Case) -> Generator[Ask, Answer, Turn]:
    values = draw({"code": "code 6"}, random.Random(f"{case.seed}|recheck|{len(case.turns)}"))
    streams = case.footing.stream != (case.probe.feature == "stream")  # what is on trial is left out
    call = build_call(PLAIN, replace(case.footing, stream=streams), values, ())
    assert call is not None  # PLAIN builds on nothing
    return (yield from case.ask(Arm("recheck"), call))


def _refused_setup(case: _Case, arm: Arm, turn: Turn) -> Generator[Ask, Answer, _Outcome]:
    """The control itself failed: a refusal only if it names the feature, twice, and a plain call works."""
    marks: list[Mark] = []
    while True:
        found = case.meaning(turn)
        if found is None:
            return _all(case, void("the control was refused, then answered", turn))
        if found != "unsupported":
            trouble = found in _TROUBLE
            return _all(case, _failed("the control failed", turn), trouble=trouble, refused=not trouble)
        recheck = yield from _recheck(case)
        marks.append(_refusal_mark(turn, recheck))
        if marks[-1].kind == "void" or len(marks) == REFUSALS_THAT_DECIDE:
            verdict = fold(marks[-1:] if marks[-1].kind == "void" else marks, Trials(1, 1)).verdict
            return _Outcome(dict.fromkeys(case.probe.cells, verdict), trouble=_is_trouble(case, recheck), refused=True)
        turn = yield from case.ask(arm, turn.call)


_TROUBLE = ("later", "auth", "account")


def _is_trouble(case: _Case, turn: Turn | None) -> bool:
    return turn is not None and case.meaning(turn) in _TROUBLE


def _unusable_setup(case: _Case, setup: Trial) -> Mark | None:
    checks = (TRIAL_CHECKS.get(decide.check) for decide in case.probe.cells.values())
    judges_open = all(check is not None and check.judges_open for check in checks)
    for turn in setup.turns:
        reply = turn.reply
        if reply.finish == "content_filter" or reply.refusal:
            return void("the control was filtered", turn)
        if not reply.complete and not judges_open:
            return void("the control is not whole", turn)
        if reply.cut_short and not reply.content.strip() and not reply.tool_calls:
            return void("the control ran out of output tokens before any text", turn)
    return None


def _early(case: _Case, setup: Trial) -> Mark | None:
    """What the controls alone already say, by the checks of this probe."""
    for decide in case.probe.cells.values():
        if decide.check in TRIAL_CHECKS:
            mark = TRIAL_CHECKS[decide.check].ready(setup)
            if mark is not None:
                return mark
    return None


def _all(case: _Case, mark: Mark, *, no_room: bool = False, trouble: bool = False, refused: bool = False) -> _Outcome:
    verdict = fold([mark], Trials(1, 1)).verdict
    return _Outcome(dict.fromkeys(case.probe.cells, verdict), no_room, trouble, refused)


def _trials(
    case: _Case, variant: Variant, spelling: str, bounds: Trials, setup: Trial, rng: random.Random
) -> Generator[Ask, Answer, _Outcome]:
    trials: list[Trial] = []
    while True:
        trial = Trial((), {**setup.values, **draw(case.probe.fresh, rng)})
        for arm in variant.trial:
            turn = yield from _one(case, arm, variant, spelling, trial)
            if turn is None:
                break
            trial = replace(trial, turns=(*trial.turns, turn))
            found = case.meaning(turn)
            if found in ("unsupported", "wrong request", "unclear", "model"):
                trial = replace(trial, recheck=(yield from _recheck(case)))
            if found not in (None, "model failure"):
                break
        trials.append(trial)
        judgements = _judge(case, setup, trials, bounds)
        if all(judgement.decided for judgement in judgements.values()) or len(trials) >= 2 * bounds.most:
            break
    verdicts = {cell: judgement.verdict for cell, judgement in judgements.items()}
    return _Outcome(
        verdicts,
        trouble=any(_is_trouble(case, turn) for trial in trials for turn in (*trial.turns, trial.recheck)),
        refused=all(trial.recheck is not None for trial in trials) and not _is_red(verdicts.values()),
        failed=all("model failure" in map(case.meaning, trial.turns) for trial in trials),
    )


# --- judging


def _judge(case: _Case, setup: Trial, trials: Sequence[Trial], bounds: Trials) -> dict[str, Judgement]:
    return {cell: _judge_cell(case, decide.check, setup, trials, bounds) for cell, decide in case.probe.cells.items()}


def _judge_cell(case: _Case, check: str, setup: Trial, trials: Sequence[Trial], bounds: Trials) -> Judgement:
    if check in TRIAL_CHECKS:
        decide = TRIAL_CHECKS[check]
        marks = [_spoilt(case, trial, decide) or decide.mark(setup, trial) for trial in trials]
        return fold(marks, bounds)
    spoilt = [_refused_or_filtered(case, trial) for trial in trials]
    usable = [trial for bad, trial in zip(spoilt, trials, strict=True) if bad is None]
    if not usable:
        return fold([bad for bad in spoilt if bad is not None], bounds)
    return POOLED_CHECKS[check](usable, bounds)


def _spoilt(case: _Case, trial: Trial, check: TrialCheck) -> Mark | None:
    """The mark of a trial in which something other than the feature had the last word."""
    bad = _refused_or_filtered(case, trial)
    if bad is not None:
        return bad
    for turn in trial.turns:
        if case.meaning(turn) == "model failure":
            return replace(_failed("the model's output failed the server's own test", turn), kind="broken")
        if not turn.reply.complete and not check.judges_open:
            return void("the reply is not whole", turn)
        if _ran_out(turn, check.judges_cut):
            return void("ran out of output tokens", turn)
    return None


def _ran_out(turn: Turn, judges_cut: bool) -> bool:
    """The output cap ended the reply before what was asked for could come."""
    if not turn.reply.cut_short or turn.expects == "cut":
        return False
    if turn.reply.tool_calls:
        return bool(call_problem(turn)[0])
    return not (judges_cut and turn.reply.content.strip())


def _refused_or_filtered(case: _Case, trial: Trial) -> Mark | None:
    for turn in trial.turns:
        reply, found = turn.reply, case.meaning(turn)
        if found not in (None, "model failure"):
            return _error_mark(trial, turn, found or "unclear")
        if reply.finish == "content_filter" or reply.refusal:
            return void("the reply was filtered or refused by the model", turn)
    return None


def _error_mark(trial: Trial, turn: Turn, found: Meaning) -> Mark:
    if found != "unsupported" or trial.recheck is None:
        return _failed(_WHY.get(found, "refused"), turn)
    mark = _refusal_mark(turn, trial.recheck)
    if mark.kind == "rejected" and any(message.role == "tool" for message in turn.call.messages):
        return replace(mark, kind="partial", reason=f"a later step is refused: {mark.reason}")
    return mark


_WHY: Mapping[str, str] = {
    "later": "trouble at the endpoint",
    "auth": "the key was refused",
    "account": "no credit or quota",
    "model": "the model was not found",
    "filtered": "a content filter stepped in",
    "wrong request": "the request was refused for how it was built",
    "unclear": "refused, but not in words about this feature",
}


def _failed(why: str, turn: Turn) -> Mark:
    error = turn.reply.error
    told = f"HTTP {error.status}: {error.message}" if error and error.status else error.message if error else ""
    return Mark("void", f"{why}: {clip(told)}", quote=clip(told)).seen_in(turn)


def _refusal_mark(turn: Turn, recheck: Turn) -> Mark:
    """Refused in words about the feature, while a plain call right after is answered."""
    if recheck.reply.error:
        return _failed("refused, but a plain call right after failed too", turn)
    mark = _failed("refused", turn)
    return replace(mark, kind="rejected", expected="an answer", actual=mark.quote).seen_in(turn, recheck)
