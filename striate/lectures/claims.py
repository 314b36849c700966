"""`Claim`: something that a slide says, beside what striate finds; `Lecture`: all claims of one set of slides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill, indent
from typing import Any

import numpy as np

from striate.see.result import plain


@dataclass(frozen=True)
class Claim:
    """slide: its heading; what: is claimed; said: by the slide; found: by striate; why: they differ, if that is known;
    least: whether a larger number than said is fine (accuracies)."""

    slide: str
    what: str
    said: Any
    found: Any
    why: str = ""
    least: bool = False

    @property
    def verdict(self) -> str:
        """"reproduced"; "slip": they differ, and the reason is known; "missed": they differ for no known reason."""
        if self.least and self.found >= self.said or _equal(self.said, self.found):
            return "reproduced"
        return "slip" if self.why else "missed"

    def data(self) -> dict[str, Any]:
        """The claim in plain types."""
        return {"slide": self.slide, "what": self.what, "said": plain(self.said), "found": plain(self.found),
                "verdict": self.verdict, "why": self.why if self.verdict == "slip" else ""}

    def __str__(self) -> str:
        mark = {"reproduced": "ok  ", "slip": "SLIP", "missed": "??  "}[self.verdict]
        said, found = shown(self.said), shown(self.found)
        if "\n" in said or "\n" in found:
            same = self.verdict == "reproduced"
            body = indent(found if same else f"said:\n{said}\nfound:\n{found}", " " * 8)
            text = f"{mark}  {self.what}:\n{body}"
        elif self.verdict == "reproduced":
            text = f"{mark}  {self.what}: {found}" + (f" (the slides: {said})" if said != found else "")
        else:
            text = f"{mark}  {self.what}: the slide says {said}, striate finds {found}"
        if self.verdict == "slip":
            text += "\n" + fill(self.why, 112, initial_indent=" " * 6, subsequent_indent=" " * 6)
        return text


def shown(value: Any) -> str:
    """A value as slides print it: thousands marked, tables in rows."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return "\n".join(" ".join(f"{number:6.2f}" if value.dtype.kind == "f" else f"{number:4d}" for number in row)
                         for row in value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list) or isinstance(value, tuple) and all(isinstance(item, bool) for item in value):
        return "; ".join(shown(item) for item in value)
    return str(value)


def _equal(said: Any, found: Any) -> bool:
    if isinstance(said, np.ndarray) or isinstance(found, np.ndarray):
        said, found = np.asarray(said), np.asarray(found)
        return said.shape == found.shape and bool(np.allclose(said, found, rtol=0, atol=1e-9))
    return bool(said == found)


@dataclass(frozen=True)
class Lecture:
    """What the slides of one lecture say and what striate finds. remarks: slips that no computation shows."""

    name: str
    title: str
    source: str
    claims: tuple[Claim, ...]
    remarks: Sequence[str]
    trained: bool = False

    def count(self, verdict: str) -> int:
        """How many claims have this verdict."""
        return sum(claim.verdict == verdict for claim in self.claims)

    def data(self) -> dict[str, Any]:
        """Everything in plain types, for `--json`."""
        return {"lecture": self.name, "title": self.title, "source": self.source, "trained": self.trained,
                **{verdict: self.count(verdict) for verdict in ("reproduced", "slip", "missed")},
                "claims": [claim.data() for claim in self.claims], "remarks": list(self.remarks)}

    def __str__(self) -> str:
        lines, slide = [f"{self.title} ({self.source})"], None
        slides = list(dict.fromkeys(claim.slide for claim in self.claims))
        for claim in sorted(self.claims, key=lambda claim: slides.index(claim.slide)):
            if claim.slide != slide:
                slide = claim.slide
                lines += ["", slide]
            lines.append(indent(str(claim), "  "))
        if self.remarks:
            lines += ["", "Also worth knowing"]
            lines += [fill(remark, 116, initial_indent="  - ", subsequent_indent="    ") for remark in self.remarks]
        counted = {verdict: self.count(verdict) for verdict in ("reproduced", "slip", "missed")}
        lines += ["", "{reproduced} of {all} reproduced, {slip} slips explained, {missed} missed.".format(
            all=len(self.claims), **counted)]
        return "\n".join(lines)
