"""What to write instead of ops that LiteRT, or its integer kernels, do not have.

In: names of ops, of TensorFlow ("MatrixInverse") or of LiteRT ("FLOOR_MOD"). Out: a sentence for each that there is an
answer for. Those of LiteRT's ops are in their rows of the op catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable

from tfcompress.litert.ops.op_catalogue import op_spec

SMALL_MATRIX = "For a matrix of fixed size write the formula with multiplications and divisions, or compute it outside."
TEXT = "Strings stay outside: run StringLookup, Hashing or TextVectorization before the model and pass int32 ids."
OUTSIDE = "Compute it before the model, as part of the preprocessing."
STEPPED = "For few steps write it out: slices, additions and tf.stack."

WITHOUT_LITERT_FORM: dict[str, str] = {
    "Erf": "For gelu use keras.activations.gelu, exact or approximate=True: as a whole it is one op.",
    "Erfc": "For gelu use keras.activations.gelu, exact or approximate=True: as a whole it is one op.",
    "Erfinv": OUTSIDE,
    "MatrixInverse": f"tf.linalg.inv: {SMALL_MATRIX}",
    "MatrixDeterminant": f"tf.linalg.det: {SMALL_MATRIX}",
    "MatrixSolve": f"tf.linalg.solve: {SMALL_MATRIX}",
    "Cholesky": f"tf.linalg.cholesky: {SMALL_MATRIX}",
    "Svd": OUTSIDE,
    "Qr": OUTSIDE,
    "SelfAdjointEigV2": OUTSIDE,
    "FFT": "Use tf.signal.rfft in a float file, or compute the spectrum before the model.",
    "Atan": "Use tf.atan2(x, tf.ones_like(x)) in a float file.",
    "Cumprod": f"tf.math.cumprod: tf.exp(tf.cumsum(tf.math.log(x))). {STEPPED}",
    "DenseBincount": "CategoryEncoding: write tf.reduce_max(tf.one_hot(ids, size), axis=1) instead.",
    "ScaleAndTranslate": "Resizing with antialias=True: use antialias=False, or resize before the model.",
    "MaxPool3D": "Use TimeDistributed(MaxPooling2D), and tf.reduce_max over the third axis.",
    "AvgPool3D": "Use TimeDistributed(AveragePooling2D), and tf.reduce_mean over the third axis.",
    "PyFunc": "Python code cannot go along: write it with TensorFlow ops.",
    "EagerPyFunc": "Python code cannot go along: write it with TensorFlow ops.",
    "AsString": TEXT,
    "StringToHashBucketFast": TEXT,
    "StringSplitV2": TEXT,
    "StaticRegexReplace": TEXT,
    "StringLower": TEXT,
    "HashTableV2": "A lookup table: look up before the model and pass int32 ids, or tf.gather from a constant.",
    "LookupTableFindV2": "A lookup table: look up before the model and pass int32 ids, or tf.gather from a constant.",
}
"""Ops of TensorFlow that LiteRT has no form of."""


def advice(ops: Iterable[str]) -> list[str]:
    """Return the sentences for some ops, each once."""
    found = (WITHOUT_LITERT_FORM.get(op) or op_spec(op).instead for op in ops)
    return list(dict.fromkeys(sentence for sentence in found if sentence))
