"""Makes the files beside it with real Keras 3: `KERAS_BACKEND=jax python make_files.py` (written with 3.15.1)."""

import keras
import numpy as np
from keras import layers


def sequential():
    model = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(),
        layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5), layers.Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def functional():
    inputs = keras.Input((8, 8, 1))
    shared = layers.Conv2D(2, 3, padding="same")
    x = layers.Concatenate()([shared(inputs), shared(layers.Activation("tanh")(inputs))])
    outputs = layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
                  loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


random = np.random.default_rng(0)
x, y = random.standard_normal((16, 8, 8, 1)).astype("float32"), random.integers(0, 3, 16)
for name, model in (("sequential", sequential()), ("functional", functional())):
    model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    model.save(f"{name}.keras")
    model.save(f"{name}.h5")
    model.save_weights(f"{name}.weights.h5")
    slots = [np.ravel(np.asarray(variable)).astype("float32") for variable in model.optimizer.variables]
    np.savez(f"{name}.npz", x=x, y=model.predict(x, verbose=0), optimizer=np.concatenate(slots))

# Masks are ops in Keras' graph, and attention's projections lie below the names of properties.
inputs = keras.Input((5, 2))
steps = layers.TimeDistributed(layers.Dense(3))(layers.Masking()(inputs))
model = keras.Model(inputs, layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(1, 2)(steps, steps)))
x = random.standard_normal((4, 5, 2)).astype("float32") * (np.arange(5) < [[2], [3], [4], [5]])[..., None]
model.save("masks.keras")
np.savez("masks.npz", x=x, y=model.predict(x, verbose=0))
