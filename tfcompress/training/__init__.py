"""Stage 1: a Keras model in, a Keras model out: pruned, or aware of its quantization."""

from tfcompress.training import tfmot as tfmot
