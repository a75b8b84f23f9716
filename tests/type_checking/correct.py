# pyright: strict
"""A user's script without a mistake. Type checkers read it, nobody runs it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tfcompress
from tfcompress.typing import KerasModel, Quantization, TrainableModel

x, y = np.zeros((100, 8, 8, 1), np.float32), np.zeros(100, np.int64)


def stream() -> Iterator[npt.NDArray[np.float32]]:
    yield from x


def train(model: TrainableModel) -> None:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y), callbacks=[tfcompress.MagnitudePruning(0.8)])


def sizes(model: KerasModel, kinds: list[Quantization]) -> dict[str, int]:
    return {kind: tfcompress.convert(model, kind, samples=stream).size for kind in kinds}


model = tfcompress.load_keras(Path("model.keras"))
train(model)
print(model.count_params(), model.predict(x).argmax(1), sizes(model, ["int8", "float16"]))

qat_model = tfcompress.quantize_aware(
    model, include=["conv_*"], exclude=lambda layer: layer.name == "conv_1", samples=x
)
qat_model.fit(x, y, epochs=3, verbose=0)
train(qat_model)
print(qat_model.quantization.gaps, qat_model.evaluate(x, y))
train(tfcompress.strip_quantization(qat_model))

smaller = tfcompress.prune_channels(model, macs=0.5, importance="taylor", samples=(x, y))
print(smaller.channels.macs_share, smaller.get_layer("conv_1").name)
shrink = tfcompress.ShrinkChannels(ratio=0.5)
smaller.fit(x, y, callbacks=[shrink, tfcompress.MagnitudePruning({"conv_*": 0.5, "dense": lambda step: step / 1000})])
train(shrink.remove())
decay = tfcompress.PolynomialDecay(0, 0.8, begin_step=0, end_step=1000)
tfcompress.tfmot.prune(model, decay).fit(x, y, callbacks=tfcompress.tfmot.callbacks())
print(tfcompress.sparsity(model).total, [path for path, share in tfcompress.sparsity(model).items() if share > 0.5])

for samples in (
    x,
    x.tolist(),
    [*x],
    (x, y),
    {"image": x},
    "x.npz",
    Path("photos"),
    stream(),
    tfcompress.images("photos"),
):
    tfcompress.convert(model, samples=samples).save("model.tflite")
tflite = tfcompress.convert(qat_model, io="float32", calibration="minmax", keep_float="head/*", keep_int16=["gelu"])
floating = tfcompress.quantize("float.tflite", "weight_only_int4", keep_float=["SOFTMAX"])
print(tflite.inputs[0].shape, tflite.manifest["versions"], tfcompress.inspect(tflite).rows[0].layer)

comparison = tfcompress.compare(
    model, tflite, x, y, limits={"accuracy": 0.01, "mask/mean_io_u": (0.1, "lower_is_better")}
)
print(comparison.verdict, [score.keras - score.file for score in comparison.scores])
if comparison.accuracy_drop is not None and comparison.accuracy_drop > 0.01:
    print(tfcompress.layer_errors(floating, tflite, x).rows[0].sqnr)
    print(tfcompress.sensitivity(floating, tflite, x, y, max_accuracy_drop=0.01).keep_float)
by_runtime = tfcompress.compare(model, tflite, x, y.tolist(), runtime=["litert", "tflm"], metrics=["mean_io_u"])
print(by_runtime["tflm"].passed, {name: found.max_error for name, found in by_runtime.items()})
print(tfcompress.compare(model, tflite, {"image": x}, {"digit": y}, runtime="all").differing)

runner = tfcompress.Runner(tflite, runtime="reference", workers=2)
print(runner.predict(x).argmax(axis=1), runner.predict(x)["digit"], runner.inputs[0].name)
print(tfcompress.compare("model.keras", Path("model.tflite"), x, y).passed, tfcompress.convert("model.keras").size)
for target, found in tfcompress.check("model.tflite", ["cpu", "tflm"]).items():
    print(target, found.passed)
findings = tfcompress.check(tflite, "ethos-u55")
print(findings.passed, [finding.hint for finding in findings], tfcompress.preflight(model, "tflm").rows[0].int8)
print(tfcompress.latency(tflite, threads=[1, 4]).rows[0].median, tfcompress.energy(tflite).total)
packed = tfcompress.pack(tflite, arena=60_000, method="huffman")
print(packed.save("packed.tflite", manifest=False), packed.packing and packed.packing.pays)
print(tfcompress.before_after(floating, tflite)["bytes in flash"].share)
print(tfcompress.chips(tflite)["Raspberry Pi Pico"].fit, tfcompress.golden(tflite, "proof", x, y)[0].name)
print(tfcompress.compare_golden("proof/golden.npz", "proof/result.json")["reference"].differing)
print(tfcompress.export_c(tflite, "firmware", samples=x, layers=True)[0].name)
small = tfcompress.compress(model, (x, y), validation=(x, y), flash=64_000, workers="auto", study=Path("study"))
print(small.best.tflite.size, small.best.recipe.epochs, small.front[0].footprint.arena, small.passed, small.best.python)
print(small.save("front.html"), small.save_recipe("recipe.json"))
print(tfcompress.export_android(tflite, "assets", labels=["cat", "dog"], image=tfcompress.ImageInput(std=255.0)))
report = tfcompress.report({"int8": comparison, "all": by_runtime}, findings=[findings], pictures=x)
print(report.save("report.html"), report.to_dict()["title"])
try:
    tfcompress.merge_lora(model)
    tfcompress.reestimate_batch_norm(model, np.zeros((4, 3)))
    train(tfcompress.distill(model, teacher=model))
except tfcompress.TfcompressError as error:
    print(error)
