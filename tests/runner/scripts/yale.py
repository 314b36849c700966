# S&DS 365, "Brain food": the baseline model of the slides, as in the notebook behind them.
import numpy as np
import tensorflow as tf
from tensorflow.keras import datasets, layers, models

print(tf.__version__ >= "2")

x = np.array(np.arange(24)).reshape(2, 3, 4)
print(x)
print(x[:, :, 0])

# In place of the course's files: smooth pictures are real (0), noisy ones fake (1).
generator = np.random.default_rng(0)
real = generator.normal(size=(24, 8, 8, 1)).repeat(16, axis=1).repeat(16, axis=2).astype('float32')
fake = generator.normal(size=(24, 128, 128, 1)).astype('float32')
images = np.concatenate([real, fake])
labels = np.concatenate([np.zeros((24, 1)), np.ones((24, 1))])
order = generator.permutation(48)
train_images, train_labels = images[order], labels[order]

model = models.Sequential()
model.add(layers.Conv2D(32, (5, 5), activation='relu', input_shape=(128, 128, 1)))
model.add(layers.MaxPooling2D((4, 4)))
model.add(layers.Flatten())
model.add(layers.Dense(2))
model.summary()

model.compile(optimizer='adam',
              loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              metrics=['accuracy'])

history = model.fit(train_images, train_labels, epochs=3, validation_split=0.2)
print('losses', history.history['loss'])
print('val_accuracy', history.history['val_accuracy'][-1])

probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
predictions = probability_model.predict(train_images[:5])
print('sums', tf.reduce_sum(predictions, axis=1).numpy().round(4).tolist())
print('classes', tf.argmax(predictions, axis=1).shape)
maps = tf.keras.Model(inputs=model.inputs, outputs=model.get_layer('conv2d').output)(train_images[:1])
print('maps', maps.shape)
