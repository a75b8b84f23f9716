"""Sony's model_compression_toolkit, in its own environment, as it needs an older TensorFlow.

FOLDER holds model.json, weights.npz and samples.npy; out.tflite comes beside them.

    .venv-mct/bin/python benchmarks/mct_child.py FOLDER
"""

import sys
from pathlib import Path

import model_compression_toolkit as mct
import numpy as np
import tensorflow as tf


def main() -> None:
    folder = Path(sys.argv[1])
    model = tf.keras.models.model_from_json((folder / "model.json").read_text())
    model.set_weights([*np.load(folder / "weights.npz").values()])
    x = np.load(folder / "samples.npy")
    # Its own "tflite" capabilities raise a ValueError in 2.6.1; these are int8 as well.
    capabilities = mct.get_target_platform_capabilities(tpc_version="1.0", device_type="qnnpack")
    quantized, _ = mct.ptq.keras_post_training_quantization(
        model, lambda: ([sample[None]] for sample in x), target_platform_capabilities=capabilities
    )
    mct.exporter.keras_export_model(
        quantized,
        save_model_path=str(folder / "out.tflite"),
        serialization_format=mct.exporter.KerasExportSerializationFormat.TFLITE,
        quantization_format=mct.exporter.QuantizationFormat.INT8,
    )


if __name__ == "__main__":
    main()
