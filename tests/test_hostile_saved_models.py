"""SavedModels whose graphs touch files or Python: refused by the op's name, before TensorFlow loads them."""

import os
from pathlib import Path

import pytest

from tfcompress import ModelError, load_keras
from tfcompress.keras_compat import model_io


def save(folder, function, **attributes):
    import tensorflow as tf

    module = tf.Module()
    module.call = tf.function(function, input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
    for name, value in attributes.items():
        setattr(module, name, value)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
    return folder


def edit(folder, change):
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(Path(folder, "saved_model.pb").read_bytes())
    change(saved.meta_graphs[0])
    Path(folder, "saved_model.pb").write_bytes(saved.SerializeToString())


def after(effect):
    import tensorflow as tf

    def call(x):
        with tf.control_dependencies([effect(tf)]):
            return {"y": tf.identity(x)}

    return call


OPS = {
    "WriteFile": lambda tf: tf.io.write_file("pwned", "x"),
    "ReadFile": lambda tf: tf.io.read_file("secret.txt"),
    "MatchingFiles": lambda tf: tf.io.matching_files("/etc/*"),
    "EagerPyFunc": lambda tf: tf.py_function(lambda: 1.0, [], tf.float32),
    "PyFunc": lambda tf: tf.numpy_function(lambda: 1.0, [], tf.float32),
    "PyFuncStateless": lambda tf: tf.numpy_function(lambda: 1.0, [], tf.float32, stateful=False),
    "PrintV2": lambda tf: tf.print("x", output_stream="file://pwned"),
    "SaveV2": lambda tf: tf.raw_ops.SaveV2(
        prefix="pwned", tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)]
    ),
    "RestoreV2": lambda tf: tf.raw_ops.RestoreV2(
        prefix="secret", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    )[0],
    "DecodeProtoV2": lambda tf: (
        tf.raw_ops.DecodeProtoV2(
            bytes=b"", message_type="a", field_names=["a"], output_types=[tf.string], descriptor_source="secret.txt"
        ).sizes
    ),
    "ImmutableConst": lambda tf: tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=[4], memory_region_name="secret"),
    "TextLineDataset": lambda tf: tf.raw_ops.TextLineDataset(
        filenames=["secret.txt"], compression_type="", buffer_size=tf.constant(0, tf.int64)
    ),
    "LMDBReader": lambda tf: tf.compat.v1.raw_ops.LMDBReader(),
    "Abort": lambda tf: tf.raw_ops.Abort(error_msg="gone"),
}


@pytest.mark.parametrize("op", OPS)
def test_ops_with_effects_are_refused_by_name(op, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = save("saved", after(OPS[op]))
    with pytest.raises(ModelError, match=rf"the op {op}\b.*in your own code"):
        load_keras(folder)
    assert not Path("pwned").exists()


def test_initializers_and_branches_are_looked_at_too(tmp_path):
    import tensorflow as tf

    def branch(x):
        return {"y": tf.cond(tf.reduce_sum(x) > 0, lambda: tf.io.read_file("secret.txt"), lambda: tf.constant("a"))}

    with pytest.raises(ModelError, match="the op ReadFile"):
        load_keras(save(tmp_path / "branch", branch))
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("a\nb\n")
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        -1,
    )

    def look_up(x):
        return {"y": table.lookup(tf.strings.as_string(x))}

    folder = save(tmp_path / "table", look_up, table=table)
    assert model_io.inputs(load_keras(folder))[0].name == "x"  # an asset of its own

    def constant_path(graph):
        objects = graph.object_graph_def
        asset = next(node for node in objects.nodes if node.WhichOneof("kind") == "asset")
        asset.constant.operation = "path"
        node = graph.graph_def.node.add(name="path", op="Const")
        node.attr["dtype"].type = 7
        node.attr["value"].tensor.dtype = 7
        node.attr["value"].tensor.string_val.append(b"/etc/passwd")

    edit(folder, constant_path)
    with pytest.raises(ModelError, match="InitializeTableFromTextFileV2 with a path of its own"):
        load_keras(folder)


def test_assets_and_links_stay_inside(tmp_path):
    folder = save(tmp_path / "saved", lambda x: {"y": x})

    def climb(graph):
        graph.asset_file_def.add(filename="../../../etc/passwd").tensor_info.name = "a:0"

    edit(folder, climb)
    with pytest.raises(ModelError, match="assets"):
        load_keras(folder)
    folder = save(tmp_path / "linked", lambda x: {"y": x})
    os.symlink("/etc/hostname", folder / "variables" / "more")
    with pytest.raises(ModelError, match="cp -rL"):
        load_keras(folder)


def test_what_keras_rebuilds_from_a_saved_model_is_checked(tmp_path):
    import tensorflow as tf
    import tf_keras
    from tf_keras.protobuf import saved_metadata_pb2

    x = tf_keras.Input((4,))
    folder = tmp_path / "saved"
    tf_keras.Model(x, tf.nn.relu(x)).save(folder, save_format="tf")
    load_keras(folder)
    path = folder / "keras_metadata.pb"
    for symbol in ("io.write_file", "keras.utils.get_file", "py_function", "raw_ops.ReadFile", "print", "load_library"):
        metadata = saved_metadata_pb2.SavedMetadata()
        metadata.ParseFromString(path.read_bytes())
        for node in metadata.nodes:
            node.metadata = node.metadata.replace('"nn.relu"', f'"{symbol}"')
        changed = tmp_path / "changed"
        changed.mkdir(exist_ok=True)
        for name in ("saved_model.pb",):
            (changed / name).write_bytes((folder / name).read_bytes())
        (changed / "keras_metadata.pb").write_bytes(metadata.SerializeToString())
        with pytest.raises(ModelError, match=rf"tf\.{symbol}"):
            load_keras(changed)


def test_lambdas_of_a_saved_model_are_graphs(tmp_path):
    import tf_keras

    tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Lambda(lambda x: 2 * x)]).save(
        tmp_path / "saved", save_format="tf"
    )
    loaded = load_keras(tmp_path / "saved")
    (found,) = model_io.predictor(loaded)({model_io.inputs(loaded)[0].name: [[1.0, 2, 3, 4]]}).values()
    assert found.tolist() == [[2, 4, 6, 8]]


def test_every_registered_op_that_names_a_file_is_refused():
    import tensorflow as tf
    from tensorflow.core.framework import node_def_pb2
    from tensorflow.python.framework import op_def_registry

    from tfcompress.model_files.saved_model_ops import is_allowed_op

    words = ("file", "path", "directory", "url", "address", "socket", "library", "descriptor_source", "memory_region")
    computing = {"ShardedFilename", "PrintV2", "CTCBeamSearchDecoder"}  # the last one has an attribute top_paths
    named, refused = 0, []
    for name in dir(tf.raw_ops):
        found = op_def_registry.get(name)
        if found is None or name in computing:
            continue
        parts = [*(item.name for item in found.input_arg), *(item.name for item in found.attr)]
        if any(word in part.lower() for word in words for part in parts):
            named += 1
            if is_allowed_op(node_def_pb2.NodeDef(op=name)):
                refused.append(name)
    assert named > 30
    assert not refused


def test_every_function_that_names_a_file_is_refused():
    import inspect

    import tensorflow as tf  # noqa: F401, its import fills the registry that tf_keras looks names up in
    from tensorflow.python.util import tf_export

    from tfcompress.model_files.tf_functions import is_pure

    words = ("file", "path", "directory", "url", "address", "socket", "library", "descriptor")
    named, allowed = 0, []
    for name, function in tf_export._NAME_TO_SYMBOL_MAPPING.items():
        try:
            parts = [part for part in inspect.signature(function).parameters if part != "top_paths"]
        except (TypeError, ValueError):
            parts = []
        if "experimental.Quantization" in name or any(word in part.lower() for word in words for part in parts):
            named += 1
            allowed += [name] if is_pure(name) else []
    assert named > 50
    assert not allowed
    assert is_pure("quantization.fake_quant_with_min_max_vars")
    assert is_pure("nn.relu")
