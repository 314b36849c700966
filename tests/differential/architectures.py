"""Random architectures, as plain descriptions that Keras and striate build alike.

An architecture is a dict: shape of a sample, a list of steps, loss and optimiser. A step is
{"layer": class, "arguments": {...}, "inputs": [places]} or {"function": name of ops, ...}; place 0 is the input, place
i the result of step i. `architecture(seed)` draws one; no library is needed for that.
"""

import random

ACTIVATIONS = ["relu", "relu", "relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "linear",
               "leaky_relu", "hard_sigmoid", "mish"]
CLASSES = 4


def conv_length(length, size, stride, padding, dilation=1):
    """Length behind a window."""
    if padding == "same":
        return -(-length // stride)
    return (length - (size - 1) * dilation - 1) // stride + 1


class Drawing:
    """One architecture being drawn: `shape` (axes..., channels) and place of the tensor at its end."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rank = self.random.choices([1, 2, 3], [2, 7, 1])[0]
        lengths = {1: (16, 24), 2: (9, 14), 3: (5, 7)}[self.rank]
        self.shape = [self.random.randint(*lengths) for _ in range(self.rank)] + [self.random.choice([1, 2, 3, 4])]
        self.input_shape = list(self.shape)
        self.steps = []
        self.place = 0

    def add(self, kind, name, inputs=None, **arguments):
        self.steps.append({kind: name, "arguments": arguments,
                           "inputs": [self.place] if inputs is None else inputs})
        self.place = len(self.steps)
        return self.place

    def layer(self, name, **arguments):
        return self.add("layer", name, **arguments)

    def named(self, stem):
        return f"{stem}{self.rank}D"

    def window(self, largest=4):
        return [self.random.randint(1, min(largest, length)) for length in self.shape[:-1]]

    def kernel_extras(self, word="kernel"):
        extras = {}
        if self.random.random() < 0.15:
            extras[f"{word}_regularizer"] = self.random.choice(["l2", "l1"])
        if self.random.random() < 0.1:
            extras[f"{word}_constraint"] = self.random.choice(["max_norm", "non_neg", "unit_norm"])
        return extras

    # ---- steps over maps ----------------------------------------------------------------------------------------

    def conv(self):
        size, padding = self.window(), self.random.choice(["valid", "same"])
        strides = [self.random.choice([1, 1, 2]) for _ in size]
        dilation = [1] * self.rank
        if max(strides) == 1 and self.random.random() < 0.2:
            dilation = [self.random.choice([1, 2]) if (s - 1) * 2 + 1 <= n else 1
                        for s, n in zip(size, self.shape, strict=False)]
        groups = self.random.choice([g for g in (1, 1, 2, 3) if self.shape[-1] % g == 0])
        filters = groups * self.random.randint(1, 6)
        self.layer(self.named("Conv"), filters=filters, kernel_size=size, strides=strides, padding=padding,
                   dilation_rate=dilation, groups=groups, use_bias=self.random.random() < 0.8,
                   activation=self.random.choice([None, *ACTIVATIONS]), **self.kernel_extras())
        self.shape = [conv_length(n, *rest, d) for n, *rest, d in zip(
            self.shape[:-1], size, strides, [padding] * self.rank, dilation, strict=True)] + [filters]

    def depthwise(self):
        if self.rank == 3:
            return self.conv()
        size, padding, multiplier = self.window(), self.random.choice(["valid", "same"]), self.random.randint(1, 2)
        stride = self.random.choice([1, 1, 2])
        if self.random.random() < 0.5:
            self.layer(self.named("DepthwiseConv"), kernel_size=size, strides=stride, padding=padding,
                       depth_multiplier=multiplier, activation=self.random.choice([None, *ACTIVATIONS]))
            channels = self.shape[-1] * multiplier
        else:
            channels = self.random.randint(1, 6)
            self.layer(self.named("SeparableConv"), filters=channels, kernel_size=size, strides=stride,
                       padding=padding, depth_multiplier=multiplier)
        self.shape = [conv_length(n, s, stride, padding) for n, s in zip(self.shape, size, strict=False)] + [channels]

    def transposed(self):
        if max(self.shape[:-1]) > 10:
            return self.conv()
        size, padding = self.window(3), self.random.choice(["valid", "same"])
        strides, filters = [self.random.choice([1, 2]) for _ in size], self.random.randint(1, 5)
        self.layer(self.named("Conv") + "Transpose", filters=filters, kernel_size=size, strides=strides,
                   padding=padding, activation=self.random.choice([None, "relu"]))
        self.shape = [n * t if padding == "same" else n * t + max(s - t, 0) for n, s, t in zip(
            self.shape, size, strides, strict=False)] + [filters]

    def pool(self):
        size = self.window(3)
        strides = self.random.choice([None, [self.random.randint(1, 2) for _ in size]])
        padding, kind = self.random.choice(["valid", "same"]), self.random.choice(["Max", "Average"])
        self.layer(self.named(f"{kind}Pooling"), pool_size=size, strides=strides, padding=padding)
        self.shape = [conv_length(n, s, t, padding) for n, s, t in zip(
            self.shape, size, strides or size, strict=False)] + self.shape[-1:]

    def normalise(self):
        kind = self.random.choice(["BatchNormalization"] * 3 + ["LayerNormalization", "GroupNormalization",
                                                               "UnitNormalization"])
        arguments = {}
        if kind == "BatchNormalization":
            arguments = {"momentum": self.random.choice([0.9, 0.99]), "epsilon": 0.01,
                         "center": self.random.random() < 0.8, "scale": self.random.random() < 0.8}
        if kind == "GroupNormalization":
            arguments = {"groups": self.random.choice([g for g in (1, 2, 3, -1) if g < 0 or self.shape[-1] % g == 0]),
                         "epsilon": 0.01}
        self.layer(kind, **arguments)

    def activate(self):
        kind = self.random.choice(["Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"])
        arguments = {"Activation": {"activation": self.random.choice(ACTIVATIONS)},
                     "ReLU": {"max_value": self.random.choice([None, 2.0])},
                     "PReLU": {"shared_axes": list(range(1, self.rank + 1)),
                               "alpha_initializer": "glorot_uniform"}}.get(kind, {})
        self.layer(kind, **arguments)

    def move(self):
        kind = self.random.choice(["ZeroPadding", "Cropping", "UpSampling", "Identity", "Rescaling", "Dropout",
                                   "SpatialDropout", "Permute"])
        if kind == "ZeroPadding":
            pairs = [[self.random.randint(0, 2), self.random.randint(0, 2)] for _ in range(self.rank)]
            self.layer(self.named(kind), padding=pairs[0] if self.rank == 1 else pairs)
            self.shape = [n + sum(p) for n, p in zip(self.shape, pairs, strict=False)] + self.shape[-1:]
        elif kind == "Cropping" and min(self.shape[:-1]) > 4:
            pairs = [[self.random.randint(0, 1), self.random.randint(0, 1)] for _ in range(self.rank)]
            self.layer(self.named(kind), cropping=pairs[0] if self.rank == 1 else pairs)
            self.shape = [n - sum(p) for n, p in zip(self.shape, pairs, strict=False)] + self.shape[-1:]
        elif kind == "UpSampling" and max(self.shape[:-1]) < 8:
            extra = {"interpolation": self.random.choice(["nearest", "bilinear"])} if self.rank == 2 else {}
            self.layer(self.named(kind), size=2, **extra)
            self.shape = [2 * n for n in self.shape[:-1]] + self.shape[-1:]
        elif kind == "Rescaling":
            self.layer(kind, scale=0.5, offset=self.random.choice([0.0, -0.25]))
        elif kind == "Dropout":
            self.layer(kind, rate=0.0)
        elif kind == "SpatialDropout":
            self.layer(self.named(kind), rate=0.0)
        elif kind == "Permute" and self.rank == 2:
            self.layer(kind, dims=[2, 1, 3])
            self.shape = [self.shape[1], self.shape[0], self.shape[2]]
        else:
            self.layer("Identity")

    def linear_step(self):
        """One step that a Sequential model can have."""
        if min(self.shape[:-1]) < 2:
            return self.random.choice([self.normalise, self.activate])()
        return self.random.choice([self.conv] * 4 + [self.depthwise, self.transposed, self.pool, self.pool,
                                                     self.normalise, self.normalise, self.activate, self.move])()

    # ---- steps with several branches --------------------------------------------------------------------------------

    def branch(self):
        """A block whose parts are added, joined or multiplied; layers and functions of ops."""
        start, channels = self.place, self.shape[-1]
        size = [self.random.choice([1, 3]) for _ in range(self.rank)]

        def same(filters, place=start):
            self.place = place
            return self.layer(self.named("Conv"), filters=filters, kernel_size=size, padding="same",
                              activation=self.random.choice([None, "relu", "tanh"]))
        kind = self.random.choice(["add", "join", "gate", "merge", "functions", "slice"])
        if kind == "add":
            left = same(channels)
            self.add(*self.random.choice([("layer", "Add"), ("function", "add"), ("layer", "Subtract"),
                                          ("layer", "Average")]), inputs=[left, start])
        elif kind == "join":
            left, right = same(self.random.randint(1, 4)), same(2)
            self.add(*self.random.choice([("layer", "Concatenate"), ("function", "concatenate")]),
                     inputs=[start, left, right])
            self.shape[-1] = channels + self.steps[left - 1]["arguments"]["filters"] + 2
        elif kind == "gate":
            self.layer(self.named("GlobalAveragePooling"), keepdims=True)
            gate = self.layer("Dense", units=channels, activation="sigmoid")
            self.add(*self.random.choice([("layer", "Multiply"), ("function", "multiply")]), inputs=[start, gate])
        elif kind == "merge":
            left = same(channels)
            self.add("layer", self.random.choice(["Maximum", "Minimum"]), inputs=[left, same(channels)])
        elif kind == "functions":
            self.add("function", self.random.choice(["relu", "tanh", "sigmoid", "square", "abs", "softplus"]))
            self.add("function", "multiply", constant=0.5)
        else:
            self.add("function", "get_item", key=[[None, None, None], [1, None, None]])
            self.shape[0] -= 1

    # ---- the end ---------------------------------------------------------------------------------------------

    def head(self):
        kind = self.random.choice(["Flatten", "GlobalAveragePooling", "GlobalMaxPooling"])
        self.layer(kind if kind == "Flatten" else self.named(kind))
        for _ in range(self.random.randint(0, 2)):
            self.layer("Dense", units=self.random.randint(2, 12), activation=self.random.choice(ACTIVATIONS),
                       **self.kernel_extras())
        loss = self.random.choice(["sparse_categorical_crossentropy", "categorical_crossentropy", "mse",
                                   "binary_crossentropy", "huber", "mae"])
        last = {"mse": None, "huber": "tanh", "mae": None, "binary_crossentropy": "sigmoid"}.get(loss, "softmax")
        self.layer("Dense", units=CLASSES, activation=last)
        return loss


OPTIMIZERS = [("SGD", {"learning_rate": 0.05}), ("SGD", {"learning_rate": 0.02, "momentum": 0.9}),
              ("SGD", {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
              ("SGD", {"learning_rate": 0.05, "clipnorm": 0.5}), ("Adam", {"learning_rate": 0.01, "epsilon": 0.01}),
              ("RMSprop", {"learning_rate": 0.01, "epsilon": 0.01}),
              ("AdamW", {"learning_rate": 0.01, "epsilon": 0.01}),
              ("Adagrad", {"learning_rate": 0.05})]


def architecture(seed):
    """The random architecture of a seed."""
    drawing = Drawing(seed)
    functional = drawing.random.random() < 0.6
    for _ in range(drawing.random.randint(2, 6)):
        if functional and drawing.random.random() < 0.4 and min(drawing.shape[:-1]) > 1:
            drawing.branch()
        else:
            drawing.linear_step()
    loss = drawing.head()
    optimizer, settings = drawing.random.choice(OPTIMIZERS)
    return {"seed": seed, "functional": functional, "shape": drawing.input_shape, "steps": drawing.steps, "loss": loss,
            "optimizer": [optimizer, settings]}
