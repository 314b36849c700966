"""`Optimizer`: how gradients change weights.

The weights of a model lie in one flat vector, so a step is one formula over that vector and the slots beside it. The
numbers of a step (learning rate, bias corrections ...) are computed in float64 outside the program and handed in:

    function(x, y, optimizer.scalars())      # the program calls optimizer.update(gradients, scalars)
    optimizer.advance()
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from striate import naming, ops
from striate.adaptations import note
from striate.errors import ArgumentError, TypeMismatchError, received
from striate.optimizers.keras_calls import KerasCalls, with_common_arguments
from striate.optimizers.schedules import LearningRateSchedule, rate_at
from striate.optimizers.schedules import deserialize as deserialize_schedule
from striate.serialization import Configurable, constructor_arguments, export, serialize_argument
from striate.variables import FlatGroup, Variable

COMMON = ("name", "learning_rate", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema",
          "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps")


@dataclass
class Target:
    """What one application of the formula changes: all weights at once as one vector, or one variable."""

    variable: Variable
    slots: dict[str, Variable] = field(default_factory=dict)
    decay_mask: Any = None


def _once_a_list(build):
    """A `build` that returns at once when the optimiser is built for these very variables."""
    @functools.wraps(build)
    def wrapped(self, variables):
        return None if self._is_built_for(variables) else build(self, variables)
    return wrapped


@export("keras.optimizers.Optimizer", "keras.Optimizer")
class Optimizer(KerasCalls, Configurable):
    """Base of all optimisers.

    A subclass of striate's own gives `numbers` and `formula`; one written for Keras gives `update_step`.

    Args:
        learning_rate: a number, a schedule, or a function without arguments; `lr` is the older name.
        weight_decay: share of each weight, times the learning rate, that is taken off at every step.
        clipnorm: longest gradient of one variable; clipvalue: largest gradient of one weight; global_clipnorm: longest
            gradient of all weights together. At most one of the three.
        use_ema: whether an average of the weights is kept, with `ema_momentum`; it replaces the weights every
            `ema_overwrite_frequency` steps, and at the end of training.
        loss_scale_factor: the loss is multiplied by it and the gradients divided.
        gradient_accumulation_steps: how many batches make one step.
        name: a name.
        decay: of older Keras: the rate is divided by 1 + decay * iterations.

    Raises:
        ArgumentError: an argument is not known or cannot work.
    """

    fused_decay = False
    whole = True
    copies_of_weights: tuple[str, ...] = ()  # slots that begin as the weights do

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _once_a_list(vars(cls)["build"])
        cls.__init__ = with_common_arguments(cls.__init__, Optimizer.__init__)  # type: ignore[method-assign]

    def __init__(self, learning_rate=0.001, weight_decay=None, clipnorm=None, clipvalue=None, global_clipnorm=None,
                 use_ema=False, ema_momentum=0.99, ema_overwrite_frequency=None, loss_scale_factor=None,
                 gradient_accumulation_steps=None, name=None, **kwargs):
        self.name = naming.given(name, type(self).__name__)
        self.decay = float(kwargs.pop("decay", None) or 0.0)
        if "lr" in kwargs:
            if not note("lr -> learning_rate"):
                warnings.warn("The `lr` argument is the older name of `learning_rate`.", DeprecationWarning,
                              stacklevel=3)
            learning_rate = kwargs.pop("lr")
        if self.decay:
            note("decay honoured")
        if kwargs:
            raise ArgumentError(f"Argument(s) not recognized: {kwargs}")
        self.weight_decay, self.loss_scale_factor = weight_decay, loss_scale_factor
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum, self.ema_overwrite_frequency = use_ema, ema_momentum, ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check()
        self._iterations = self._named(Variable(np.int32(0), name="iteration", trainable=False))
        self._set_rate(learning_rate)
        self.built = self.averages_in_place = False  # in place of the weights: `SwapEMAWeights` says it
        self.group: FlatGroup | None = None
        self.targets: list[Target] = []
        self._trainable_variables: list[Variable] = []
        self._slot_variables: list[Variable] = []
        self._excluded: tuple[set[int], re.Pattern | None] = (set(), None)

    def _check(self) -> None:
        if sum(limit is not None for limit in (self.clipnorm, self.clipvalue, self.global_clipnorm)) > 1:
            raise ArgumentError("Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                                + received(clipnorm=self.clipnorm, clipvalue=self.clipvalue,
                                           global_clipnorm=self.global_clipnorm))
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            raise ArgumentError("`ema_momentum` must be in the range [0, 1]. "
                                + received(ema_momentum=self.ema_momentum))
        steps = self.gradient_accumulation_steps
        if steps is not None and (not isinstance(steps, int) or steps < 2):
            raise ArgumentError("`gradient_accumulation_steps` must be an integer >= 2. "
                                + received(gradient_accumulation_steps=steps))

    def _named(self, variable: Variable) -> Variable:
        variable.path = f"{self.name}/{variable.name}"
        return variable

    # ---- learning rate and steps --------------------------------------------------------------------------------

    def _set_rate(self, rate) -> None:
        if isinstance(rate, dict):
            rate = deserialize_schedule(rate)
        if isinstance(rate, Variable) or callable(rate):
            self._learning_rate: Any = rate
        elif isinstance(rate, (int, float, np.number)) or np.ndim(rate) == 0 and hasattr(rate, "dtype"):
            self._learning_rate = self._named(Variable(np.float32(rate), name="learning_rate", trainable=False))
        else:
            raise TypeMismatchError("Argument `learning_rate` should be float, or an instance of LearningRateSchedule, "
                                    "or a callable. " + received(learning_rate=rate))

    @property
    def learning_rate(self):
        """The learning rate: a variable that can be read as a number and assigned, or what the schedule gives now."""
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return np.float32(self._current_rate())

    @learning_rate.setter
    def learning_rate(self, rate) -> None:
        if isinstance(rate, LearningRateSchedule) or callable(rate):
            self._learning_rate = rate
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(np.float32(rate))
        else:
            raise TypeMismatchError("This optimizer was created with a `LearningRateSchedule` object as its "
                                    "`learning_rate` constructor argument, hence its learning rate is not settable. "
                                    "Give a float `learning_rate` if you need to set it later.")

    lr = learning_rate

    @property
    def iterations(self):
        """How many steps were made (with gradient accumulation: how many updates)."""
        steps = self.gradient_accumulation_steps
        return self._iterations if not steps else int(self._iterations.array) // steps

    def _current_rate(self) -> float:
        """The rate of the next step, in float64."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            number = float(rate.array)
        elif isinstance(rate, LearningRateSchedule):
            number = rate_at(rate, int(self._iterations.array))
        else:
            number = float(np.asarray(rate()))
        return number / (1.0 + self.decay * int(self._iterations.array))

    def advance(self) -> None:
        """One step was made."""
        self._iterations.assign(self._iterations.array + np.int32(1))

    # ---- slots --------------------------------------------------------------------------------------------------

    def slot_groups(self) -> list[tuple[str, ...]]:
        """Names of the slots that each weight has; names in one tuple alternate in the list of variables."""
        return []

    def slot_start(self, name: str) -> float:
        """The number that a slot begins with."""
        return 0.0

    def _is_built_for(self, variables: Sequence[Variable]) -> bool:
        same = len(variables) == len(self._trainable_variables) and all(
            one is other for one, other in zip(variables, self._trainable_variables, strict=True))
        return self.built and same

    def build(self, variables: Sequence[Variable]) -> None:
        """Lays the variables into one vector and makes the slots; those of variables known before keep their values.

        Args:
            variables: the trainable variables of the model.
        """
        if self._is_built_for(variables):
            if self.group is not None:
                self.group.take_back()
            return
        variables = list(variables)
        if self.gradient_accumulation_steps and self._by_update_step:
            raise ArgumentError(f"`gradient_accumulation_steps` works with striate's own optimisers, not with the "
                                f"`update_step` of {type(self).__name__}. "
                                + received(gradient_accumulation_steps=self.gradient_accumulation_steps))
        before = {(slot.path, slot.owner): slot.array for slot in self._slot_variables}
        self._trainable_variables, self._slot_variables = variables, []
        names = [*([("average",)] if self.use_ema else []),
                 *([("gradient_accumulator",)] if self.gradient_accumulation_steps else []),
                 *([] if self._by_update_step else self.slot_groups())]
        if self.whole and not self._by_update_step:
            self.group = self._flat_group(variables)
            self.targets = [Target(self.group.flat, decay_mask=self._flat_decay_mask())]
        else:
            self.group = None
            self.targets = [Target(v, decay_mask=None if self._decays(v) else np.float32(0)) for v in variables]
        for alternating in names:
            self._make_slots(alternating)
        for slot in self._slot_variables:
            known = before.get((slot.path, slot.owner))
            if known is not None and known.shape == slot.shape:
                slot.assign(known)
        self.built = True

    @staticmethod
    def _flat_group(variables: list[Variable]) -> FlatGroup:
        """The group in which exactly these variables lie already, else a new one."""
        group = variables[0].group if variables else None
        if group is not None and len(group.variables) == len(variables) and all(
                one is other and one.group is group for one, other in zip(variables, group.variables, strict=True)):
            return group
        return FlatGroup(variables)

    def _make_slots(self, names: tuple[str, ...]) -> None:
        """Slots for every weight: a group of the same layout, or one variable for each target."""
        made: dict[str, Sequence[Variable | None]] = {}
        for name in names:
            if self.group is not None:
                group = self.group.like(name)
                group.flat.array[...] = self._first_values(self.targets[0], name)
                self.targets[0].slots[name] = group.flat
                made[name] = group.variables
            else:
                made[name] = [self._slot_of(target, name) for target in self.targets]
        for index, variable in enumerate(self._trainable_variables):
            for name in names:
                slot = made[name][index]
                if slot is None:
                    continue
                slot.name = f"{variable.path.replace('/', '_')}_{name}"
                slot.path, slot.owner = f"{self.name}/{slot.name}", variable
                self._slot_variables.append(slot)

    def _slot_of(self, target: Target, name: str) -> Variable | None:
        shape = self.slot_shape(name, target.variable)
        if shape is None:
            return None
        target.slots[name] = Variable(np.broadcast_to(self._first_values(target, name), shape), trainable=False)
        return target.slots[name]

    def _first_values(self, target: Target, name: str):
        copied = name == "average" or name in self.copies_of_weights
        return target.variable.array if copied else np.float32(self.slot_start(name))

    def slot_shape(self, name: str, variable: Variable) -> tuple | None:
        """The shape of a slot of a variable: the variable's own unless overridden (only if not `whole`), None for no
        such slot."""
        return variable.shape

    @property
    def variables(self) -> list[Variable]:
        """Iterations, learning rate (unless scheduled), then the slots, in the order of Keras' files."""
        rate = [self._learning_rate] if isinstance(self._learning_rate, Variable) else []
        return [self._iterations, *rate, *self._slot_variables]

    # ---- one step -----------------------------------------------------------------------------------------------

    def numbers(self, rate: float, step: int, decay: float) -> list[float]:
        """The numbers of the formula for a step (counted from 1)."""
        return [rate]

    def formula(self, w, g, slots: dict[str, Any], s) -> tuple[Any, dict[str, Any]]:
        """The new weights and the new slots, from weights, gradient, slots and the vector of `numbers`."""
        raise NotImplementedError(f"{type(self).__name__} has neither `formula` nor `update_step`.")

    def update_step(self, gradient, variable, learning_rate):
        """Keras' way to write an optimiser: assigns to one variable and its slots. Override it instead of `formula`."""
        raise NotImplementedError(f"{type(self).__name__} has no `update_step`.")

    @property
    def _by_update_step(self) -> bool:
        return type(self).update_step is not Optimizer.update_step

    def scalars(self) -> np.ndarray:
        """float32: the numbers of the coming step, then those of decay, accumulation and averaging if they are used."""
        step = int(self._iterations.array)
        updates = step // (self.gradient_accumulation_steps or 1)
        rate = self._current_rate()
        decay = rate * (self.weight_decay or 0.0)
        in_formula = decay if self.fused_decay and not self._separate_decay else 0.0
        values = [rate] if self._by_update_step else list(self.numbers(rate, updates + 1, in_formula))
        values += self._extra_numbers(step, updates, decay).values()
        return np.array(values, np.float64).astype(np.float32)

    @property
    def _separate_decay(self) -> bool:
        """Whether weight decay is a step of its own in the program."""
        masked = any(target.decay_mask is not None for target in self.targets)
        return bool(self.weight_decay) and (masked or not self.fused_decay or self._by_update_step)

    def _extra_numbers(self, step: int, updates: int, decay: float) -> dict[str, float]:
        extra = {}
        if self._separate_decay:
            extra["decay"] = decay
        if self.gradient_accumulation_steps:
            extra["due"] = float((step + 1) % self.gradient_accumulation_steps == 0)
        if self.use_ema:
            extra["ema"] = self.ema_momentum if updates else 0.0
            extra["overwrite"] = float(bool(self.ema_overwrite_frequency)
                                       and (updates + 1) % self.ema_overwrite_frequency == 0)
        return extra

    def update(self, gradients: Sequence, scalars, flat=None) -> None:
        """Assigns the new weights and slots; in a traced program, at its end.

        Args:
            gradients: one for each variable of `build`.
            scalars: what `scalars()` gave, as an array or an input of the program.
            flat: the same gradients as one vector in the layout of the weights, if they lie so already.
        """
        given = list(gradients)
        names = list(self._extra_numbers(0, 0, 0.0))
        count = scalars.shape[0] - len(names)
        extra = {name: scalars[count + index] for index, name in enumerate(names)}
        if self.loss_scale_factor is not None:
            gradients = [g / float(self.loss_scale_factor) for g in gradients]
        if not self.gradient_accumulation_steps:
            gradients = self._limited(list(gradients))
        if self.group is not None:
            untouched = all(one is other for one, other in zip(gradients, given, strict=True))
            gradients = [flat if flat is not None and untouched else self._flat(gradients)]
        vector = scalars[:count] if names else scalars
        for target, gradient in zip(self.targets, gradients, strict=True):
            self._update_target(target, gradient, vector, extra)

    def _update_target(self, target: Target, g, vector, extra: dict[str, Any]) -> None:
        w = target.variable.value
        changed: dict[str, Any] = {}
        if self._by_update_step:
            if "decay" in extra:
                target.variable.assign(self._decayed(w, target, extra))
            self.update_step(g, target.variable, vector[0])
            new = target.variable.value
        else:
            if "due" in extra:
                total = target.slots["gradient_accumulator"].value + g
                g = self._limited_parts(total / float(self.gradient_accumulation_steps))
            old = {name: slot.value for name, slot in target.slots.items()}
            new, changed = self.formula(self._decayed(w, target, extra), g, old, vector)
            if "due" in extra:
                due = ops.greater(extra["due"], 0.5)
                new = ops.where(due, new, w)
                changed = {name: ops.where(due, value, old[name]) for name, value in changed.items()}
                changed["gradient_accumulator"] = ops.where(due, 0.0, total)
        if "ema" in extra:
            average = target.slots["average"].value * extra["ema"] + new * (1.0 - extra["ema"])
            new = ops.where(ops.greater(extra["overwrite"], 0.5), average, new)
            changed["average"] = average
        new = self._constrained(target, new)
        if new is not target.variable.value:
            target.variable.assign(new)
        for name, value in changed.items():
            target.slots[name].assign(value)

    # ---- parts of a step ----------------------------------------------------------------------------------------

    @property
    def _layout(self) -> FlatGroup:
        """The vector in which all weights lie. Raises `ArgumentError` where each variable is changed by itself."""
        if self.group is None:
            raise ArgumentError("This optimizer changes each variable by itself: there is no vector of all weights. "
                                + received(optimizer=self.name, built=self.built))
        return self.group

    def _flat(self, gradients: Sequence):
        """One vector of all gradients, in the layout of the weights."""
        return ops.flat_gradients(gradients, tuple(self._layout.offsets), self._layout.size)

    def _parts(self, vector) -> list:
        """The pieces of a flat vector, one for each variable, flat as well."""
        layout = self._layout
        return [vector[start:start + v.size] for v, start in zip(layout.variables, layout.offsets, strict=True)]

    def _limited(self, gradients: list) -> list:
        """Gradients clipped as asked for."""
        if self.clipvalue:
            return [ops.clip(g, -float(self.clipvalue), float(self.clipvalue)) for g in gradients]
        if self.clipnorm:
            limit = float(self.clipnorm)
            return [g * (limit / ops.maximum(ops.sqrt(ops.sum(ops.square(g))), limit)) for g in gradients]
        if self.global_clipnorm:
            limit = float(self.global_clipnorm)
            square = None
            for g in gradients:
                part = ops.sum(ops.square(g))
                square = part if square is None else square + part
            scale = limit / ops.maximum(ops.sqrt(square), limit)
            return [g * scale for g in gradients]
        return gradients

    def _limited_parts(self, gradient):
        """The same for a gradient that was accumulated, which may be a flat vector."""
        if not (self.clipnorm or self.clipvalue or self.global_clipnorm):
            return gradient
        if self.group is None or not self.clipnorm:
            return self._limited([gradient])[0]
        return self._flat(self._limited(self._parts(gradient)))

    def _decayed(self, w, target: Target, extra: dict[str, Any]):
        """Weights less weight decay, where that is a step of its own."""
        if "decay" not in extra:
            return w
        share = extra["decay"] if target.decay_mask is None else extra["decay"] * target.decay_mask
        return w - w * share

    def _constrained(self, target: Target, w):
        """Weights after the constraints of their variables."""
        if self.group is None:
            constraint = target.variable.constraint
            return w if constraint is None else constraint(w)
        if all(v.constraint is None for v in self.group.variables):
            return w
        parts = self._parts(w)
        for index, v in enumerate(self.group.variables):
            if v.constraint is not None:
                parts[index] = ops.reshape(v.constraint(ops.reshape(parts[index], v.shape)), (v.size,))
        return self._flat(parts)

    # ---- weight decay for some ----------------------------------------------------------------------------------

    def exclude_from_weight_decay(self, var_list=None, var_names=None) -> None:
        """Spares variables, or those whose names contain one of the given patterns, from weight decay."""
        if self.built:
            raise ArgumentError("`exclude_from_weight_decay()` can only be configured before the optimizer is built.")
        self._excluded = ({id(variable) for variable in var_list or ()},
                          re.compile("|".join(sorted(var_names))) if var_names else None)

    def _decays(self, variable: Variable) -> bool:
        variables, pattern = self._excluded
        return id(variable) not in variables and not (pattern and pattern.search(variable.name))

    def _flat_decay_mask(self):
        """1 for weights that decay and 0 for others; None when all do."""
        if all(self._decays(variable) for variable in self._trainable_variables):
            return None
        mask = np.zeros(self.group.size, np.float32)
        for variable, start in zip(self.group.variables, self.group.offsets, strict=True):
            mask[start:start + variable.size] = self._decays(variable)
        return mask

    # ---- the end of training, files -----------------------------------------------------------------------------

    def finalize_variable_values(self, var_list) -> None:
        """At the end of training the average of the weights takes their place, if one is kept."""
        for target in self.targets if self.use_ema else ():
            average, weights = target.slots["average"], target.variable
            average.assign(weights.numpy()) if self.averages_in_place else weights.assign(average.array)

    def save_own_variables(self, store) -> None:
        """Writes all variables as "0", "1" ... into a mapping."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store) -> None:
        """Reads what `save_own_variables` wrote; warns and reads nothing when the number of variables differs."""
        if len(store.keys()) != len(self.variables):
            warnings.warn(f"Skipping variable loading for optimizer '{self.name}', because it has "
                          f"{len(self.variables)} variables whereas the saved optimizer has {len(store.keys())} "
                          "variables.", stacklevel=2)
            return
        for index, variable in enumerate(self.variables):
            variable.assign(np.asarray(store[str(index)]))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        rate = self._learning_rate
        config = {name: getattr(self, name) for name in COMMON if name != "learning_rate"}
        config["learning_rate"] = float(rate.array) if isinstance(rate, Variable) else serialize_argument(rate)
        if self.decay:
            config["decay"] = self.decay
        for name in constructor_arguments(type(self)):
            if name not in config:
                config[name] = serialize_argument(getattr(self, name))
        return config
