"""What to write instead of ops that TFLite, or its integer kernels, do not have.

In: names of ops, of TensorFlow ("MatrixInverse") or of TFLite ("FLOOR_MOD"). Out: a sentence for each that there is an
answer for. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Iterable

SMALL_MATRIX = "For a matrix of fixed size write the formula with multiplications and divisions, or compute it outside."
TEXT = "Strings stay outside: run StringLookup, Hashing or TextVectorization before the model and pass int32 ids."
OUTSIDE = "Compute it before the model, as part of the preprocessing."
STEPPED = "For few steps write it out: slices, additions and tf.stack."
CONSTANT = "Leave it out: inference has no randomness."

INSTEAD: dict[str, str] = {
    # no TFLite form at all
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
    # TFLite forms without an integer kernel
    "BUCKETIZE": "Discretization compares floats: sort into bins before the model and pass int32 ids.",
    "CAST": "Give ids an integer input: keras.Input(…, dtype='int32').",
    "CONV_3D": "It has no int8 kernel: use TimeDistributed(Conv2D), and Conv1D along the third axis.",
    "CONV_3D_TRANSPOSE": "It has no int8 kernel: use TimeDistributed(Conv2DTranspose).",
    "CUMSUM": f"tf.cumsum: a matrix product with tf.linalg.band_part(tf.ones((n, n)), 0, -1). {STEPPED}",
    "FLOOR": "Rounding has no integer kernel, and int8 rounds anyway: leave it out or move it behind the model.",
    "CEIL": "Rounding has no integer kernel, and int8 rounds anyway: leave it out or move it behind the model.",
    "ROUND": "Rounding has no integer kernel, and int8 rounds anyway: leave it out or move it behind the model.",
    "FLOOR_MOD": "Compute the remainder before the model.",
    "NOT_EQUAL": "Masking compares floats: mask integer ids with Embedding(mask_zero=True) instead.",
    "POW": "A whole power is a product: x * x; a root is tf.sqrt.",
    "RANDOM_STANDARD_NORMAL": CONSTANT,
    "RANDOM_UNIFORM": CONSTANT,
    "RFFT2D": "Spectra have no integer kernel: compute them before the model.",
    "COMPLEX_ABS": "Spectra have no integer kernel: compute them before the model.",
    "SIN": "Angles have no integer kernel: compute sine and cosine before the model, or as a constant.",
    "COS": "Angles have no integer kernel: compute sine and cosine before the model, or as a constant.",
    "ELU": "Use the activation 'elu' of Keras instead of tf.nn.elu: it is converted in another form.",
    "GELU": "There is no int16 kernel: use 'relu' or 'swish', or leave the layer in int8.",
    "HARD_SWISH": "There is no int16 kernel: use 'relu' or 'swish', or leave the layer in int8.",
}


def advice(ops: Iterable[str]) -> list[str]:
    """Return the sentences for some ops, each once."""
    return list(dict.fromkeys(INSTEAD[op] for op in ops if op in INSTEAD))
