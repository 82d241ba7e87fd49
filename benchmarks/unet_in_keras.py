"""The published U-Net in Keras on TensorFlow, as the public demo's users run it: prints samples per second as JSON.

Runs in an environment of its own, see training_speed: ``python unet_in_keras.py BATCH SIZE STEPS``.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from tensorflow.keras import Model, layers

WIDTHS = (32, 64, 128, 256, 512)


def two_convolutions(x, width):
    for _ in range(2):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    return x


def build_unet(size: int) -> Model:
    films = layers.Input((size, size, 1))
    skips, x = [], films
    for level, width in enumerate(WIDTHS):
        x = two_convolutions(layers.MaxPooling2D()(x) if level else x, width)
        skips.append(x)
    for width, skip in zip(WIDTHS[-2::-1], skips[-2::-1], strict=True):
        x = layers.Conv2DTranspose(width, 2, strides=2, padding="same")(x)
        x = two_convolutions(layers.concatenate([skip, x]), width)
    return Model(films, layers.Conv2D(1, 1, activation="sigmoid")(x))


def dice_loss(truth, found):
    truth = tf.cast(truth, tf.float32)
    both = tf.reduce_sum(truth * found)
    return 1 - (2 * both + 1) / (tf.reduce_sum(truth) + tf.reduce_sum(found) + 1)


def main() -> None:
    batch, size, steps = map(int, sys.argv[1:4])
    rng = np.random.default_rng(0)
    films = rng.random((batch, size, size, 1), np.float32)
    masks = (films > 0.5).astype(np.float32)
    model = build_unet(size)
    model.compile(optimizer=tf.keras.optimizers.Adam(1e-3), loss=dice_loss)
    for _ in range(2):
        model.train_on_batch(films, masks)
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(films, masks)
    training = batch * steps / (time.perf_counter() - start)
    model.predict_on_batch(films)
    start = time.perf_counter()
    for _ in range(steps):
        model.predict_on_batch(films)
    inference = batch * steps / (time.perf_counter() - start)
    print(
        json.dumps(
            {
                "parameters": model.count_params(), "training": training, "inference": inference,
                "version": f"TensorFlow {tf.__version__}, Keras {tf.keras.__version__}",
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
