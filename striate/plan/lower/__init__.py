"""Lowering: for each op, which kernels run it, with what arguments and why.

A rule is a function `rule(node, cpu) -> list[Launch] | None`, entered by `@lowers("op", ...)`. It looks at shapes,
attributes and the processor alone, never at a clock, so that the same model gives the same plan everywhere on such a
processor. `None` means that no kernel fits: the op then runs by its NumPy reference, and the plan says so.
"""

from __future__ import annotations

from collections.abc import Callable

RULES: dict[str, Callable] = {}
PREFERRED: dict[str, Callable] = {}
"""Rules that are asked first: algorithms that round differently from the plain sum (Winograd's), which
`striate.config` can switch off."""


def lowers(*ops: str, preferred: bool = False, reals: int = 0):
    """Enters the decorated rule for the named ops. reals: the first so many inputs must be float32, for its kernels
    read nothing else; otherwise the rule is not asked, and no kernel fits."""
    def enter(rule):
        def checked(node, cpu):
            fits = all(value.dtype == "float32" for value in node.inputs[:reals])
            return rule(node, cpu) if fits else None
        for op in ops:
            (PREFERRED if preferred else RULES)[op] = checked
        return rule
    return enter
