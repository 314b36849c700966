"""The summary: Keras 3's table to the letter, and the older plain one."""

import pytest

from striate import Input, Model, Sequential, layers
from striate.errors import ArgumentError
from striate.models.summary import readable_size

pytestmark = pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")

KERAS_3 = """\
Model: "net"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ conv (Conv2D)                   │ (None, 124, 124, 32)   │           832 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ pool (MaxPooling2D)             │ (None, 31, 31, 32)     │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ flat (Flatten)                  │ (None, 30752)          │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ last (Dense)                    │ (None, 2)              │        61,506 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 62,338 (243.51 KB)
 Trainable params: 62,338 (243.51 KB)
 Non-trainable params: 0 (0.00 B)
"""

KERAS_2 = """\
Model: "net"
_________________________________________________________________
Layer (type)                 Output Shape              Param #   
=================================================================
conv (Conv2D)                (None, 124, 124, 32)      832       
_________________________________________________________________
pool (MaxPooling2D)          (None, 31, 31, 32)        0         
_________________________________________________________________
flat (Flatten)               (None, 30752)             0         
_________________________________________________________________
last (Dense)                 (None, 2)                 61506     
=================================================================
Total params: 62,338
Trainable params: 62,338
Non-trainable params: 0
_________________________________________________________________"""  # noqa: W291

BRANCHED = """\
Model: "pair"
┏━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)        ┃ Output Shape      ┃    Param # ┃ Connected to      ┃
┡━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━┩
│ one (InputLayer)    │ (None, 4)         │          0 │ -                 │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ other (InputLayer)  │ (None, 4)         │          0 │ -                 │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ shared (Dense)      │ (None, 3)         │         15 │ one[0][0],        │
│                     │                   │            │ other[0][0]       │
├─────────────────────┼───────────────────┼────────────┼───────────────────┤
│ minus (Subtract)    │ (None, 3)         │          0 │ shared[0][0],     │
│                     │                   │            │ shared[1][0]      │
└─────────────────────┴───────────────────┴────────────┴───────────────────┘
 Total params: 15 (60.00 B)
 Trainable params: 15 (60.00 B)
 Non-trainable params: 0 (0.00 B)
"""


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def deck_y():
    return Sequential([layers.Conv2D(32, (5, 5), activation="relu", input_shape=(128, 128, 1), name="conv"),
                       layers.MaxPooling2D((4, 4), name="pool"), layers.Flatten(name="flat"),
                       layers.Dense(2, name="last")], name="net")


def text_of(model, **options):
    parts = []
    model.summary(print_fn=parts.append, **options)
    return "\n".join(parts)


def test_linear_model():
    assert text_of(deck_y()) == KERAS_3


def test_branched_model_shows_connections():
    one, other, shared = Input((4,), name="one"), Input((4,), name="other"), layers.Dense(3, name="shared")
    model = Model([one, other], layers.Subtract(name="minus")([shared(one), shared(other)]), name="pair")
    assert text_of(model) == BRANCHED


def test_keras_2_style():
    assert text_of(deck_y(), style="keras2") == KERAS_2


def test_on_the_screen(capsys):
    deck_y().summary()
    assert "conv (Conv2D)" in capsys.readouterr().out


def test_unbuilt_model_shows_question_marks():
    text = text_of(Sequential([layers.Dense(3)]))
    assert "│ ?                      │   0 (unbuilt) │" in text and " Total params: 0 (0.00 B)" in text


def test_nested_layers_are_indented():
    inner = Sequential([Input((6,)), layers.Dense(4, name="deep")], name="inner")
    inputs = Input((6,))
    model = Model(inputs, inner(inputs))
    assert "deep" not in text_of(model)
    assert "│    └ deep (Dense)" in text_of(model, expand_nested=True)


def test_trainable_column_and_frozen_layers(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    model = deck_y()
    model.layers[0].trainable = False
    lines = text_of(model, show_trainable=True, line_length=100).splitlines()
    cells = {line.split("│")[1].strip(): line.split("│")[4].strip() for line in lines if "│" in line}
    assert cells == {"conv (Conv2D)": "N", "pool (MaxPooling2D)": "-", "flat (Flatten)": "-", "last (Dense)": "Y"}
    assert " Non-trainable params: 832 (3.25 KB)" in lines


def test_optimizer_variables_count_once_they_exist():
    model = Sequential([Input((4,)), layers.Dense(2)])
    model.compile("adam", "mse")
    assert "Optimizer" not in text_of(model)
    model.optimizer.build(model.trainable_variables)
    assert " Total params: 32 (" in text_of(model) and " Optimizer params: 22 (" in text_of(model)


def test_range_and_width():
    text = text_of(deck_y(), layer_range=("pool", "flat"), line_length=60)
    assert "conv (" not in text and "pool (" in text and "flat (" in text
    assert len(text.splitlines()[1]) == 60


def test_wrong_arguments():
    with pytest.raises(ArgumentError, match="must be 'keras3' or 'keras2'"):
        deck_y().summary(style="keras1")
    with pytest.raises(ArgumentError, match="names no layer"):
        deck_y().summary(layer_range=("a", "b"))
    with pytest.raises(ArgumentError, match="Insufficient console width"):
        deck_y().summary(line_length=8)


@pytest.mark.parametrize("count, text", [(0, "0.00 B"), (1023, "1023.00 B"), (1024, "1.00 KB"),
                                         (5 * 1024 ** 3, "5.00 GB")])
def test_readable_size(count, text):
    assert readable_size(count) == text
