# pyright: strict
"""A user's script with six mistakes. Type checkers read it, nobody runs it."""

from pathlib import Path

import numpy as np

import tfcompress

model = tfcompress.load_keras("model.keras")
x_test, y_test = np.zeros((100, 8, 8, 1), np.float32), np.zeros(100, np.int64)

tflite = tfcompress.convert(model, "int4", samples=x_test)  # mistake: no such scheme
small = tfcompress.shrink_the_file(tflite)  # mistake: no such function
quantized = tfcompress.quantize_aware(model, sample=x_test)  # mistake: no such keyword
comparison = tfcompress.compare(model, "model.tflite", x_test, Path("labels.npy"))  # mistake: a path for an array
print(tfcompress.compare(model, "model.tflite", x_test, y_test).pased)  # mistake: no such attribute
smaller = tfcompress.prune_channels(model, macs="0.5")  # mistake: text for a number
