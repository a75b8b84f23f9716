"""The Kotlin of an Android package: a class that runs the file with floats, and a test of it on a device.

In: a `TFLiteModel`, the name of the package. Out: Kotlin text by file name.
Source of the interface: com.google.ai.edge.litert, `CompiledModel` and `TensorBuffer` of LiteRT 2.
"""

from __future__ import annotations

import json
import re

import numpy as np

from tfcompress.data.tensor_spec import TensorSpec
from tfcompress.deployment.c_text import comment, outputs_in_order, size
from tfcompress.litert.stateful_ops import has_state
from tfcompress.litert.tflite_model import TFLiteModel
from tfcompress.unique_names import unique

BUFFERS = {"int8": "Int8", "uint8": "Int8", "float32": "Float", "int32": "Int", "int64": "Long", "bool": "Boolean"}
"""What `TensorBuffer` writes and reads a type of the file as; it has nothing for others."""
WRITTEN = {"int32": "IntArray", "int64": "LongArray", "bool": "BooleanArray"}
"""What an application passes for inputs that stand for themselves; for all others it is floats."""
TEXT = """
as break class continue do else false for fun if in interface is null object package return super this throw true try
typealias typeof val var when while
"""
KEYWORDS = frozenset(TEXT.split())
TAKEN = frozenset({"CompiledModel", "TensorBuffer", "Accelerator", "AssetManager", "Closeable", "Outputs", "Math"})
TAKEN |= {"Boolean", "Byte", "Float", "Int", "Long", "String", "List"}
TAKEN |= {"BooleanArray", "ByteArray", "FloatArray", "IntArray", "LongArray"}
TAKEN |= {"AndroidJUnit4", "InstrumentationRegistry", "JSONArray", "JSONObject", "RunWith", "Test"}
"""Names that the file of the class, or that of its test, has already."""
PACKAGES = frozenset({"java", "kotlin"})
"""Packages that no application may have."""
LOCAL = frozenset(
    {"accelerator", "asset", "assets", "close", "dequantize", "inputs", "it", "model", "outputs", "quantize"}
)
LOCAL |= {"reset", "run"}


def unsupported(tflite: TFLiteModel) -> list[str]:
    """Return the inputs and outputs for which Kotlin's `TensorBuffer` has no type, or no one size."""
    both = (*tflite.inputs, *tflite.outputs)
    has_none = {spec: spec.dtype not in BUFFERS or (spec.scale is not None and spec.dtype in WRITTEN) for spec in both}
    return [str(spec) for spec in both if has_none[spec] or None in spec.shape[1:]]


def kotlin_sources(tflite: TFLiteModel, name: str, origin: str) -> dict[str, str]:
    """Return the text of each file.

    Args:
        tflite: The file, all of whose inputs and outputs have types of `BUFFERS`.
        name: The name of the package, which is that of the asset.
        origin: What it was made of, in a sentence.
    """
    words = re.findall(r"[A-Za-z0-9]+", name) or ["model"]
    kind = "".join(word[0].upper() + word[1:] for word in words)
    kind = f"Model{kind}" if kind[0].isdigit() else f"{kind}Model" if kind in TAKEN else kind
    package = f"{kind.lower()}_model" if kind.lower() in KEYWORDS | PACKAGES else kind.lower()
    return {
        f"{kind}.kt": _model(tflite, name, kind, package, origin),
        f"androidTest/{kind}GoldenTest.kt": _test(tflite, name, kind, package, origin),
    }


def _names(specs: list[TensorSpec]) -> list[str]:
    """Return a Kotlin name for each tensor."""
    taken = {*LOCAL}
    names = []
    for spec in specs:
        words = re.findall(r"[A-Za-z0-9]+", spec.name.removesuffix(":0")) or ["tensor"]
        camel = words[0][0].lower() + words[0][1:] + "".join(word[0].upper() + word[1:] for word in words[1:])
        camel = f"tensor{camel}" if camel[0].isdigit() else camel
        names.append(unique(f"{camel}Values" if camel in KEYWORDS else camel, taken))
    return names


def _model(tflite: TFLiteModel, name: str, kind: str, package: str, origin: str) -> str:
    inputs, outputs = list(tflite.inputs), outputs_in_order(tflite)
    given, taken = _names(inputs), _names(outputs)
    parameters = ", ".join(f"{one}: {_array(spec)}" for one, spec in zip(given, inputs, strict=True))
    fields = "\n".join(
        f"        /** {_comment(spec)} */\n        val {one}: {_array(spec)}{',' if one != taken[-1] else ''}"
        for one, spec in zip(taken, outputs, strict=True)
    )
    writes = "\n".join(
        f"        {_write(one, place, spec)}" for place, (one, spec) in enumerate(zip(given, inputs, strict=True))
    )
    reads = ",\n".join(f"            {_read(place, spec)}" for place, spec in enumerate(outputs))
    sizes = "\n".join(
        f'        require({one}.size == {size(spec)}) {{ "{one} must have {size(spec)} values, not ${{{one}.size}}" }}'
        for one, spec in zip(given, inputs, strict=True)
    )
    state = ""
    if has_state(tflite):
        state = "\n * It keeps state from one run to the next: call [reset] before each sample that stands for itself."
    listed_in = ", ".join(_string(spec.name) for spec in inputs)
    listed_out = ", ".join(_string(spec.name) for spec in outputs)
    return f"""// {origin}
package {package}

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.TensorBuffer
import java.io.Closeable

/**
 * The model in the asset {name}.tflite: floats in and out as the Keras model takes and gives them, in the order of
 * rows. Needs the package com.google.ai.edge.litert:litert. Not for several threads at once.{state}
 */
class {kind}(
    private val assets: AssetManager,
    private val accelerator: Accelerator = Accelerator.CPU,
    private val asset: String = {_string(f"{name}.tflite")}
) : Closeable {{
    /** What the model puts out. */
    class Outputs(
{fields}
    )

    private var model: CompiledModel
    private var inputs: List<TensorBuffer>
    private var outputs: List<TensorBuffer>

    init {{
        model = compiled()
        inputs = INPUTS.map {{ model.createInputBuffer(it) }}
        outputs = OUTPUTS.map {{ model.createOutputBuffer(it) }}
    }}

    private fun compiled() = CompiledModel.create(assets, asset, CompiledModel.Options(accelerator), null)

    /** Runs one sample. */
    fun run({parameters}): Outputs {{
{sizes}
{writes}
        model.run(INPUTS.zip(inputs).toMap(), OUTPUTS.zip(outputs).toMap())
        return Outputs(
{reads}
        )
    }}

    /** Returns to the initial state: a CompiledModel has no call for that, so it is made anew. */
    fun reset() {{
        close()
        model = compiled()
        inputs = INPUTS.map {{ model.createInputBuffer(it) }}
        outputs = OUTPUTS.map {{ model.createOutputBuffer(it) }}
    }}

    override fun close() {{
        inputs.forEach {{ it.close() }}
        outputs.forEach {{ it.close() }}
        model.close()
    }}

    companion object {{
        private val INPUTS = listOf({listed_in})
        private val OUTPUTS = listOf({listed_out})

        /** Divide, round half to even, clip, and only then cast: a cast alone turns +1.0 into -128. */
        fun quantize(number: Float, scale: Float, zeroPoint: Int, low: Int, high: Int): Byte {{
            val steps = Math.rint((number / scale).toDouble()).toFloat() + zeroPoint.toFloat()
            return Math.min(Math.max(steps, low.toFloat()), high.toFloat()).toInt().toByte()
        }}

        fun dequantize(integer: Int, scale: Float, zeroPoint: Int): Float =
            (integer.toFloat() - zeroPoint.toFloat()) * scale
    }}
}}
"""


def _array(spec: TensorSpec) -> str:
    return "FloatArray" if spec.scale is not None or spec.dtype in ("float32", "int8", "uint8") else WRITTEN[spec.dtype]


def _arithmetic(spec: TensorSpec) -> str:
    scale = np.format_float_scientific(np.float32(1 if spec.scale is None else spec.scale), unique=True, min_digits=1)
    return f"{scale}f, {spec.zero_point or 0}"


def _write(name: str, place: int, spec: TensorSpec) -> str:
    if spec.dtype in ("int8", "uint8"):
        limits = np.iinfo(spec.dtype)
        call = f"quantize({name}[it], {_arithmetic(spec)}, {limits.min}, {limits.max})"
        return f"inputs[{place}].writeInt8(ByteArray({name}.size) {{ {call} }})"
    return f"inputs[{place}].write{BUFFERS[spec.dtype]}({name})"


def _read(place: int, spec: TensorSpec) -> str:
    read = f"outputs[{place}].read{BUFFERS[spec.dtype]}()"
    if spec.dtype in ("int8", "uint8"):
        integer = "byte.toInt()" if spec.dtype == "int8" else "(byte.toInt() and 0xff)"
        values = (
            f"values -> FloatArray(values.size) {{ val byte = values[it]; dequantize({integer}, {_arithmetic(spec)}) }}"
        )
        return f"{read}.let {{ {values} }}"
    return read


def _test(tflite: TFLiteModel, name: str, kind: str, package: str, origin: str) -> str:
    inputs, outputs = list(tflite.inputs), outputs_in_order(tflite)
    given = ", ".join(
        f"{'floats' if _array(spec) == 'FloatArray' else WRITTEN[spec.dtype].lower().replace('array', 's')}"
        f'(values("inputs", {place}, sample))'
        for place, spec in enumerate(inputs)
    )
    checks = "\n".join(
        f'                hold("{_comment(spec)}", values("outputs", {place}, sample), '
        f"found.{one}{'' if _array(spec) == 'FloatArray' else _as_floats(spec)}, {_step(tflite, spec, place)})"
        for place, (one, spec) in enumerate(zip(_names(outputs), outputs, strict=True))
    )
    needed = {_array(spec) for spec in inputs}
    helpers = "\n\n".join(text for array, text in HELPERS.items() if array in needed | {"FloatArray"})
    return f"""// {origin}
package {package}

import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith

/**
 * Holds the model on this device against {name}_golden.json, which LiteRT's optimised kernels computed on a computer:
 * those of another processor may round an integer to the next one. Goes into src/androidTest.
 */
@RunWith(AndroidJUnit4::class)
class {kind}GoldenTest {{
    private val assets = InstrumentationRegistry.getInstrumentation().targetContext.assets
    private val text = assets.open({_string(f"{name}_golden.json")}).bufferedReader().use {{ it.readText() }}
    private val golden = JSONObject(text)

    @Test
    fun computesTheGoldenOutputs() {{
        {kind}(assets).use {{ model ->
            val count = golden.getJSONArray("inputs").getJSONObject(0).getJSONArray("floats").length()
            for (sample in 0 until count) {{
                if (golden.getString("state") != "none") model.reset()
                val found = model.run({given})
{checks}
            }}
        }}
    }}

    private fun values(side: String, place: Int, sample: Int): JSONArray =
        golden.getJSONArray(side).getJSONObject(place).getJSONArray("floats").getJSONArray(sample)

    private fun largest(row: JSONArray) = (0 until row.length()).maxOf {{ Math.abs(row.getDouble(it)) }}.toFloat()

    private fun hold(name: String, expected: JSONArray, found: FloatArray, step: Float) {{
        assertEquals(name, expected.length(), found.size)
        for (i in found.indices) assertEquals("$name, value $i", expected.getDouble(i).toFloat(), found[i], step)
    }}

{helpers}
}}
"""


HELPERS = {
    "FloatArray": "    private fun floats(row: JSONArray) = FloatArray(row.length()) { row.getDouble(it).toFloat() }",
    "IntArray": "    private fun ints(row: JSONArray) = IntArray(row.length()) { row.getDouble(it).toInt() }",
    "LongArray": "    private fun longs(row: JSONArray) = LongArray(row.length()) { row.getDouble(it).toLong() }",
    "BooleanArray": "    private fun booleans(row: JSONArray) = BooleanArray(row.length()) { row.getInt(it) != 0 }",
}


def _as_floats(spec: TensorSpec) -> str:
    value = "if (it) 1f else 0f" if spec.dtype == "bool" else "it.toFloat()"
    return f".map {{ {value} }}.toFloatArray()"


def _step(tflite: TFLiteModel, spec: TensorSpec, place: int) -> str:
    """Return by how much a value may differ: one step of integers, and what floats lose by another order of sums."""
    scale = spec.scale
    index = next(index for index, other in tflite.bound_outputs if other == spec)
    writer = tflite.writers.get((0, index))
    if writer is not None and writer.name == "DEQUANTIZE" and writer.inputs[0].scales:
        scale = writer.inputs[0].scales[0]  # floats that are integers inside
    if scale is not None:
        return f"{np.float32(1.01 * scale)}f"
    return f'1e-3f * largest(values("outputs", {place}, sample))' if spec.dtype == "float32" else "0f"


def _string(text: str) -> str:
    """Return a Kotlin string."""
    return json.dumps(text).replace("$", "\\$")


def _comment(spec: TensorSpec) -> str:
    """Return what a tensor is, so that it ends neither a comment, which nest in Kotlin, nor a string."""
    return comment(str(spec)).replace("*/", "*?").replace("/*", "/?").replace('"', "?").replace("$", "?")
