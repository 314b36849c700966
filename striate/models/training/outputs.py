"""A model's outputs as a flat list with names, and targets, weights, losses or metrics brought into that order."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError, DataError, received
from striate.models.structure import flatten, is_nested, pack


class Outputs:
    """The nest of a model's symbolic outputs.

    tensors: the outputs in order. names: one for each; dict keys, or the names of the layers that made them.

    Example:
        >>> from striate.layers import KerasTensor
        >>> Outputs({"b": KerasTensor((None, 1)), "a": KerasTensor((None, 2))}).names
        ['a', 'b']
    """

    def __init__(self, structure: Any, names: list[str] | None = None):
        self.structure, self.tensors = structure, flatten(structure)
        if isinstance(structure, dict) and len(structure) == len(self.tensors):
            names = sorted(structure)
        self.names = names or [f"output_{index + 1}" for index in range(len(self.tensors))]
        self.names = _distinct(self.names)

    def __len__(self) -> int:
        return len(self.tensors)

    def align(self, given: Any, what: str) -> list:
        """One item for each output, out of an array, a list or a dict by output name.

        Raises:
            DataError: not one for each output, or an unknown name.
        """
        if isinstance(given, dict):
            unknown = [key for key in given if key not in self.names]
            if unknown:
                raise DataError(f"`{what}` names an output that the model does not have: {unknown[0]!r}. Its outputs "
                                f"are {', '.join(self.names)}. {received(keys=list(given))}")
            return [given.get(name) for name in self.names]
        items = flatten(given) if is_nested(given) else [given]
        if len(items) != len(self):
            plural = "s" if len(self) > 1 else ""
            raise DataError(f"The model has {len(self)} output{plural} ({', '.join(self.names)}), so `{what}` must "
                            f"hold {len(self)} array{plural}. {received(arrays=len(items))}")
        return items

    def options(self, given: Any, what: str) -> list:
        """One option (a loss, a weight, a list of metrics) for each output; a single one holds for all.

        Raises:
            ArgumentError: a list of the wrong length, or an unknown name.
        """
        if isinstance(given, dict):
            unknown = [key for key in given if key not in self.names]
            if unknown:
                raise ArgumentError(f"`{what}` names an output that the model does not have: {unknown[0]!r}. Its "
                                    f"outputs are {', '.join(self.names)}. {received(**{what: given})}")
            return [given.get(name) for name in self.names]
        if isinstance(given, (list, tuple)):
            if len(given) != len(self):
                raise ArgumentError(f"`{what}` must have one entry for each of the model's {len(self)} outputs "
                                    f"({', '.join(self.names)}). {received(**{what: given})}")
            return list(given)
        return [given] * len(self)

    def pack(self, items: list) -> Any:
        """Items in the nest of the outputs."""
        return pack(self.structure, items)


def _distinct(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        result.append(f"{name}_{count}" if count else name)
    return result
