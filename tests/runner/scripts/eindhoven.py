# "Deep learning course for industry": the functional API.
import numpy as np
import keras
import tensorflow as tf

layer = keras.layers.Dense # used in slides
layer = tf.keras.layers.Dense # used in the exercises
print('one Dense', keras.layers.Dense is tf.keras.layers.Dense)

inputs = keras.Input(shape=[64, 64, 1])

conv1 = keras.layers.Conv2D(
    filters      = 16,
    kernel_size  = 3,
    strides      = (1, 1),
    padding      = "same",
    activation   = "relu")

maxPool1 = keras.layers.MaxPool2D(
    pool_size = (2, 2),
    strides   = (2, 2),
    padding   = "valid")

conv2 = keras.layers.Conv2D(
    filters      = 32,
    kernel_size  = 3,
    strides      = (1, 1),
    padding      = "same",
    activation   = "relu")

maxPool2 = keras.layers.MaxPool2D(
    pool_size = (2, 2),
    strides    = (2, 2),
    padding    = "valid")

flatten = keras.layers.Flatten()

dense = keras.layers.Dense(
    units      = 100,
    activation = "ReLU")

output = keras.layers.Dense(
    units      = 1,
    activation = "sigmoid")

x = maxPool1(conv1(inputs))
x = maxPool2(conv2(x))
x = flatten(x)
x = dense(x)
outputs = output(x)

generator = np.random.default_rng(0)
x_train = generator.random((64, 64, 64, 1)).astype("float32")
y_train = generator.integers(0, 2, (64, 1)).astype("float32")
x_train[y_train[:, 0] == 1, 16:48, 16:48] += 1
x_test, y_test = x_train[:16], y_train[:16]

model = keras.Model(inputs = inputs , outputs = outputs)
model.summary()

loss = keras.losses.categorical_crossentropy
optimizer = keras.optimizers.SGD(lr=0.01, momentum=0.9)

model.compile(loss=loss , optimizer=optimizer)

# x_train and y_train are Numpy arrays
model.fit(x_train , y_train , epochs=5, batch_size=32)

# The slides' loss is next to nothing for one unit, whatever the weights; this one can be trained.
model.compile(loss=keras.losses.binary_crossentropy, optimizer=keras.optimizers.SGD(lr=0.01, momentum=0.9))


def some_batch_generator(i):
    rows = slice(i % 2 * 32, i % 2 * 32 + 32)
    return x_train[rows], y_train[rows]


num_iterations = 12
before = model.evaluate(x_test, y_test, verbose=0)
for i in range(0, num_iterations):
    x_batch, y_batch = some_batch_generator(i)
    model.train_on_batch(x_batch, y_batch)

loss_and_metrics = model.evaluate(x_test, y_test,
                                  batch_size=128)

classes = model.predict(x_test, batch_size=128)
print('losses', [before, loss_and_metrics])
print('classes', classes.shape)
