"""Packed files compute what plain ones do, take less, tell so, and nothing believes a damaged one."""

import shutil

import numpy as np
import pytest

import tfcompress
from tests.deployment.test_export_c import compiled
from tfcompress.litert.constants import packed_int4
from tfcompress.litert.graph import EditableFile, Graph, Op, Quantization, Signature, Value
from tfcompress.litert.serialization import options, read_graph, write_graph
from tfcompress.litert.write_metadata import sign
from tfcompress.runtime.tflm_arena import least_arena

pytestmark = pytest.mark.micro


def scaled(name, shape, dtype="int8", scale=0.05, content=None):
    value = Value(name, shape, dtype, quantization=Quantization(np.full(1, scale, np.float32), np.zeros(1, np.int64)))
    if content is not None:
        value.content = np.frombuffer(np.ascontiguousarray(content).tobytes(), np.uint8)
    return value


def dense_file(kernels, *, size=64, dtype="int8", shared=False):
    """A file of dense layers one after the other, each with the kernel of its number."""
    x = scaled("x", (1, size))
    graph = Graph("main", values=[x], inputs=[x])
    first = None
    for number, kernel in enumerate(kernels):
        content = packed_int4(kernel) if dtype == "int4" else kernel
        weights = scaled(f"kernel_{number}", kernel.shape, dtype, content=content)
        if shared:
            first = first or weights
            weights.content = first.content
        bias = scaled(f"bias_{number}", kernel.shape[:1], "int32", 0.05 * x.scale, np.zeros(len(kernel), np.int32))
        y = scaled(f"y_{number}", (1, len(kernel)), scale=0.5)
        graph.values += [weights, bias, y]
        graph.append(Op("FULLY_CONNECTED", [x, weights, bias], [y], options("FullyConnected"), version=4))
        x = y
    graph.outputs = [x]
    graph.signatures = [Signature("serving_default", [("x", graph.inputs[0])], [("y", x)])]
    return tfcompress.TFLiteModel(write_graph(EditableFile([graph])))


def sparse(rng, shape=(64, 64), zeros=0.8, low=-127, high=127):
    return np.where(rng.random(shape) < zeros, 0, rng.integers(low, high + 1, shape)).astype(np.int8)


def outputs(tflite, rng):
    x = {"x": rng.integers(-128, 128, (20, 64)).astype(np.float32) * 0.05}
    return tfcompress.Runner(tflite, runtime="tflm", workers=1).predict(x)


@pytest.fixture(scope="module")
def plain():
    return dense_file([sparse(np.random.default_rng(number)) for number in range(3)])


@pytest.fixture(scope="module")
def packed(plain):
    return tfcompress.pack(plain)


SLOW = [pytest.param(method, marks=pytest.mark.slow) for method in ("pruning_mask", "huffman")]


@pytest.mark.parametrize("method", ["auto", "lookup_table", *SLOW])
def test_each_method_computes_the_same_in_fewer_bytes(method, rng):
    kernels = [sparse(rng, low=0, high=9) for _ in range(2)]
    plain = dense_file(kernels)
    packed = tfcompress.pack(plain, method=method)
    assert packed.size < plain.size - 3000
    used = {row.method for row in packed.packing.rows} - {"raw"}
    assert used == {"huffman" if method == "auto" else method}
    assert np.array_equal(outputs(packed, np.random.default_rng(1)), outputs(plain, np.random.default_rng(1)))
    assert np.array_equal(packed.constant(packed.ops[0].outputs[0]), kernels[0])


def test_the_table_tells_bytes_arena_and_whether_it_pays(plain, packed):
    told = packed.packing
    assert (told.size_before, told.size_after, told.saved) == (plain.size, packed.size, plain.size - packed.size)
    assert (told.arena_before, told.arena_after) == (least_arena(plain), least_arena(packed))
    assert [row.before for row in told.rows if row.method != "raw"] == 3 * [4096]
    assert sum(row.after for row in told.rows) < sum(row.before for row in told.rows)
    assert not told.pays
    assert "it does not pay" in str(packed)
    assert "kernel_1" in str(packed)
    assert dense_file([sparse(np.random.default_rng(0), (640, 64))]).packing is None
    large = tfcompress.pack(dense_file([sparse(np.random.default_rng(0), (640, 64))]))
    assert large.packing.pays
    assert "it pays" in large.packing.headline


def test_inspect_check_and_energy_know_packed_files(plain, packed):
    found = tfcompress.inspect(packed)
    dense = [row for row in found.rows if row.name == "FULLY_CONNECTED"]
    assert [row.zeros for row in dense] == [row.zeros for row in tfcompress.inspect(plain).rows]
    assert found.macs == tfcompress.inspect(plain).macs
    assert "pruning mask" in str(found)
    assert found.to_dict()["packing"]["saved"] == packed.packing.saved
    assert tfcompress.check(packed, "tflm").passed
    assert tfcompress.energy(packed).weights_from_dram < tfcompress.energy(plain).weights_from_dram


def test_other_runtimes_name_the_plain_file(plain, tmp_path):
    plain.save(tmp_path / "dense.tflite")
    packed = tfcompress.pack(tmp_path / "dense.tflite")
    for use in (
        lambda: tfcompress.Runner(packed),
        lambda: tfcompress.Runner(packed, runtime="reference"),
        lambda: tfcompress.latency(packed, seconds=0.1),
        lambda: tfcompress.export_android(packed, tmp_path / "assets"),
    ):
        with pytest.raises(tfcompress.RunError, match=r"the plain file dense.tflite \([\d,]+ bytes, SHA-256"):
            use()
    for target in ("cpu", "gpu"):
        (finding,) = tfcompress.check(packed, target)
        assert "dense.tflite" in finding.hint
    changes = tfcompress.before_after(plain, packed)
    assert changes["bytes in flash"].share < 0.8
    assert "LiteRT runs no packed file" in str(changes)


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_firmware_registers_the_op(packed, tmp_path):
    paths = tfcompress.export_c(packed, tmp_path, name="net")
    assert "AddDecode()" in next(path for path in paths if path.name == "net_ops.h").read_text()
    compiled(tmp_path)


@pytest.mark.slow
def test_an_arena_limit_leaves_constants_plain_and_tells_the_least(plain, packed):
    before, after = packed.packing.arena_before, packed.packing.arena_after
    kernels = [sparse(np.random.default_rng(number), (64, 64)) for number in range(2)]
    mixed = dense_file([sparse(np.random.default_rng(9), (512, 64)), np.repeat(kernels[0], 8, axis=1), kernels[1]])
    whole = tfcompress.pack(mixed).packing
    limit = (whole.arena_before + whole.arena_after) // 2
    part = tfcompress.pack(mixed, arena=limit).packing
    assert part.arena_after <= limit < whole.arena_after
    assert whole.size_after < part.size_after < part.size_before
    with pytest.raises(tfcompress.SettingError, match=r"arena must be at least ([\d,]+) bytes") as caught:
        tfcompress.pack(plain, arena=100)
    least = int(caught.value.required.split("at least ")[1].split()[0].replace(",", ""))
    assert before < least <= after
    assert tfcompress.pack(plain, arena=least).packing.arena_after == least


def test_constants_that_are_shared_are_packed_once(rng):
    kernel = sparse(rng)
    shared = tfcompress.pack(dense_file([kernel, kernel, kernel], shared=True))
    assert len([row for row in shared.packing.rows if row.method != "raw"]) == 1
    assert len([op for op in shared.ops if op.name == "TFLM_DECODE"]) == 3


def test_a_constant_of_no_layer_is_called_like_one_that_reads_it(plain):
    file = read_graph(plain.content)
    for op in file.main.ops:
        op.inputs[1].name = "arith.constant"
    layers = {"layers": {f"y_{number}": f"dense_{number}" for number in range(3)}}
    sign(file, {}, layers)
    packed = tfcompress.pack(tfcompress.TFLiteModel(write_graph(file)))
    assert [row.name for row in packed.packing.rows[:3]] == ["dense_0", "dense_1", "dense_2"]


def test_weights_of_four_bits_stay_where_that_is_smaller(rng):
    dense, mostly_zero = sparse(rng, zeros=0, low=-7, high=7), sparse(rng, zeros=0.9, low=-7, high=7)
    plain = dense_file([dense, mostly_zero], dtype="int4")
    packed = tfcompress.pack(plain)
    rows = {row.name: row for row in packed.packing.rows}
    assert rows["kernel_0"].method == "raw"
    assert rows["kernel_1"].before == 2048 > rows["kernel_1"].after
    assert np.array_equal(outputs(packed, np.random.default_rng(1)), outputs(plain, np.random.default_rng(1)))


def test_what_kernels_read_while_they_allocate_is_never_packed(rng):
    import keras

    model = keras.Sequential([keras.Input((8, 16)), keras.layers.LSTM(24), keras.layers.Dense(40)])
    for layer in model.layers:
        weights = layer.get_weights()
        layer.set_weights([np.where(rng.random(one.shape) < 0.8, 0, one) if one.ndim > 1 else one for one in weights])
    packed = tfcompress.pack(tfcompress.convert(model, samples=rng.normal(size=(60, 8, 16))))
    at = next(place for place, op in enumerate(packed.ops) if op.name == "UNIDIRECTIONAL_SEQUENCE_LSTM")
    assert all(tensor.bytes for tensor in packed.ops[at].inputs[1:9])
    assert [op.name for op in packed.ops].count("TFLM_DECODE") == 1


def test_mistakes_are_told(plain, packed, rng):
    import keras

    with pytest.raises(tfcompress.SettingError, match=r"packed already.*the file that it was made of"):
        tfcompress.pack(packed)
    with pytest.raises(tfcompress.SettingError, match=r"1 constants that may be packed, none of which gets smaller"):
        tfcompress.pack(dense_file([sparse(rng, zeros=0)]))
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64)])
    for scheme in ("float32", "float16"):
        with pytest.raises(tfcompress.SettingError, match=r'weights of floats.*Convert with "int8"'):
            tfcompress.pack(tfcompress.convert(model, scheme))
    for wrong in (0, -5, 1.5, True):
        with pytest.raises(tfcompress.SettingError, match="arena must be a number of bytes"):
            tfcompress.pack(plain, arena=wrong)
    with pytest.raises(tfcompress.SettingError, match="Did you mean 'huffman'"):
        tfcompress.pack(plain, method="hufman")


def test_a_file_without_manifest_computes_the_same(plain, packed, tmp_path):
    bare = tfcompress.load(packed.save(tmp_path / "bare.tflite", manifest=False))
    assert bare.size < packed.size
    assert bare.manifest == {}
    assert [spec.name for spec in bare.inputs] == [spec.name for spec in packed.inputs]
    assert not any(name in bare.content for name in (b"kernel_1", b"y_0"))
    assert np.array_equal(outputs(bare, np.random.default_rng(1)), outputs(plain, np.random.default_rng(1)))
    assert bare.packing.rows[0].method == packed.packing.rows[0].method


def test_every_changed_weight_is_an_error(packed, rng):
    held = [value for value in packed.file.main.values if value.is_constant]
    assert held
    for value in held:
        start = packed.content.index(value.content.tobytes())
        for place in {0, len(value.content) - 1, int(rng.integers(len(value.content)))}:
            content = bytearray(packed.content)
            content[start + place] ^= 1 << int(rng.integers(8))
            with pytest.raises(tfcompress.FileError):
                tfcompress.TFLiteModel(bytes(content))


@pytest.mark.parametrize("count", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_damaged_files_end_in_an_error_or_run_within_bounds(packed, count, tmp_path):
    """Without a checksum, so that damage reaches decoders and TFLM; every other file is hit in a stream or a table."""
    content = packed.save(tmp_path / "bare.tflite", manifest=False).read_bytes()
    parts = [value.content.tobytes() for value in read_graph(content).main.values if value.is_constant]
    endings = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        part = parts[seed // 2 % len(parts)]
        places = rng.integers(0, len(content), 4) if seed % 2 else content.index(part) + rng.integers(0, 24, 2)
        damaged = bytearray(content)
        for place in places:
            damaged[place] = int(rng.integers(256))
        try:
            tflite = tfcompress.TFLiteModel(bytes(damaged))
            assert str(tfcompress.inspect(tflite))
            assert str(tfcompress.check(tflite, "tflm"))
            tfcompress.Runner(tflite, runtime="tflm", workers=1).predict(np.zeros((2, 64), np.float32))
            endings.append("well")
        except tfcompress.TfcompressError as error:
            endings.append("killed" if "SIG" in str(error) else type(error).__name__)
    assert {*endings} <= {"well", "FileError", "RunError", "DataError"}
    assert "FileError" in endings
