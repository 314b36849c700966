"""Optimisers inside programs, older spellings, user's own, constraints, and the flat vector of weights."""

import numpy as np
import pytest

from striate import constraints, naming, ops, optimizers
from striate.engine import Function
from striate.errors import ArgumentError, ShapeError, TypeMismatchError
from striate.variables import FlatGroup, Variable

SHAPES = [(5, 3), (3,), (2, 2, 3)]


def new_variables():
    random = np.random.RandomState(0)
    return [Variable(random.randn(*shape), name=f"v{index}") for index, shape in enumerate(SHAPES)]


def gradients_of(step):
    random = np.random.RandomState(100 + step)
    return [random.randn(*shape).astype("float32") for shape in SHAPES]


def steps_at_once(optimizer, variables, count):
    for step in range(count):
        optimizer.apply_gradients(zip(gradients_of(step), variables, strict=True))


def steps_in_a_program(optimizer, variables, count):
    optimizer.build(variables)
    program = Function(lambda scalars, *gradients: (optimizer.update(gradients, scalars), scalars[0])[1], "step")
    for step in range(count):
        program(optimizer.scalars(), *gradients_of(step))
        optimizer.advance()


OPTIMIZERS = [("SGD", {}), ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
              ("SGD", {"clipnorm": 0.5}),
              ("Adam", {"learning_rate": 0.01}), ("Adam", {"amsgrad": True}), ("AdamW", {"global_clipnorm": 1.0}),
              ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2}),
              ("RMSprop", {"momentum": 0.5, "centered": True}), ("Adagrad", {}), ("Adadelta", {}), ("Adamax", {}),
              ("Nadam", {}), ("Ftrl", {}), ("Lion", {"weight_decay": 0.1}), ("Lamb", {}), ("Adafactor", {})]


@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS, ids=[f"{i}_{row[0]}" for i, row in enumerate(OPTIMIZERS)])
def test_program_and_direct_steps_agree(name, arguments):
    direct, traced = new_variables(), new_variables()
    one, other = (getattr(optimizers, name)(**arguments) for _ in range(2))
    steps_at_once(one, direct, 4)
    steps_in_a_program(other, traced, 4)
    for a, b in zip(direct + one.variables, traced + other.variables, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=2e-5, atol=1e-6, err_msg=a.path)


def test_lr_and_decay_of_older_keras():
    with pytest.warns(DeprecationWarning, match="older name"):
        optimizer = optimizers.SGD(lr=0.5, momentum=0, decay=0.25)
    variable = Variable(np.zeros(1))
    moves = []
    for _ in range(3):
        before = variable.numpy()
        optimizer.apply_gradients([(np.ones(1), variable)])
        moves.append(float((before - variable.numpy())[0]))
    np.testing.assert_allclose(moves, [0.5 / (1 + 0.25 * i) for i in range(3)], rtol=1e-6)
    assert optimizer.get_config()["decay"] == 0.25


def test_learning_rate_reads_and_writes_under_both_names():
    optimizer = optimizers.Adam()
    assert float(optimizer.lr) == float(optimizer.learning_rate) == np.float32(0.001)
    optimizer.learning_rate = 0.5
    assert float(optimizer.lr) == 0.5
    optimizer.lr = 0.25
    optimizer.learning_rate.assign(np.float32(2.0))
    assert optimizer.get_config()["learning_rate"] == 2.0


def test_scheduled_rate_is_read_only_but_for_schedules():
    optimizer = optimizers.SGD(optimizers.schedules.ExponentialDecay(1.0, 1, 0.5))
    variable = Variable(np.zeros(1))
    optimizer.apply_gradients([(np.ones(1), variable)])
    optimizer.apply_gradients([(np.ones(1), variable)])
    assert float(variable.numpy()[0]) == -1.5 and float(optimizer.learning_rate) == 0.25
    with pytest.raises(TypeMismatchError, match="not settable"):
        optimizer.learning_rate = 0.1
    again = optimizers.SGD.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()


def test_schedule_of_the_user_may_use_ops():
    class Half(optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 1.0 / (ops.cast(step, "float32") + 2.0)

    assert optimizers.SGD(Half()).scalars()[0] == np.float32(0.5)


def test_optimizer_of_the_user_by_update_step():
    class Plain(optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, **kwargs):
            super().__init__(learning_rate, **kwargs)

        def build(self, variables):
            super().build(variables)
            self.momenta = [self.add_variable_from_reference(v, name="momentum") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            m = self.momenta[self._get_variable_index(variable)]
            self.assign(m, ops.subtract(ops.multiply(m, 0.9), ops.multiply(gradient, learning_rate)))
            self.assign_add(variable, m)

    one, other = new_variables(), new_variables()
    steps_in_a_program(Plain(), one, 3)
    steps_at_once(optimizers.SGD(0.1, momentum=0.9), other, 3)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


def test_constraints_hold_after_each_step():
    variables = new_variables()
    variables[0].constraint = constraints.MaxNorm(0.5)
    steps_in_a_program(optimizers.SGD(1.0), variables, 2)
    assert np.linalg.norm(variables[0].numpy(), axis=0).max() <= 0.5 + 1e-5
    assert np.linalg.norm(variables[2].numpy()) > 0.5


def test_weights_of_a_model_are_one_vector_shared_by_its_optimizers():
    variables = new_variables()
    one, other = optimizers.Adam(), optimizers.SGD()
    one.build(variables)
    other.build(variables)
    assert one.group is other.group
    assert all(v.group is one.group for v in variables)


def test_build_for_more_variables_keeps_known_slots():
    variables = new_variables()
    optimizer = optimizers.Adam()
    optimizer.apply_gradients(zip(gradients_of(0)[:2], variables[:2], strict=True))
    before = {v.path: v.numpy() for v in optimizer.variables}
    optimizer.build(variables)
    after = {v.path: v.numpy() for v in optimizer.variables}
    assert len(after) == len(before) + 2
    assert all((after[path] == value).all() for path, value in before.items())


def test_optimizer_notices_that_variables_moved():
    variables = new_variables()
    optimizer = optimizers.SGD(1.0)
    optimizer.build(variables)
    FlatGroup(variables[:2])
    before = [v.numpy() for v in variables]
    optimizer.apply_gradients(zip(gradients_of(0), variables, strict=True))
    for variable, start, gradient in zip(variables, before, gradients_of(0), strict=True):
        np.testing.assert_allclose(variable.numpy(), start - gradient, rtol=1e-6)


def test_weight_decay_spares_excluded_variables():
    variables = new_variables()
    optimizer = optimizers.AdamW(weight_decay=0.5, learning_rate=0.1)
    optimizer.exclude_from_weight_decay(var_names=["v1"])
    starts = [v.numpy() for v in variables]
    optimizer.apply_gradients([(np.zeros(shape), v) for shape, v in zip(SHAPES, variables, strict=True)])
    np.testing.assert_allclose(variables[1].numpy(), starts[1], rtol=1e-6)
    np.testing.assert_allclose(variables[0].numpy(), starts[0] * 0.95, rtol=1e-6)


def test_state_travels_through_a_mapping():
    one, other = optimizers.Nadam(), optimizers.Nadam()
    a, b = new_variables(), new_variables()
    steps_at_once(one, a, 3)
    other.build(b)
    store = {}
    one.save_own_variables(store)
    other.load_own_variables(store)
    for v, w in zip(b, a, strict=True):
        v.assign(w.numpy())
    steps_at_once(one, a, 2)
    steps_at_once(other, b, 2)
    assert all((v.numpy() == w.numpy()).all() for v, w in zip(a, b, strict=True))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: optimizers.SGD(momentum=2.0), "between \\[0, 1\\]"),
    (lambda: optimizers.Adam(beta1=0.9), "not recognized: {'beta1': 0.9}"),
    (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=1.0), "Only one of"),
    (lambda: optimizers.Adam(gradient_accumulation_steps=1), "integer >= 2"),
    (lambda: optimizers.get("adamm"), "no optimizer of this name"),
])
def test_mistakes_are_explained(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize("identifier", ["adam", "Adam", "ADAM", optimizers.Adam, optimizers.Adam(name="x"),
                                        {"class_name": "Adam", "config": {}},
                                        {"module": "keras.optimizers", "class_name": "Adam", "config": {}}])
def test_optimizers_are_found_by_any_spelling(identifier):
    naming.clear_session()
    assert isinstance(optimizers.get(identifier), optimizers.Adam)


def test_loss_scaling_is_accepted_and_changes_nothing():
    def trained(optimizer):
        variable = Variable(np.array([1.0, -2.0], np.float32), name="w")
        for _ in range(3):
            optimizer.apply_gradients([(np.array([0.5, 0.25], np.float32), variable)])
        return variable.numpy()
    wrapped = optimizers.LossScaleOptimizer(optimizers.Adam(0.1))
    np.testing.assert_array_equal(trained(wrapped), trained(optimizers.Adam(0.1)))
    assert int(wrapped.iterations) == 3 and float(wrapped.learning_rate) == np.float32(0.1)
    again = optimizers.deserialize(optimizers.serialize(wrapped))
    assert isinstance(again.inner_optimizer, optimizers.Adam)
    wrapped.learning_rate = 0.5
    assert float(wrapped.inner_optimizer.learning_rate) == 0.5


class OwnDescent(optimizers.SGD):
    """An optimizer that is not registered."""


def test_a_scaled_loss_brings_back_an_optimizer_of_the_users_own():
    config = optimizers.LossScaleOptimizer(OwnDescent(0.1)).get_config()
    with pytest.raises(ArgumentError, match="OwnDescent"):
        optimizers.LossScaleOptimizer.from_config(config)
    again = optimizers.LossScaleOptimizer.from_config(config, custom_objects={"OwnDescent": OwnDescent})
    assert isinstance(again.inner_optimizer, OwnDescent)


def test_weights_of_an_optimizer_are_replaced():
    optimizer, variable = optimizers.Adam(0.1), Variable(np.float32([1, 2]), name="v")
    with pytest.raises(ArgumentError, match="has not yet been built"):
        optimizer.set_weights([])
    optimizer.build([variable])
    values = [np.int32(3), np.float32(0.5), np.float32([3, 4]), np.float32([5, 6])]
    optimizer.set_weights(values)
    assert [v.numpy().tolist() for v in optimizer.variables] == [3, 0.5, [3, 4], [5, 6]]
    with pytest.raises(ShapeError, match="not compatible with provided weight shape"):
        optimizer.set_weights([*values[:3], np.zeros(3)])
    with pytest.raises(ArgumentError, match="has 4 variables"):
        optimizer.set_weights(values[1:])


def test_a_loss_is_scaled():
    assert optimizers.SGD(loss_scale_factor=3.0).scale_loss(2.0) == 6.0 and optimizers.SGD().scale_loss(2.0) == 2.0


@pytest.mark.parametrize("arguments", [{"use_ema": True}, {"gradient_accumulation_steps": 2}])
def test_muon_averages_and_accumulates(arguments):
    variables = new_variables()
    before = [v.numpy() for v in variables]
    steps_at_once(optimizers.Muon(0.1, **arguments), variables, 2)
    assert all(np.abs(v.numpy() - old).min() > 0 for v, old in zip(variables, before, strict=True))


def test_an_optimizer_with_a_schedule_of_the_users_own_comes_back():
    class Halved(optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5
    config = {"learning_rate": {"class_name": "Halved", "config": {}}, "momentum": 0.5}
    again = optimizers.SGD.from_config(config, custom_objects={"Halved": Halved})
    assert again.learning_rate == 0.5 and again.momentum == 0.5
