"""The networks of four lectures on convolutional networks, layer by layer as their slides have them."""

from __future__ import annotations

from striate.zoo.recipe import Recipe

YALE = Recipe(
    title="Baseline for real or generated pictures of brain activity",
    source="Yale S&DS 365, 'Brain food' exercise",
    optimizer="Adam",
    loss="SparseCategoricalCrossentropy",
    loss_arguments={"from_logits": True},
    epochs=2,
    batch_size=32,
    inputs="128x128 grey float pictures, as they are",
    result="Simulated brain images (128 a session), sessions that it has not seen: test accuracy 0.562, mean of three "
           "seeds, spread 0.058; 23 seconds. The course's notebook has 0.83 on its own images.",
    note="The outputs are scores without a softmax.",
)


def yale(input_shape: tuple[int, int, int] = (128, 128, 1), classes: int = 2):
    """One convolution, coarse pooling and a dense layer that holds 98.7 % of the 62,338 parameters.

    Args:
        input_shape: (height, width, channels) of a picture.
        classes: number of outputs; they are scores without a softmax.

    Returns:
        A `Sequential` model, not compiled.

    Example:
        >>> yale().count_params()
        62338
    """
    from striate import Input, Sequential, layers

    return Sequential([
        Input(input_shape),
        layers.Conv2D(32, (5, 5), activation="relu"),
        layers.MaxPooling2D((4, 4)),
        layers.Flatten(),
        layers.Dense(classes),
    ], name="yale")


UVA = Recipe(
    title="Fashion-MNIST classifier with five convolutions",
    source="University of Virginia SYS 6016, Convolutional and Pooling Layers",
    optimizer="Adam",
    loss="SparseCategoricalCrossentropy",
    epochs=10,
    batch_size=32,
    inputs="28x28 grey pictures divided by 255; 55,000 to train, 5,000 to validate",
    result="Fashion-MNIST (55,000 to train): test accuracy 0.907 (mean of three seeds, 0.903 to 0.910); 1,557 seconds "
           "on one core with AVX2 at the fastest. The slides report 0.8983 after 10 epochs of 46 to 51 seconds.",
)


def uva(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10):
    """A 7x7 convolution, two pairs of 3x3 convolutions, and three dense layers with dropout.

    Args:
        input_shape: (height, width, channels) of a picture; at least 8x8.
        classes: number of outputs, through a softmax.

    Returns:
        A `Sequential` model, not compiled.

    Example:
        >>> uva().count_params()
        1413834
    """
    from striate import Input, Sequential, layers

    return Sequential([
        Input(input_shape),
        layers.Conv2D(64, 7, activation="relu", padding="same"),
        layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu", padding="same"),
        layers.Conv2D(128, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(2),
        layers.Conv2D(256, 3, activation="relu", padding="same"),
        layers.Conv2D(256, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(classes, activation="softmax"),
    ], name="uva")


NOVA = Recipe(
    title="Fashion-MNIST classifier with batch normalization",
    source="NOVA Lisbon, convolutional networks tutorial",
    optimizer="SGD",
    learning_rate=0.01,
    optimizer_arguments={"momentum": 0.9, "decay": 0.01 / 25},
    loss="CategoricalCrossentropy",
    one_hot_labels=True,
    epochs=25,
    batch_size=128,
    inputs="28x28 grey pictures divided by 255",
    result="Fashion-MNIST (55,000 to train): test accuracy 0.931 (mean of three seeds, 0.929 to 0.932); 1,586 seconds "
           "on one core with AVX2 at the fastest.",
    note="The slides leave the batch size open and say 'about 25 epochs'; the learning rate decays by rate / epochs.",
)


def nova(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10):
    """Two stacks of two batch-normalized 3x3 convolutions, then a dense layer with half of it dropped.

    Args:
        input_shape: (height, width, channels) of a picture; at least 4x4.
        classes: number of outputs, through a softmax.

    Returns:
        A `Sequential` model, not compiled.

    Example:
        >>> nova().layers[1].name
        'batch_normalization'
    """
    from striate import Input, Sequential, layers

    model = Sequential([Input(input_shape)], name="nova")
    for filters in (32, 64):
        for _ in range(2):
            model.add(layers.Conv2D(filters, (3, 3), padding="same", activation="relu"))
            model.add(layers.BatchNormalization())
        model.add(layers.MaxPooling2D(pool_size=(2, 2)))
    model.add(layers.Flatten())
    model.add(layers.Dense(512, activation="relu"))
    model.add(layers.BatchNormalization())
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


TUE = Recipe(
    title="Two classes of 64x64 pictures, built with the functional API",
    source="TU Eindhoven, convolutional networks for industry",
    optimizer="SGD",
    learning_rate=0.01,
    optimizer_arguments={"momentum": 0.9},
    loss="BinaryCrossentropy",
    epochs=5,
    batch_size=32,
    inputs="64x64 grey pictures divided by 255",
    result="Fashion-MNIST (55,000 to train; a softmax over ten classes): test accuracy 0.897 (mean of three seeds, "
           "0.892 to 0.901); 13 seconds on one core with AVX-512 at the fastest. The slides name no data.",
    note="The slides name categorical_crossentropy, which is constant for their single sigmoid output; "
         "binary_crossentropy is the loss that fits it.",
)


def tue(input_shape: tuple[int, int, int] = (64, 64, 1), classes: int = 2):
    """Two convolutions with pooling and a dense layer of 100 neurons, as a functional model.

    Args:
        input_shape: (height, width, channels) of a picture; at least 4x4.
        classes: 2 gives the single sigmoid output of the slides; more give a softmax over them.

    Returns:
        A functional `Model`, not compiled.

    Example:
        >>> tue().output_shape
        (None, 1)
    """
    from striate import Input, Model, layers

    inputs = Input(shape=input_shape)
    x = inputs
    for filters in (16, 32):
        x = layers.Conv2D(filters=filters, kernel_size=3, strides=(1, 1), padding="same", activation="relu")(x)
        x = layers.MaxPool2D(pool_size=(2, 2), strides=(2, 2), padding="valid")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(units=100, activation="relu")(x)
    if classes == 2:
        outputs = layers.Dense(units=1, activation="sigmoid")(x)
    else:
        outputs = layers.Dense(units=classes, activation="softmax")(x)
    return Model(inputs=inputs, outputs=outputs, name="tue")
