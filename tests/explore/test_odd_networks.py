"""Networks unlike those of the lectures: channels first, any size, several outputs, models inside, broken weights."""

import numpy as np
import pytest
from explore_tiny import serving

import striate as keras
from striate import layers
from striate.explore import views
from striate.explore.session import Session
from striate.explore.subject import Sample, Subject

LONG = "a_name_" * 20


def first():
    order = {"data_format": "channels_first"}
    return keras.Sequential([keras.Input((3, 14, 12)), layers.Conv2D(5, 3, activation="relu", **order),
                             layers.MaxPooling2D(2, **order), layers.Flatten(**order), layers.Dense(3)], name="first")


def free():
    return keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3, activation="relu"),
                             layers.GlobalMaxPooling2D(), layers.Dense(3)], name="free")


def wide():
    return keras.Sequential([keras.Input((60, 512, 1)), layers.Conv2D(3, 3, activation="relu", name=LONG),
                             layers.LayerNormalization(name="Слой"), layers.GlobalMaxPooling2D()], name=LONG + "网络")


def several():
    picture, facts = keras.Input((9, 9, 1), name="picture"), keras.Input((4,), name="facts")
    both = layers.Concatenate()([layers.Flatten()(layers.Conv2D(2, 3)(picture)), layers.Dense(3)(facts)])
    return keras.Model([picture, facts], [layers.Dense(3, activation="softmax", name="kind")(both),
                                          layers.Dense(1, name="age")(both)], name="several")


def numbers():
    return keras.Sequential([keras.Input((4,)), layers.Dense(1)], name="numbers")


def nested():
    """A model inside of a model inside of a model, the innermost called twice."""
    eye = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 3, padding="same", name="conv")], name="eye")
    picture = keras.Input((9, 8, 3))
    base = keras.Model(picture, layers.Add(name="sum")([eye(eye(picture)), picture]), name="base")
    return keras.Sequential([keras.Input((9, 8, 3)), base, layers.GlobalMaxPooling2D(name="whole"),
                             layers.Dense(3, name="scores")], name="nested")


def explored(model):
    random = np.random.default_rng(0)
    values = [random.random([n or 20 for n in tensor.shape[1:]], np.float32) for tensor in model.inputs]
    sample = Sample("one", values if len(values) > 1 else values[0])
    return Session(Subject(model, "", (sample,), (), lambda pixels: pixels, lambda outputs: outputs))


def test_shapes_have_the_channels_last_as_maps_have():
    session = explored(first())
    told = views.state(session)
    assert told["input"]["shape"] == [14, 12, 3]
    assert [node["shape"] for node in told["nodes"]] == [[12, 10, 5], [6, 5, 5], [150], [3]]
    assert views.verdict(session, "sample-0")["input"]["shape"] == [14, 12, 3]
    assert views.layer(session, "0", "sample-0")["maps"]["shape"] == [5, 12, 10]


def test_every_output_is_told():
    said = views.verdict(explored(several()), "sample-0")["answer"]
    assert sorted(one["name"] for one in said) == ["age", "kind 0", "kind 1", "kind 2"]


def test_broken_numbers_are_counted_and_do_not_stretch_the_scale():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    kernel = model.layers[0].kernel.numpy()
    kernel[..., 0], kernel[..., 1] = np.nan, np.inf
    model.layers[0].kernel.assign(kernel)
    session = explored(model)
    strip, maps = views.overview(session, "sample-0")["layers"][0], views.layer(session, "0", "sample-0")
    assert strip["broken"] == maps["broken"] == 72
    assert strip["high"] == maps["high"] < 10
    assert views.layer(session, "0", "sample-0", what="filters")["kind"] == "filters"


def test_what_is_no_sum_is_an_answer():
    model = keras.Sequential([keras.Input((4, 3)), layers.LayerNormalization(),
                              layers.TimeDistributed(keras.Sequential([layers.Dense(2)])), layers.Flatten()])
    assert "no plain sum" in views.number(explored(model), "1", (1, 1), "sample-0")["error"]


def test_layers_inside_of_wrappers_are_shown_and_changed_by_hand():
    model = keras.Sequential([keras.Input((4, 9, 8, 2)), layers.TimeDistributed(layers.Conv2D(3, 2, name="conv")),
                              layers.TimeDistributed(layers.Flatten()), layers.Dense(2), layers.GlobalMaxPooling1D()])
    session = explored(model)
    node, x = views.state(session)["nodes"][0], session.sample("sample-0").values[np.newaxis]
    shown = views.verdict(session, "sample-0")["input"]
    assert (shown["kind"], shown["shape"]) == ("image", [9, 8, 3]), "the step in the middle"
    assert (node["kernel"], node["window"]["size"], node["field"][0]) == ([2, 2, 2, 3], [2, 2], [1, 1, 0])
    found = views.number(session, "0", (2, 3, 4, 1), "sample-0")
    assert (found["type"], found["count"], found["input"]["kind"]) == ("TimeDistributed(Conv2D)", 8, "maps")
    assert "step 2" in found["note"]
    for what in ("filters", "filter-gradients"):
        assert views.layer(session, "0", "sample-0", what=what)["count"] == 3
    assert views.number(session, "2", (2, 1), "sample-0")["count"] == 168

    views.edit(session, "0", 1, 2, np.arange(4, dtype=np.float32))
    kernel = model.layers[0].layer.kernel
    changed = kernel.numpy()
    changed[..., 1, 2] = np.arange(4).reshape(2, 2)
    kernel.assign(changed)
    np.testing.assert_allclose(session.taps("sample-0")[-1].output, model.predict(x, verbose=0), rtol=1e-5)


def test_attention_is_opened():
    inputs = keras.Input((6, 4))
    y = layers.MultiHeadAttention(2, 3, name="heads")(inputs, inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)), name="reader")
    session = explored(model)
    told, x = views.state(session), session.sample("sample-0").values[np.newaxis]
    assert [node["name"] for node in told["nodes"][:7]] == [f"heads/{step}" for step in (
        "query", "key", "value", "scores", "weights", "mean", "attention_output")]
    assert told["nodes"][4]["shape"] == [6, 6, 2]
    weights = views.layer(session, "4", "sample-0")
    assert (weights["kind"], weights["count"], weights["maps"]["shape"]) == ("maps", 2, [2, 6, 6])
    assert views.number(session, "4", (5, 3, 1), "sample-0")["activation"] == "softmax"
    assert views.number(session, "6", (5, 3), "sample-0")["count"] == 6
    assert views.layer(session, "3", "sample-0", what="gradients")["count"] == 2
    np.testing.assert_allclose(session.taps("sample-0")[-1].output, model.predict(x, verbose=0), rtol=1e-5)


def test_weights_that_are_not_learnt_are_explained():
    model = keras.Sequential([keras.Input((4,)), layers.LayerNormalization(), layers.Dense(1)])
    found = views.number(explored(model), "0", (1,), "sample-0")
    assert found["count"] == 4 and "the deviation of these 4 numbers" in found["note"]


def test_statistics_that_were_learnt_are_shown():
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(5, 2, (100, 4)).astype("float32"))
    model = keras.Sequential([keras.Input((4,)), layer, layers.Dense(2)])
    session = explored(model)
    wanted = model.predict(session.sample("sample-0").values[np.newaxis], verbose=0)
    np.testing.assert_allclose(session.taps("sample-0")[-1].output, wanted, rtol=1e-5)


def test_layers_of_inner_models_are_shown_and_changed_by_hand():
    model = nested()
    session = explored(model)
    told, x = views.state(session), session.sample("sample-0").values[np.newaxis]
    assert [node["name"] for node in told["nodes"]] == ["base/eye/conv", "base/eye/conv (2)", "base/sum",
                                                        "whole", "scores"]
    assert [node["sources"] for node in told["nodes"]] == [[-1], [0], [1, -1], [2], [3]]
    assert told["nodes"][1]["field"] == [[5, 1, -2], [5, 1, -2]]
    np.testing.assert_allclose(session.taps("sample-0")[-1].output, model.predict(x, verbose=0), rtol=1e-5)
    assert views.number(session, "1", (4, 4, 1), "sample-0")["name"] == "base/eye/conv (2)"
    assert views.layer(session, "0", "sample-0", what="filter-gradients")["kind"] == "filters"

    views.edit(session, "1", 2, 0, np.arange(9, dtype=np.float32))
    kernel = model.get_layer("base").get_layer("eye").get_layer("conv").kernel
    changed = kernel.numpy()
    changed[..., 2, 0] = np.arange(9).reshape(3, 3)
    np.testing.assert_array_equal(session.weights("base/eye/conv"), changed)
    assert views.verdict(session, "sample-0")["edited"] == ["base/eye/conv"]
    kernel.assign(changed)
    np.testing.assert_allclose(session.taps("sample-0")[-1].output, model.predict(x, verbose=0), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("make", [first, free, wide, several, nested, numbers])
def test_every_view_of_odd_networks(make, width, open_tab, pictures_folder):
    session = explored(make())

    def settled():
        page.wait_for_selector("main[aria-busy=false]")
        needs, room = page.evaluate("[document.body.scrollWidth, document.documentElement.clientWidth]")
        assert needs <= room
        squashed = page.evaluate("[...document.querySelectorAll('.plane canvas')].filter((canvas) => Math.abs("
                                 "canvas.clientWidth - parseFloat(canvas.style.width)) > 3).length")
        assert not squashed and not page.locator(".problem").is_visible()
    with serving(session) as address, open_tab(address) as page:
        page.set_viewport_size({"width": width, "height": 844})
        settled()
        for place in range(len(session.nodes)):
            page.locator(".row-name").nth(place + 1).click()
            page.wait_for_selector(".piece.engine, .neuron p.lead:not(:empty)")
            settled()
            page.keyboard.press("Escape")
            page.wait_for_selector(".layers")
        # From the view of a layer without filters: the lab takes another kernel by itself.
        page.locator(".row-name").nth(len(session.nodes)).click()
        page.wait_for_selector(".piece.engine, .neuron p.lead:not(:empty)")
        page.get_by_role("button", name="Lab", exact=True).click()
        page.wait_for_selector("main h2:has-text('lab')")
        settled()
        page.screenshot(path=pictures_folder / f"odd-{session.model.name[:8]}-{width}.png", full_page=True)
