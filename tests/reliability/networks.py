"""Small networks of every kind, for what must hold whatever a network is made of."""

from striate import Input, Model, Sequential, layers, zoo

OWN = {
    "line": lambda: [Input((512, 4)), layers.Conv1D(32, 9, padding="same", activation="relu"), layers.MaxPooling1D(4),
                     layers.Conv1D(64, 5, activation="relu"), layers.GlobalAveragePooling1D(), layers.Dense(3)],
    "volume": lambda: [Input((16, 16, 16, 2)), layers.Conv3D(8, 3, padding="same", activation="relu"),
                       layers.MaxPooling3D(2), layers.Conv3D(16, 3, activation="relu"), layers.Flatten(),
                       layers.Dense(3)],
    "apart": lambda: [Input((48, 48, 3)), layers.SeparableConv2D(32, 3, padding="same", activation="relu"),
                      layers.BatchNormalization(), layers.SeparableConv2D(64, 3, strides=2, activation="relu"),
                      layers.GlobalAveragePooling2D(), layers.Dense(3)],
    "depthwise": lambda: [Input((40, 40, 8)), layers.DepthwiseConv2D(5, depth_multiplier=2, padding="same"),
                          layers.LayerNormalization(), layers.Activation("gelu"), layers.Conv2D(16, 1),
                          layers.GlobalMaxPooling2D(), layers.Dense(3)],
    "transposed": lambda: [Input((12, 12, 8)),
                           layers.Conv2DTranspose(32, 4, strides=2, padding="same", activation="relu"),
                           layers.Conv2DTranspose(16, 4, strides=2, padding="same", activation="relu"),
                           layers.Conv2D(3, 3, padding="same"), layers.GlobalAveragePooling2D(), layers.Dense(3)],
    "one image": lambda: [Input((160, 160, 3)), layers.Conv2D(32, 7, strides=2, padding="same", activation="relu"),
                          layers.MaxPooling2D(3, 2), layers.Conv2D(64, 3, activation="relu"),
                          layers.Conv2D(64, 3, dilation_rate=2), layers.GlobalAveragePooling2D(), layers.Dense(3)],
    "wide": lambda: [Input((24, 24, 3)), layers.Rescaling(1 / 255), layers.Flatten(),
                     layers.Dense(1024, activation="relu"), layers.Dropout(0.5), layers.Dense(512, activation="tanh"),
                     layers.Dense(3)],
    "doubles": lambda: [Input((32, 32, 3), dtype="float64"), layers.Conv2D(16, 3, activation="relu"),
                        layers.MaxPooling2D(), layers.Conv2D(32, 3), layers.Flatten(), layers.Dense(3)],
    "groups": lambda: [Input((32, 32, 16)), layers.Conv2D(64, 3, groups=4, padding="same"),
                       layers.GroupNormalization(8), layers.PReLU(), layers.AveragePooling2D(), layers.UpSampling2D(2),
                       layers.Conv2D(8, 5), layers.GlobalAveragePooling2D(), layers.Dense(3)],
    "bytes": lambda: [Input((64, 64, 1), dtype="uint8"), layers.Rescaling(1 / 255), layers.RandomFlip(),
                      layers.Conv2D(8, 3, activation="relu"), layers.Conv2D(8, 3, activation="relu"),
                      layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3)],
}


def attention() -> Model:
    """One block of a transformer."""
    inputs = Input((64, 32))
    x = layers.LayerNormalization()(inputs)
    x = layers.Add()([inputs, layers.MultiHeadAttention(4, 16)(x, x)])
    return Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def build(name: str) -> Model:
    """A network of this table, or of the zoo."""
    if name == "attention":
        return attention()
    return Sequential(OWN[name]()) if name in OWN else zoo.build(name)
