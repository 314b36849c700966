"""What may be wrong with a data set: classes out of balance, the same picture twice or in two parts, damaged files."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

UNBALANCED = 3.0
"""The largest class may have so many times the pictures of the smallest before it is worth a word."""


@dataclass(frozen=True)
class Audit:
    """counts: pictures by part and class; doubles: pictures that repeat an earlier one of their part; across: how many
    pictures of a later part lie in an earlier one as well, by "earlier and later"; conflicts: pictures with the same
    pixels and different classes; unreadable: file and reason."""

    counts: Mapping[str, Mapping[str, int]]
    doubles: int
    across: Mapping[str, int]
    conflicts: Sequence[tuple[str, str]]
    examples: Sequence[tuple[str, str]]
    unreadable: Mapping[str, str]

    @property
    def ratio(self) -> float:
        """Pictures of the largest class by those of the smallest, over all parts."""
        totals: dict[str, int] = defaultdict(int)
        for row in self.counts.values():
            for name, count in row.items():
                totals[name] += count
        return max(totals.values()) / max(1, min(totals.values()))

    def findings(self) -> list[str]:
        """What a user should know, a sentence each; nothing if all is well."""
        found = []
        if self.ratio >= UNBALANCED:
            found.append(f"The largest class has {self.ratio:.1f} times the pictures of the smallest: accuracy alone "
                         "flatters; look at the recall of each class.")
        for parts, count in self.across.items():
            one, two = self.examples[0]
            found.append(f"{_counted(count)} the same in {parts}: what was learnt by heart counts as known. "
                         f"For example {one} and {two}.")
        if self.doubles:
            found.append(f"{_counted(self.doubles)} a copy of another one in the same part.")
        if self.conflicts:
            one, two = self.conflicts[0]
            found.append(f"{_counted(len(self.conflicts))} in another class, too. For example {one} and {two}.")
        if self.unreadable:
            why = next(iter(self.unreadable.values()))
            rest = " (striate data show FOLDER --json names all)" * (len(self.unreadable) > 1)
            found.append(f"Files that cannot be read and are left out: {len(self.unreadable):,}{rest}. For example: "
                         f"{why}")
        return found

    def data(self) -> dict[str, Any]:
        """Everything in plain types, for `--json`."""
        return {"counts": {part: dict(row) for part, row in self.counts.items()}, "doubles": self.doubles,
                "across": dict(self.across), "conflicts": [list(pair) for pair in self.conflicts],
                "unreadable": dict(self.unreadable), "findings": self.findings()}


def _counted(count: int) -> str:
    return "1 picture is" if count == 1 else f"{count:,} pictures are"


def pixel_hashes(images: np.ndarray) -> list[str]:
    """A hash of the pixels of each picture of an array (n, ...)."""
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in images]


def audit(parts: Mapping[str, tuple[Sequence[str], Sequence[int], Sequence[str]]], class_names: Sequence[str],
          unreadable: Mapping[str, str] | None = None) -> Audit:
    """Compares the pictures of a data set.

    Args:
        parts: by the name of the part: hashes of the pixels, labels, and what to call each picture.
        class_names: what the labels mean.
        unreadable: files that cannot be read, each with the reason.

    Example:
        >>> audit({"train": (["a", "b"], [0, 1], ["1", "2"]), "test": (["a"], [0], ["3"])}, ["x", "o"]).across
        {'train and test': 1}
    """
    counts: dict[str, dict[str, int]] = {}
    first: dict[str, tuple[str, int, str]] = {}
    across: dict[str, int] = defaultdict(int)
    doubles, conflicts, examples = 0, [], []
    for part, (hashes, labels, names) in parts.items():
        counted = np.bincount(np.asarray(labels, int), minlength=len(class_names)).tolist()
        counts[part] = dict(zip(class_names, counted, strict=True))
        for digest, label, name in zip(hashes, labels, names, strict=True):
            if digest not in first:
                first[digest] = (part, int(label), name)
                continue
            earlier_part, earlier_label, earlier = first[digest]
            if earlier_label != int(label):
                conflicts.append((earlier, name))
            if earlier_part == part:
                doubles += 1
            else:
                across[f"{earlier_part} and {part}"] += 1
                examples.append((earlier, name))
    return Audit(counts, doubles, dict(across), conflicts, examples, dict(unreadable or {}))
