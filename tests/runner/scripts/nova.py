# "Tecnicas de IA para Biologia": the tutorial's network for Fashion-MNIST, in the imports and spellings of the slides.
from tensorflow.keras.optimizers import SGD
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import BatchNormalization,Conv2D,MaxPooling2D
from tensorflow.keras.layers import Activation, Flatten, Dropout, Dense

from tensorflow import keras
((trainX, trainY), (testX, testY)) = keras.datasets.fashion_mnist.load_data()
trainX = trainX.reshape((trainX.shape[0], 28, 28, 1))
testX = testX.reshape((testX.shape[0], 28, 28, 1))
trainX = trainX.astype("float32") / 255.0
testX = testX.astype("float32") / 255.0
# one-hot encode the training and testing labels
trainY = keras.utils.to_categorical(trainY, 10)
testY = keras.utils.to_categorical(testY, 10)
print(trainY[:2])

INIT_LR = 1e-2
NUM_EPOCHS = 3
BS = 32


def create_model():
    model = Sequential()
    model.add(Conv2D(32, (3, 3), padding="same", input_shape=(28,28,1)))
    model.add(Activation("relu"))
    model.add(BatchNormalization())
    model.add(Conv2D(32, (3, 3), padding="same"))
    model.add(Activation("relu"))
    model.add(BatchNormalization())
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Conv2D(64, (3, 3), padding="same"))
    model.add(Activation("relu"))
    model.add(BatchNormalization())
    model.add(Conv2D(64, (3, 3), padding="same"))
    model.add(Activation("relu"))
    model.add(BatchNormalization())
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(512))
    model.add(Activation("relu"))
    model.add(BatchNormalization())
    model.add(Dropout(0.5))
    model.add(Dense(10))
    model.add(Activation("softmax"))
    return model


opt = SGD(lr=INIT_LR, momentum=0.9, decay=INIT_LR / NUM_EPOCHS)
model = create_model()
model.compile(loss="categorical_crossentropy", optimizer=opt,
              metrics=["accuracy"])
model.summary()

history = model.fit(trainX, trainY, validation_data=(testX, testY),
                  batch_size=BS, epochs=NUM_EPOCHS)
print('acc', history.history['acc'])
print('losses', history.history['loss'])
print('val', len(history.history['val_acc']), len(history.history['val_loss']))
print('names', sorted(history.history))

file_name = "fashion.h5"
model.save_weights(file_name)
again = create_model()
again.load_weights(file_name)
print('same', bool((again.predict(testX[:8]) == model.predict(testX[:8])).all()))
