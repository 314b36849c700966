"""A network small enough to learn in a moment, pictures for it, and a server for what is explored."""

import threading
from contextlib import contextmanager

import numpy as np

import striate as keras
from striate import layers

PORT, TOKEN = 8123, "a-secret-for-tests"
CLASSES = ("bar", "pole", "blob")


def pictures(count, seed=0):
    """Bars, poles and blobs, 12 x 12, and their classes."""
    random = np.random.default_rng(seed)
    y = np.arange(count) % 3
    x = random.integers(0, 60, (count, 12, 12, 1))
    for i, label in enumerate(y):
        at = 2 + i % 6
        x[i, at:at + (2 if label == 0 else 10 if label == 1 else 5),
          at:at + (10 if label == 0 else 2 if label == 1 else 5)] += 180
    return x.astype(np.uint8), y.astype(np.int64)


def small_network():
    keras.utils.set_random_seed(3)
    return keras.Sequential([
        keras.Input((12, 12, 1)),
        layers.Conv2D(4, 3, activation="relu", padding="same", name="first"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Conv2D(6, 3, activation="relu", name="second"),
        layers.Flatten(name="flat"),
        layers.Dense(3, activation="softmax", name="scores"),
    ], name="tiny")


def prepare(model):
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_subject(model=None, with_data=True, **changes):
    from striate.explore.subject import Data, Sample, Subject

    model = model or small_network()
    x, y = pictures(96)
    scaled = (x / 255).astype(np.float32)
    data = None
    if with_data:
        prepare(model)
        data = Data("96 made pictures", scaled[12:], y[12:], (scaled[:12], y[:12]), 16, prepare)
    samples = tuple(Sample(f"picture {i}", scaled[i], int(y[i])) for i in range(6))
    found = {"model": model, "said": "It has random weights.", "samples": samples, "classes": CLASSES,
             "pixels": lambda images: (images / 255).astype(np.float32), "shares": lambda outputs: np.asarray(outputs),
             "data": data, "why_not": "" if with_data else "No data was named."}
    return Subject(**{**found, **changes})


@contextmanager
def serving(session):
    """The address of a page that a real server serves on a free port."""
    import uvicorn

    from striate.explore.app import make_app
    from striate.explore.guard import Access
    from striate.explore.server import listen

    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(make_app(session, Access(TOKEN, port)), log_level="error",
                                               lifespan="off", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/?token={TOKEN}"
        finally:
            server.should_exit = True
            thread.join(10)
