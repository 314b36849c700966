"""Adds up what tests counted: kills survived, faults injected, files damaged, long runs.

    python -m pytest tests/reliability tests/attacks --junitxml=build/tests.xml
    python -m tests.reliability.figures build/tests.xml
"""

import sys
from collections import Counter
from xml.etree import ElementTree

COUNTED = {"kills": "kills survived", "faults": "faults injected", "damages": "damaged files loaded or refused",
           "descriptions": "hostile descriptions loaded or refused",
           "architectures": "random networks that other programs agree with"}


def figures(path: str) -> list[str]:
    """A line for each kind of figure, and one for each long run. Tests that failed are told instead."""
    totals, lines = Counter(), []
    for case in ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            lines.append(f"FAILED {case.get('classname')}::{case.get('name')}")
        for item in case.iter("property"):
            name, value = item.get("name"), item.get("value")
            if name in COUNTED:
                totals[name] += int(value)
            elif name == "soak":
                lines.append(f"soak: {value}")
    return [*(f"{totals[name]:7,} {said}" for name, said in COUNTED.items() if totals[name]), *lines]


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print("\n".join(figures(path)))
