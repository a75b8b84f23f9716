"""Files of a SavedModel and of an archive that are not what they seem: pipes, files within files, misused savers."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.test_hostile_saved_models import edit
from tfcompress import ModelError, load_keras
from tfcompress.model_files.saved_model import require_harmless


def save_v1(folder, build):
    """Write a SavedModel as TensorFlow 1 did: its main graph is what runs."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 4], "x")
        tf.Variable(1.0)
        outputs, init = build(tf, x)
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": outputs})
        assets = v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, main_op=init, assets_collection=assets or None
        )
        builder.save()
    return folder


def look_up(tf, x, *, when_called):
    """Look up in a table of a file, which is read at the start or whenever the signature runs."""
    asset = tf.constant("words.txt", name="asset")
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    fill = tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename=asset, key_index=-2, value_index=-1, vocab_size=-1, delimiter="\t"
    )
    tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS, asset)
    with tf.control_dependencies([fill] if when_called else []):
        words = tf.strings.as_string(x)
    unknown = tf.constant(-1, tf.int64)
    return tf.raw_ops.LookupTableFindV2(table_handle=table, keys=words, default_value=unknown), fill


def test_files_are_read_at_the_start_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("a\nb\n")
    good = save_v1("good", lambda tf, x: look_up(tf, x, when_called=False))
    require_harmless(Path(good))
    bad = save_v1("bad", lambda tf, x: look_up(tf, x, when_called=True))
    with pytest.raises(ModelError, match="the op InitializeTableFromTextFileV2 out of its place"):
        load_keras(bad)

    def climb(graph):  # a folder among the assets, and out of it again
        (fill,) = (node for node in graph.graph_def.node if node.op == "InitializeTableFromTextFileV2")
        graph.graph_def.node.add(name="more", op="Const").attr["dtype"].type = 7
        joined = graph.graph_def.node.add(name="joined", op="StringJoin", input=[fill.input[1], "more"])
        joined.attr["N"].i = 2
        fill.input[1] = "joined"

    edit(good, climb)
    with pytest.raises(ModelError, match="InitializeTableFromTextFileV2 with a path of its own"):
        load_keras(good)


@pytest.mark.parametrize("op", ["SaveV2", "RestoreV2"])
def test_checkpoints_are_written_and_read_by_the_saver_alone(op, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(tf, x):
        path = tf.constant("pwned", name="path")
        if op == "SaveV2":
            with tf.control_dependencies(
                [tf.raw_ops.SaveV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)])]
            ):
                return tf.identity(x), tf.no_op()
        return tf.raw_ops.RestoreV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], dtypes=[x.dtype])[0], None

    folder = save_v1("saved", build)
    with pytest.raises(ModelError, match=f"the op {op} with a path of its own"):
        load_keras(folder)

    def through_saver(graph):  # whose path has a default
        nodes = {node.name: node for node in graph.graph_def.node}
        saver = nodes[graph.saver_def.filename_tensor_name.partition(":")[0]]
        nodes[saver.input[0]].attr["value"].tensor.string_val[:] = [b"pwned"]
        nodes[op].input[0] = saver.name

    edit(folder, through_saver)
    with pytest.raises(ModelError, match=f"the op {op} out of its place"):
        load_keras(folder)


def test_metadata_is_read_however_it_begins(tmp_path):
    import tf_keras
    from tf_keras.protobuf import saved_metadata_pb2

    folder = tmp_path / "saved"
    tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(2)]).save(folder, save_format="tf")
    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString((folder / "keras_metadata.pb").read_bytes())
    (folder / "keras_metadata.pb").unlink()

    def before_2_5(graph):
        for node in metadata.nodes:
            text = node.metadata.replace('"Dense"', '"SequenceFeatures"')
            graph.object_graph_def.nodes[node.node_id].user_object.metadata = f" {text}"

    edit(folder, before_2_5)
    with pytest.raises(ModelError, match="the class SequenceFeatures"):
        load_keras(folder)


def test_pipes_are_no_models(tmp_path):
    os.mkfifo(tmp_path / "model.keras")
    (tmp_path / "saved").mkdir()
    os.mkfifo(tmp_path / "saved" / "saved_model.pb")
    for path in (tmp_path / "model.keras", tmp_path / "saved"):
        with pytest.raises(ModelError):
            load_keras(path)


def test_weights_are_bounded_by_what_the_archive_holds(k, tmp_path):
    import h5py

    path = tmp_path / "model.keras"
    k.Sequential([k.layers.Input((4,)), k.layers.Dense(2)]).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "a") as file:
        file.create_dataset("padding", data=np.zeros(2**23, np.int8))
        file.create_dataset("outside", (2**27,), "float32", chunks=(2**20,))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**members, "model.weights.h5": content.getvalue()}.items():
            archive.writestr(name, data)
    assert path.stat().st_size < 2**16
    with pytest.raises(ModelError, match="packed into"):
        load_keras(path)
