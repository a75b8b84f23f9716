"""Which functions of TensorFlow a tf_keras config may call: those that compute from tensors, and touch nothing else.

In: the name of a symbol, such as "math.add". Out: whether a layer may call it.
"""

from __future__ import annotations

import re

PURE = re.compile(
    r"""(compat\.v1\.)?(
        (math|nn|linalg|signal|bitwise|strings|sets|sparse|ragged|image|random|dtypes)\.(?!fixed_unigram)[\w.]+
        | quantization\.\w+
        | __operators__\.\w+
        | io\.(decode|encode|parse)_(?!proto)\w+
        | debugging\.(assert_\w+|check_numerics)
        | (abs|acos|acosh|add|add_n|argmax|argmin|argsort|as_string|asin|asinh|assert_\w+|atan|atan2|atanh)
        | (batch_to_space\w*|bitcast|boolean_mask|broadcast_\w+|cast|ceil|clip_by_\w+|complex|concat|convert_to_tensor)
        | (cos|cosh|cumsum|depth_to_space|diag|diag_part|div|divide|dynamic_partition|dynamic_stitch|edit_distance)
        | (eig|eigvals|einsum|ensure_shape|equal|erf|erfc|exp|expand_dims|expm1|extract_volume_patches|eye|fftn?|fft2d)
        | (fill|fingerprint|floor|floordiv|floormod|gather|gather_nd|greater|greater_equal|guarantee_const|hessians)
        | (histogram_fixed_width\w*|identity|identity_n|imag|invert_permutation|is_\w+|less|less_equal|linspace|log)
        | (log1p|logical_\w+|logaddexp|matmul|matrix_\w+|maximum|meshgrid|min_max\w*|minimum|mod|multinomial|multiply)
        | (negative|no_op|norm|not_equal|one_hot|ones|ones_like|pad|parallel_stack|polygamma|pow|quantize\w*|range)
        | (rank|real|realdiv|reciprocal|recip|reduce_\w+|repeat|reshape|reverse|reverse_sequence|rint|roll|round|rsqrt)
        | (saturate_cast|scalar_mul|scan|scatter_nd|searchsorted|segment_\w+|sequence_mask|shape|shape_n|sigmoid|sign)
        | (sin|sinh|size|slice|sort|space_to_\w+|split|sqrt|square|squeeze|stack|stop_gradient|strided_slice|string_\w+)
        | (subtract|tan|tanh|tensor_scatter_nd_\w+|tensordot|tile|timestamp|to_\w+|trace|transpose|truediv|truncate\w*)
        | (unique|unique_with_counts|unravel_index|unsorted_segment_\w+|unstack|where|where_v2|zeros|zeros_like|zeta)
    )""",
    re.VERBOSE,
)
"""Names under which TensorFlow exports functions of tensors. Not among them: io.read_file, io.write_file, print (which
writes to a file:// stream), py_function, numpy_function, load_library, raw_ops, saved_model, summary, data; nor those
that read a vocabulary or a descriptor, or quantize a SavedModel into a folder."""

OF_KERAS = re.compile(r"keras\.(activations|losses|metrics|backend)\.\w+")
NOT_OF_KERAS = re.compile(
    r"get|serialize|deserialize|function|eval|set_\w+|batch_set_value|clear_session|reset_uids"
    r"|manual_variable_initialization"
)
"""Functions of these modules that make objects or change settings of the whole process."""
RAGGED = frozenset(
    {
        *("values", "flat_values", "row_splits", "nested_row_splits", "indices", "dense_shape", "value_rowids"),
        *("nested_value_rowids", "nrows", "row_starts", "row_limits", "row_lengths", "nested_row_lengths"),
        *("bounding_shape", "with_values", "with_flat_values", "with_row_splits_dtype", "merge_dims", "to_tensor"),
        "to_sparse",
    }
)
"""Properties and methods of ragged and sparse tensors that tf_keras saves as layers."""


def is_pure(symbol: object) -> bool:
    """Whether a TFOpLambda layer may call this symbol."""
    if not isinstance(symbol, str):
        return False
    if OF_KERAS.fullmatch(symbol):
        return NOT_OF_KERAS.fullmatch(symbol.rpartition(".")[2]) is None
    return bool(PURE.fullmatch(symbol))
