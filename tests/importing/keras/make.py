"""Makes the files beside it: models of Keras with random weights, and what Keras itself gives for them. Needs keras and h5py.

KERAS_BACKEND=torch python tests/importing/keras/make.py
"""

import os
from pathlib import Path

import keras
import numpy as np
from keras import layers as L

HERE = Path(__file__).parent
V, IDS = 11, np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 3, 3, 7]])


def chain(*inner, embedding=5, head="softmax"):
    below = [L.Embedding(V, embedding)] if embedding else []
    entry = L.Input((None,)) if embedding else L.Input((None, V))
    return keras.Sequential([entry, *below, *inner, L.Dense(V, activation=head)])


def both_ways(first, second):
    return chain(*(L.Bidirectional(layer(4, return_sequences=True)) for layer in (first, second)))


def functional():
    entry = keras.Input((None,))
    x = L.Embedding(V, 4, name="letters")(entry)
    x = L.LSTM(6, return_sequences=True, name="lower")(x)
    x = L.Dropout(0.2)(x)
    x = L.LSTM(5, return_sequences=True, name="upper")(x)
    return keras.Model(entry, L.TimeDistributed(L.Dense(V, activation="softmax"), name="put_out")(x))


MODELS = {
    "gru": lambda: chain(L.GRU(6, return_sequences=True)),
    "gru_before": lambda: chain(L.GRU(6, return_sequences=True, reset_after=False)),
    "gru_no_bias": lambda: chain(L.GRU(6, return_sequences=True, use_bias=False, reset_after=False)),
    "lstm_one_hot": lambda: chain(L.LSTM(6, return_sequences=True), embedding=None),
    "functional": functional,
    "rnn_relu": lambda: chain(L.SimpleRNN(6, activation="relu", return_sequences=True)),
    "both_ways": lambda: both_ways(L.LSTM, L.GRU),
    "both_ways_lstm": lambda: both_ways(L.LSTM, L.LSTM),
    "last_only": lambda: chain(L.LSTM(5, return_sequences=True), L.LSTM(6)),
    "hard_sigmoid": lambda: chain(L.LSTM(6, recurrent_activation="hard_sigmoid", return_sequences=True)),
    "normalised": lambda: chain(L.LSTM(6, return_sequences=True), L.LayerNormalization()),
}  # fmt: skip


def main():
    outputs = {}
    for seed, (name, make) in enumerate(MODELS.items()):
        keras.utils.set_random_seed(seed)
        model = make()
        chance = np.random.default_rng(seed)
        for weight in model.weights:
            weight.assign(chance.normal(0, 0.4, weight.shape))
        read = np.eye(V, dtype=np.float32)[IDS] if name.endswith("one_hot") else IDS
        outputs[name] = np.asarray(model.predict(read, verbose=0))[0]
        model.save(HERE / f"{name}.keras")
        if name in ("gru", "functional", "both_ways_lstm"):
            model.save(HERE / f"{name}.h5")
        if name in ("gru_before", "functional"):
            model.save_weights(HERE / f"{name}.weights.h5")
    np.savez_compressed(HERE / "outputs.npz", ids=IDS[0], **outputs)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "torch")
    main()
