"""Text that we did not write, made safe to show: it may neither hide anything nor act as markup.

Two layers, both reversible. ``visible`` spells out what cannot be seen or would move the text around it,
as in ``⟨U+200B⟩``; what it returns is safe in a terminal. ``escape`` and ``code`` make that safe in Markdown.
"""

from __future__ import annotations

import re
import unicodedata

_MARKER = "⟨"
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that are drawn as nothing (fillers of Hangul and Braille)."""
_LOOSE_SPACE = re.compile(r"\A | \Z| (?= )")
_SPELLED = re.compile(r"⟨U\+((?:10|[0-9A-F])?[0-9A-F]{4})⟩")
_MARKUP = re.compile(r"[\\`*\[\]<>|~&$]|(?<!\S)#|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""Signs that Markdown or its GitHub dialect acts on in the middle of a line, ``_`` aside. A ``#`` inside a
word, as in file.gguf#part, is none of them."""
_UNDERSCORES = re.compile(r"_+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def visible(text: str) -> str:
    """``text`` with every character spelled out that has no width, controls something or is loose space."""
    shown = "".join(_spell(char) if _is_hidden(char) else char for char in text)
    return _LOOSE_SPACE.sub(_spell(" "), shown)


def reveal(text: str) -> str:
    """The inverse of ``visible``."""
    return _SPELLED.sub(lambda match: chr(int(match[1], 16)), text)


def one_line(text: str, limit: int) -> str:
    """``text`` with all white space made single spaces, cut to ``limit`` characters with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def escape(text: str) -> str:
    """``text`` as Markdown that shows it literally, also in a table. Plain model ids stay as they are."""
    marked = _MARKUP.sub(r"\\\g<0>", visible(text))
    return _UNDERSCORES.sub(_escape_emphasis, marked)


def unescape(markdown: str) -> str:
    """The inverse of ``escape``."""
    return reveal(_ESCAPED.sub(r"\1", markdown))


def code(text: str) -> str:
    """``text`` as a Markdown code span. Not for tables, where a ``|`` would end the cell."""
    shown = visible(text) or " "
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _is_hidden(char: str) -> bool:
    # Marks join the character before them, which may be a part of our table.
    return not char.isprintable() or char == _MARKER or char in _BLANK_LETTERS or unicodedata.category(char)[0] == "M"


def _spell(char: str) -> str:
    return f"⟨U+{ord(char):04X}⟩"


def _escape_emphasis(run: re.Match[str]) -> str:
    """Underscores between two letters or digits are no emphasis."""
    before, after = run.string[: run.start()][-1:], run.string[run.end() :][:1]
    return run[0] if before.isalnum() and after.isalnum() else "\\_" * len(run[0])
