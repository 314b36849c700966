# SYS 6016, "Implementing a CNN architecture" and "Train/test a CNN on Fashion-MNIST".
from tensorflow import keras

(X_train_full, y_train_full), (X_test, y_test) = keras.datasets.fashion_mnist.load_data()
n_valid = len(X_train_full) // 12
X_valid, X_train = X_train_full[:n_valid] / 255., X_train_full[n_valid:] / 255.
y_valid, y_train = y_train_full[:n_valid], y_train_full[n_valid:]
X_test = X_test / 255.
X_train, X_valid, X_test = X_train[..., None], X_valid[..., None], X_test[..., None]

model = keras.models.Sequential([
    keras.layers.Conv2D(64, 7, activation="relu", padding="same",
                        input_shape=[28, 28, 1]),
    keras.layers.MaxPooling2D(2),
    keras.layers.Conv2D(128, 3, activation="relu", padding="same"),
    keras.layers.Conv2D(128, 3, activation="relu", padding="same"),
    keras.layers.MaxPooling2D(2),
    keras.layers.Conv2D(256, 3, activation="relu", padding="same"),
    keras.layers.Conv2D(256, 3, activation="relu", padding="same"),
    keras.layers.MaxPooling2D(2),
    keras.layers.Flatten(),
    keras.layers.Dense(128, activation="relu"),
    keras.layers.Dropout(0.5),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dropout(0.5),
    keras.layers.Dense(10, activation="softmax")
])
model.summary()

model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(X_train, y_train, epochs=10, validation_data=[X_valid, y_valid])
score = model.evaluate(X_test, y_test)
X_new = X_test[:10] # pretend we have new images
y_pred = model.predict(X_new)

print('losses', history.history['loss'])
print('score', len(score), score[0] > 0)
print('y_pred', y_pred.shape, y_pred.sum(axis=1).round(3).tolist())
