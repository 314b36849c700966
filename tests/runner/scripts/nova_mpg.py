# "Tecnicas de IA para Biologia": regression with the Auto MPG data set.
import numpy as np
from tensorflow.keras.optimizers import SGD
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense

data = np.loadtxt('AutoMPG.tsv',skiprows=1)
np.random.seed(1)
np.random.shuffle(data)
means = np.mean(data,axis=0)
stds = np.std(data,axis=0)
data = (data-means)/stds

valid_Y = data[300:,0]
valid_X = data[300:,1:]

Y = data[:300,0]
X = data[:300,1:]
print('shapes', X.shape, valid_X.shape)

model = Sequential()
model.add(Dense(16, activation='relu', input_shape=(X.shape[1],)))
model.add(Dense(1, activation='linear'))
model.compile(loss='mean_squared_error', optimizer=SGD(lr=0.01, momentum=0.9))
history = model.fit(X, Y, validation_data=(valid_X, valid_Y), batch_size=32, epochs=10, verbose=0)
print('losses', history.history['loss'])
print('parameters', model.count_params())
