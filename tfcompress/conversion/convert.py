"""A Keras model becomes a .tflite file that is what was asked for.

In: a built model of either Keras, a kind of quantization, samples. Out: a `TFLiteModel` with batch 1, static shapes,
the Keras names and a manifest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from tfcompress.console import progress
from tfcompress.conversion.chosen_layers import chosen_mixture
from tfcompress.conversion.conversion_settings import (
    require_compatible,
    require_known,
    settings_entry,
    uses_trained_ranges,
)
from tfcompress.conversion.converter_flags import converter_flags
from tfcompress.conversion.converter_process import BITS, LOSSES, ask_converter, converter_process
from tfcompress.conversion.export import export_saved_model, in_float32
from tfcompress.conversion.export_forms import integer_forms
from tfcompress.conversion.finalize_file import begun_manifest, finalize_file
from tfcompress.conversion.input_output_ranges import extremes, with_all_extremes
from tfcompress.conversion.input_scaling import warn_of_other_scale
from tfcompress.conversion.layer_decisions import decisions
from tfcompress.conversion.layer_names import layer_map
from tfcompress.conversion.loss_warnings import warn_of_losses, warn_of_lost_features
from tfcompress.conversion.oldest_runtime import require_release, runtime_entry
from tfcompress.conversion.proof import require_builtin, require_int4, require_integer, require_runs, runs_once
from tfcompress.conversion.range_estimators import Method
from tfcompress.conversion.samples import Calibration, write_samples
from tfcompress.conversion.weight_bits import bits_from_json, require_fitting, require_flash, tell_bits, with_bits
from tfcompress.data.data_forms import Data
from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.errors import DataError, ModelError
from tfcompress.fork_safety import require_tensorflow_threads
from tfcompress.keras_compat import model_io, model_view
from tfcompress.keras_compat.keras_quantized import require_float_weights
from tfcompress.keras_compat.qat_layers import cell_ranges, trained_scheme, without_ranges
from tfcompress.keras_compat.tfmot_layers import require_stripped
from tfcompress.keras_compat.traceable_names import require_traceable_names
from tfcompress.litert.runtimes import release_of, requantizes_to_int16
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.model_files.load_keras import as_model
from tfcompress.old_spellings import tells_old_keywords
from tfcompress.scheme import SCHEMES, Scheme
from tfcompress.selection import Patterns
from tfcompress.temporary_files import temporary_folder
from tfcompress.typing import InOut, KerasModel, Quantization, StrPath

PACKAGES = ("tensorflow", "keras", "tf-keras", "ai-edge-litert", "numpy")


@tells_old_keywords
def convert(
    model: KerasModel | StrPath,
    quantization: Quantization | None = None,
    *,
    samples: Data | None = None,
    io: InOut | None = None,
    calibration: Method = "mse",
    keep_float: Patterns = None,
    keep_int16: Patterns = None,
    keep_int8: Patterns = None,
    recover: bool = False,
    flash: int | None = None,
    extra_ops: Sequence[str] = (),
    runtime: str | None = None,
) -> TFLiteModel:
    """Convert a Keras model to a .tflite file with batch 1 and static shapes.

    Args:
        model: A built model of Keras 3 or tf_keras, or the path of its file. Sizes left open in its inputs are taken
            from `samples`. Of a quantization-aware one the float model is converted wherever its trained ranges are not
            what is asked for: another kind than it was trained for, layers chosen now.
        quantization: "int8": weights, activations and arithmetic in int8, each op proven. "int8x4": the same with
            weights of four bits in convolutions and dense layers. "int16x8": int8 weights, int16 activations.
            "dynamic": int8 weights, float activations. "float16": float16 weights. "float32": nothing quantized.
            Default: what a quantization-aware model was trained for, else "int8".
        samples: Typical inputs for calibration, needed for integer files unless the model is quantization-aware, whose
            ranges were trained: an array of shape (samples, …), a list, a dict by input name, a `tf.data.Dataset`, a
            generator, the path of a .npz or .npy file or of a folder of images, or `tfcompress.images(…)`. Labels in
            (x, y) are dropped. 1,000 samples are read for the ranges inside the model, and all of arrays, files,
            folders and datasets of known size for those of its inputs and outputs.
        io: Type of inputs and outputs. Default: that of the activations. "uint8" only where that is "int8".
        calibration: How ranges follow from the samples. "mse" (default): the range with the least mean squared error.
            "percentile": all but one in 10,000 values on either side. "minmax": everything that was seen.
            Inputs and outputs of the model, and what is in int16, always keep everything that was seen.
        keep_float: Layers of an integer file whose ops stay in float, by name, path, glob, class or function.
        keep_int16: Layers of an "int8" or "int8x4" file whose activations are in int16.
        keep_int8: Layers of an "int8x4" file whose weights keep 8 bits; [] for none. Default: the first and the last
            layers with weights, and depthwise convolutions.
        recover: Get back, from the samples, what integers lose: channels get factors, ranges follow from what reads
            them, and weights are learned (Nagel et al., ICCV 2019; Frantar et al., ICLR 2023). 500 to 1,000 are best.
        flash: The most bytes that the file may take. In an "int8x4" file it decides which layers keep weights of 8 bits
            beside those in `keep_int8`: those in which four would add most noise on the samples. Elsewhere a larger
            file is an error.
        extra_ops: TensorFlow ops without a TFLite form that may go along, such as ("Erf",), in a file that is not
            integer. Only runtimes with the Flex delegate run them.
        runtime: The oldest LiteRT that must run the file, such as "1.4"; an op that it refuses is an error. Default:
            any, with ops that old runtimes have wherever there is a choice; a warning tells where the file needs a
            runtime younger than two years. From "2.1.3" on int8 becomes int16 in one op instead of two, which spares
            memory on microcontrollers.

    Returns:
        The file as a `TFLiteModel`; its signature has the Keras names, its manifest tells how it was made.

    Raises:
        ModelError: no built Keras model, or a size that is open and not in the samples.
        SettingError: an unknown quantization or io, or settings that contradict each other.
        SelectionError: a pattern matches no layer, or only layers without an op.
        DataError: samples are missing or do not fit.
        ConversionError: the converter gives up, leaves other ops of an integer file in float, needs ops that the
            runtime asked for refuses, or cannot make the file as small as `flash` says.

    Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018.

    Example:
        >>> tflite = tfcompress.convert(model, "int8", samples=x_train[:500])
        >>> str(tflite.save("model.tflite"))
        'model.tflite'
    """
    model = as_model(model)
    quantization = trained_scheme(model) if quantization is None else quantization
    io = require_known(quantization, io, calibration)
    scheme = SCHEMES[quantization]
    asked = None if runtime is None else release_of(runtime)
    require_flash(flash)
    specs = model_io.inputs(model)
    require_tensorflow_threads()
    require_float_weights(model)
    require_stripped(model)
    require_traceable_names(model)
    ranged = uses_trained_ranges(
        model,
        scheme,
        has_samples=samples is not None,
        has_open_sizes=any(None in spec.shape[1:] for spec in specs),
        keeps=(keep_float, keep_int16),
        keep_int8=keep_int8,
    )
    require_compatible(scheme, ranged, extra_ops, recover)
    if not ranged:
        model = without_ranges(model)  # what training has rounded would be rounded twice
    mixture = chosen_mixture(model, scheme, ranged, keep_float, keep_int16, keep_int8)
    with temporary_folder() as folder, progress("checking samples") as advance:
        measured = None if ranged else _calibration(samples, scheme, specs, folder, recover)
        static = tuple(measured.specs if measured else _static(specs))
        converter_process.start()  # it loads the converter while the model is exported here
        if measured is not None:
            warn_of_other_scale(model, measured)
            if scheme.is_integer:
                warn_of_lost_features(model, measured, quantization, io, mixture.keep_float)
        advance(0, stage="exporting the model")
        float_model = in_float32(model)
        if measured is not None:
            predict = model_io.predictor(float_model)
            measured = with_all_extremes(
                samples,
                measured,
                lambda inputs: [extremes(array) for array in predict(inputs).values()],
                lambda count: advance(count, stage="measuring inputs and outputs on all samples"),
            )
        forms = integer_forms(float_model, lambda path: scheme.activations == "int8" and not mixture.is_apart(path))
        # Trained layers have forms of their own; those that stay float are unrolled here, as a file has no loops.
        with forms if scheme.is_integer and (measured or hasattr(model, "origin")) else nullcontext():
            target = folder / "saved_model"
            output_names = export_saved_model(float_model, target, static, loops=not scheme.is_integer)
        advance(0, stage=f"converting to {quantization}")
        fingerprint = model_view.fingerprint(model)
        flags = converter_flags(
            folder / "saved_model",
            "float32" if ranged else quantization,  # without optimizations fake quants stay, and become ranges
            io,
            calibrated=measured is not None and scheme.is_integer,
            extra_ops=bool(extra_ops),
            model_hash=int(fingerprint[:15], 16),
        )
        names = {f"input_{index}": spec.name for index, spec in enumerate(static)}
        names |= {f"output_{index}": name for index, name in enumerate(output_names)}
        begun = begun_manifest(
            PACKAGES,
            settings=settings_entry(scheme, io, runtime, recover, flash, mixture),
            calibration={"method": calibration, **measured.summary()} if measured else None,
            model={"keras": model_view.flavour(model), "name": model.name, "sha256": fingerprint},
        )
        fits = flash is not None and scheme.activations == "int8" and not ranged
        request = {
            "folder": str(folder),
            "flags": flags.to_dict(),
            "quantization": quantization,
            "io": io,
            "method": calibration,
            "mixture": mixture.to_dict(),
            "extra_ops": bool(extra_ops),
            "cell_ranges": cell_ranges(model) if ranged else {},
            "recover": recover,
            "flash": {"flash": flash, "manifest": begun, "names": names, "attached": 0} if fits else None,
            "requantize": asked is not None and requantizes_to_int16(asked),
            "calibration": measured.to_dict() if measured else None,
        }
        content = ask_converter(converter_process, "TensorFlow's converter", request, advance)
        losses, bits = (json.loads((folder / name).read_text()) for name in (LOSSES, BITS))
        converted = TFLiteModel(content)
        tensors = [tensor.name for graph in converted.subgraphs for tensor in graph]
        layers = layer_map(tensors, mixture.paths, model.name)
        require_builtin(converted, extra_ops, layers)
        if scheme.is_integer:
            own = {spec.dtype for spec in specs} - {"float32"}
            if scheme.weights == "int4" and not fits:
                require_int4(converted)
            require_integer(converted, io, layers, lambda name: mixture.kind(name) == "float", own)
        if asked is not None:
            require_release(converted, asked, layers)
        advance(0, stage="running it once")
        runs = {} if extra_ops else runs_once(converted, converter_process)  # which is there, and has the runtime
    floats = [name for loss in losses for name in (loss["op"], *loss["keep"])]
    warn_of_losses(losses, layer_map(floats, mixture.paths, model.name), quantization, io)
    require_runs(runs, "Replace the layer that makes the op named there, or leave it in float with keep_float=[…].")
    made = finalize_file(
        converted,
        names,
        with_bits(begun, bits := bits_from_json(bits)),
        layers=layers,
        decisions=decisions(converted, layers, {name for name in tensors if mixture.kind(name) == "float"}),
        runtime=runtime_entry(converted, layers, tell=asked is None),
        runs=runs,
    )
    require_fitting(made, flash)
    if scheme.weights == "int4" and not ranged:
        tell_bits(made, layers, bits, flash)
    return made


def _calibration(
    samples: Data | None, scheme: Scheme, specs: list[TensorSpec], folder: Path, recover: bool
) -> Calibration | None:
    if scheme.is_integer and samples is None:
        raise DataError(
            f"Quantization to {scheme.name!r} needs samples, on which the ranges of activations are measured.",
            received="samples=None",
            hint="Pass 50 to 500 typical inputs, such as samples=x_train[:500].",
        )
    return None if samples is None else write_samples(samples, specs, folder, recover)


def _static(specs: list[TensorSpec]) -> list[TensorSpec]:
    for spec in specs:
        if None in spec.shape[1:]:
            raise ModelError(
                "A .tflite file has static shapes, so every size of an input must be known.",
                received=str(spec),
                hint="Pass samples of the size to be used, or rebuild the model with a fixed keras.Input.",
            )
    return [replace(spec, shape=(1, *spec.shape[1:])) for spec in specs]
