"""What holds of every model that was trained quantized: its file has no float op, and computes what the model does."""

import numpy as np

import tfcompress
from tfcompress.litert.inspect import float_ops


def require_agreement(model, data):
    """Hold a float model, once quantization-aware, against its file on the reference kernels, output by output."""
    qat_model = tfcompress.quantize_aware(model, samples=data)
    assert qat_model.quantization.gaps == []
    tflite = tfcompress.convert(qat_model)
    assert float_ops(tflite) == []
    found = tfcompress.Runner(tflite, runtime="reference").predict(data)
    ours = dict(zip(qat_model.output_names, qat_model.predict(data, verbose=0), strict=True))
    for output in tflite.outputs:
        assert (np.abs(ours[output.name] - found[output.name]) < 1.01 * output.scale).mean() > 0.99, output.name
