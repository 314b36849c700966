"""Repairs code that was copied from slides or read by a text recogniser: quotes, line numbers, lost underscores ...

Each rule is a function from text to text, named in `RULES`; `repair` applies them in that order. Nothing is guessed
about what code means: rules only touch what cannot be Python, or names that Keras knows with an underscore.
"""

from __future__ import annotations

import ast
import difflib
import functools
import io
import keyword
import re
import tokenize
from dataclasses import dataclass

_CHARACTERS = str.maketrans({
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f", " "), **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""),
    "\ufb01": "fi", "\ufb02": "fl", "\ufb00": "ff", "\ufb03": "ffi", "\ufb04": "ffl",
    "\u00d7": "*", "\uff0c": ",", "\uff1a": ":",
})
_PROMPT = re.compile(r"^\s*(>>> ?|\.\.\. |In ?\[\d*\]: ?|In: )")
_NUMBERED = re.compile(r"^\s*(\d{1,3})(?:[ \t:.|]|$)(.*)$")
_OUTPUT = re.compile(r"^\s*(Out ?\[\d*\]:|Epoch \d+/\d+|Train on \d+ samples|"
                     r"\d+/\d+ +[-\[\u2501=]|\{?'\w+': \[[\d.]+, \.\.\.|"
                     r"\[+ *-?[\d.]+ +-?[\d.]+)")
_PROSE = re.compile(r"^\s*\$\$|^\s*[\u2022\u25b6\u25ba\u25aa\u2023\u25e6\u2460-\u2473]|^\s*(```|#{2,} |\* )")
_SENTENCE = re.compile(r"\s*([^\W\d_][\w'/-]*)[,:;.]?(?: [\w'/-]+[,:;.?!]?)+\s*")
_STRING = re.compile(r"""("{3}.*?"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.S)
_WORDS = re.compile(r"\b([A-Za-z_]\w*)[ \t]+(?=([A-Za-z_]\w*)\b)")
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True)
class Repair:
    """What `repair` made of a text.

    text: the repaired code. changes: the rules that changed something. problem: why it still is not Python, or "".
    """

    original: str
    text: str
    changes: tuple[str, ...]
    problem: str

    def difference(self, name: str = "slides") -> str:
        """The changes as a unified diff; empty when there are none."""
        lines = difflib.unified_diff(self.original.splitlines(keepends=True), self.text.splitlines(keepends=True),
                                     name, f"{name} (repaired)")
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def repair(text: str) -> Repair:
    """The code in a text from slides, with what breaks it mended.

    Example:
        >>> repair("model.compile(loss=\u201csparse categorical crossentropy\u201d)").text
        'model.compile(loss="sparse_categorical_crossentropy")\\n'
    """
    repaired, changes = text, []
    for name, rule in RULES.items():
        # Sound code can only lack underscores inside of strings.
        if rule is _lost_underscores or _problem(repaired):
            before, repaired = repaired, rule(repaired)
            if repaired != before:
                changes.append(name)
    repaired = repaired.rstrip() + "\n"
    return Repair(text, repaired, tuple(changes), _problem(repaired))


def _problem(text: str) -> str:
    """Why a text is not Python; "" if it is."""
    try:
        ast.parse(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    return ""


def _characters(text: str) -> str:
    """Typographic quotes, dashes, blanks and ligatures."""
    return text.translate(_CHARACTERS).replace("\r\n", "\n").replace("\\_", "_")


def _prompts(text: str) -> str:
    """The prompts of shells and notebooks."""
    return "\n".join(_PROMPT.sub("", line) for line in text.split("\n"))


def _line_numbers(text: str) -> str:
    """Numbers 1, 2, 3 ... in front of consecutive lines."""
    lines = text.split("\n")
    start = 0
    while start < len(lines):
        found: list[tuple[int, str]] = []
        end = start
        while end < len(lines) and (match := _NUMBERED.match(lines[end])) and _follows(found, int(match[1])):
            found.append((int(match[1]), lines[end][match.end(1):].lstrip(":.|")))
            end += 1
        if len(found) >= 2:
            bodies = [body for _, body in found if body.strip()]
            margin = min((len(body) - len(body.lstrip()) for body in bodies), default=0)
            lines[start:end] = [body[margin:] for _, body in found]
        start = max(end, start + 1)
    return "\n".join(lines)


def _follows(found: list, number: int) -> bool:
    return number == found[-1][0] + 1 if found else True


def _what_is_no_code(text: str) -> str:
    """Printed output and sentences between pieces of code become comments. Where code blocks are marked, so does
    everything outside of them."""
    marked = text.count("```") >= 2
    inside, quoted = not marked, False
    lines = []
    for line in text.split("\n"):
        if line.strip().startswith("```"):
            inside = not marked or not inside
        elif not line.strip() or inside and (quoted or not _is_no_code(line)):
            lines.append(line)
            quoted ^= (line.count('"""') + line.count("'''")) % 2 == 1
        else:
            lines.append("# " + line.strip())
    return "\n".join(lines)


def _is_no_code(line: str) -> bool:
    if _OUTPUT.match(line) or _PROSE.match(line):
        return True
    words = _SENTENCE.fullmatch(line)
    if words is None or words[1] in keyword.kwlist:
        return False
    return ":" not in line or words[1][0].isupper()  # `count: int` is code


def _broken_strings(text: str) -> str:
    """A string that goes on in the next line."""
    lines, index = text.split("\n"), 0
    while index < len(lines) - 1:
        if _ends_inside_string(lines[index]) and _ends_inside_string(lines[index + 1]):
            joined = lines[index].rstrip() + lines[index + 1].lstrip()
            if not _ends_inside_string(joined):
                lines[index:index + 2] = [joined]
                continue
        index += 1
    return "\n".join(lines)


def _ends_inside_string(line: str) -> bool:
    rest = _STRING.sub("", line).partition("#")[0]
    return '"' in rest or "'" in rest


def _lost_underscores(text: str) -> str:
    """`input shape=` and `"sparse categorical crossentropy"`: two names in a row, and names that Keras knows."""
    pieces = _STRING.split(text)
    for index, piece in enumerate(pieces):
        if index % 2:
            inner = piece[1:-1].replace(" ", "_")
            pieces[index] = piece[0] + inner + piece[-1] if " " in piece and inner in _names_of_keras() else piece
        else:
            pieces[index] = "\n".join(_joined(line) for line in piece.split("\n"))
    return "".join(pieces)


def _joined(line: str) -> str:
    """The code of a line with two names in a row made one; its comment as it was."""
    code, mark, comment = line.partition("#")

    def underscore(match: re.Match) -> str:
        reserved = {*keyword.kwlist, "print", "match", "case", "type"}
        return match[0] if reserved & {match[1], match[2]} else match[1] + "_"

    return _WORDS.sub(underscore, code) + mark + comment


@functools.cache
def _names_of_keras() -> frozenset[str]:
    """Names with underscores that Keras takes as strings."""
    from striate import activations, initializers, losses, metrics  # noqa: F401 - they enter their names
    from striate.serialization import exported

    return frozenset(name for room in ("activations", "initializers", "losses", "metrics")
                     for name in exported(f"keras.{room}") if "_" in name) | {
        "val_loss", "val_accuracy", "val_acc", "channels_last", "channels_first"}


def _brackets(text: str) -> str:
    """`1)` that was `])`; a bracket that is never closed; a comma behind the last name of an import."""
    opened: list[tuple[str, int]] = []
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if opened and _begins_a_statement(line, lines, opened):
            _close(lines, index - 1, opened)
        if not opened:
            line = lines[index] = re.sub(r"^(\s*(?:from\s+\S+\s+)?import\s.*?),\s*$", r"\1", line)
        lines[index] = _closed_rightly(line, opened, index)
    if opened:
        _close(lines, len(lines) - 1, opened)
    return "\n".join(lines)


def _begins_a_statement(line: str, lines: list[str], opened: list[tuple[str, int]]) -> bool:
    """Whether a line cannot belong to the bracket that is still open: it stands as far left as the line that opened
    the first bracket, and begins like a statement (or is a sentence)."""
    if not line.strip() or line.strip()[0] in _CLOSE:
        return False
    first = lines[opened[0][1]]
    if len(line) - len(line.lstrip()) > len(first) - len(first.lstrip()):
        return False
    return bool(re.match(r"\s*(#|[\w.]+ += |[\w.]+ *\(|(from|import|for|if|def|class|with|while|print)\b)", line)
                and not re.match(r"\s*[1lI|][)\]]", line))


def _close(lines: list[str], index: int, opened: list[tuple[str, int]]) -> None:
    """Closes all open brackets at the end of the last line of code at or before `index`."""
    while index > opened[-1][1] and (not lines[index].strip() or lines[index].lstrip().startswith("#")):
        index -= 1
    ends = "".join(_CLOSE[_OPEN.index(bracket)] for bracket, _ in reversed(opened))
    lines[index] = lines[index].rstrip().rstrip(",") + ends
    opened.clear()


def _closed_rightly(line: str, opened: list[tuple[str, int]], index: int) -> str:
    """The line with `1)`, `l)` and `I)` read as `])` where a list is open; `opened` is brought up to date."""
    if re.fullmatch(r"\s*[1lI|]\)+\s*", line) and [mark for mark, _ in opened[-2:]] == ["(", "["]:
        line = re.sub(r"[1lI|](?=\))", "]", line, count=1)
    for character in _STRING.sub("", line).partition("#")[0]:
        if character in _OPEN:
            opened.append((character, index))
        elif character in _CLOSE and opened:
            opened.pop()
    return line


def _indentation(text: str) -> str:
    """Code that is indented as a whole, as slides show it."""
    lines = text.split("\n")
    try:
        starts = {token.start[0] for token in tokenize.generate_tokens(io.StringIO(text).readline)}
    except (tokenize.TokenError, IndentationError):
        starts = set(range(1, len(lines) + 1))
    margins = [len(line) - len(line.lstrip()) for number, line in enumerate(lines, 1)
               if line.strip() and number in starts and not line.lstrip().startswith("#")]
    margin = min(margins, default=0)
    return "\n".join(line[margin:] if not line[:margin].strip() else line for line in lines)


RULES = {
    "typographic characters": _characters,
    "prompts": _prompts,
    "line numbers": _line_numbers,
    "output and sentences": _what_is_no_code,
    "broken strings": _broken_strings,
    "lost underscores": _lost_underscores,
    "brackets and commas": _brackets,
    "indentation": _indentation,
}
