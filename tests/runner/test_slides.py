"""Damage that text recognition and slides do to code, and its repair."""

import ast

import pytest

from striate.runner.slides import repair


@pytest.mark.parametrize(("damaged", "expected"), [
    ("x = \u201crelu\u201d\ny = \u2018same\u2019", 'x = "relu"\ny = \'same\''),
    ("a = 3 \u2212 1\u00a0+ 2", "a = 3 - 1 + 2"),
    ("1 x = 1\n2 y = 2\n 3 z = 3", "x = 1\ny = 2\nz = 3"),
    ("1  if x:\n2      y = 2", "if x:\n    y = 2"),
    ("Conv2D(64, input shape=[28, 28, 1])", "Conv2D(64, input_shape=[28, 28, 1])"),
    ("history = model.fit(X train, y train, validation data=[X valid, y valid])",
     "history = model.fit(X_train, y_train, validation_data=[X_valid, y_valid])"),
    ('compile(loss="sparse categorical crossentropy")', 'compile(loss="sparse_categorical_crossentropy")'),
    ('print("two words")  # pretend we have', 'print("two words")  # pretend we have'),
    ("Sequential([\n    Dense(1),\n1)", "Sequential([\n    Dense(1),\n])"),
    ("f(g([\n    1,\nl))", "f(g([\n    1,\n]))"),
    ('Conv2D(128, activation="re\n    lu")', 'Conv2D(128, activation="relu")'),
    ("from a import B, C,\nfrom a import D", "from a import B, C\nfrom a import D"),
    ('model.compile(loss="mse", optimizer=opt,\nhistory = model.fit(x)',
     'model.compile(loss="mse", optimizer=opt)\nhistory = model.fit(x)'),
    ("f(x,\n  y)\nz = 2", "f(x,\n  y)\nz = 2"),
    (">>> x = 1\nIn [3]: y = 2", "x = 1\ny = 2"),
    ("x = 1\nEpoch 1/10\n55000/55000 [=====] - 51s", "x = 1\n# Epoch 1/10\n# 55000/55000 [=====] - 51s"),
    ("  \u2022 Now we can train\nx = 1", "# \u2022 Now we can train\nx = 1"),
    ("Compiling the model\nx = 1", "# Compiling the model\nx = 1"),
    ("Prose = not code\n```\nx = 1\n```\nmore (prose", "# Prose = not code\nx = 1\n# more (prose"),
    ("    x = 1\n    y = 2", "x = 1\ny = 2"),
])
def test_each_kind_of_damage(damaged, expected):
    repaired = repair(damaged)
    assert repaired.text == expected + "\n"
    assert repaired.problem == ""


@pytest.mark.parametrize("code", [
    "def f(a, *, b=None):\n    return a if b is not None else [x for x in a]\n",
    "text = 'one \"two\" three'\nlong = '''a b\nc d'''\nx = {'a b': [1, 2, 3]}\n",
    "count: int = 0\nif not count and True: print('in order')\n",
    "with open('a file') as f:\n    for i in range(3): pass\n",
    "x = f(\n    1,\n    2,\n)\nglobal_name = lambda a: a\n",
    "model.add(Dense(1))  # it's fine: 2 layers (so far)\n",
])
def test_sound_code_stays_as_it_is(code):
    ast.parse(code)
    repaired = repair(code)
    assert repaired.text == code and repaired.changes == () and repaired.difference() == ""


def test_the_difference_is_a_unified_diff():
    repaired = repair("x = \u201ca\u201d\ny = 1\n")
    assert repaired.difference("deck.txt").splitlines() == [
        "--- deck.txt", "+++ deck.txt (repaired)", "@@ -1,2 +1,2 @@", "-x = \u201ca\u201d", '+x = "a"', " y = 1"]
    assert repaired.changes == ("typographic characters",)


def test_what_cannot_be_repaired_is_said():
    assert repair("x = 1\ny = = 2\n").problem.startswith("line 2:")
