"""A model that Keras has quantized itself is one error, wherever it comes."""

import keras
import numpy as np
import pytest

import tfcompress

L = keras.layers
X, Y = np.random.default_rng(0).normal(size=(64, 8)).astype("float32"), np.arange(64) % 4


def network():
    inner = keras.Sequential([L.Input((8,)), L.Dense(8, activation="relu", name="a")], name="block")
    return keras.Sequential([L.Input((8,)), inner, L.Dense(4, name="o")], name="net")


USES = {
    "convert": lambda model: tfcompress.convert(model, samples=X),
    "convert to float": lambda model: tfcompress.convert(model, "float32"),
    "quantize_aware": lambda model: tfcompress.quantize_aware(model, samples=X),
    "prune_channels": lambda model: tfcompress.prune_channels(model, ratio=0.5, round_to=2),
    "channel_graph": lambda model: tfcompress.channel_graph(model),
    "sparsity": lambda model: tfcompress.sparsity(model),
    "merge_lora": lambda model: tfcompress.merge_lora(model),
    "preflight": lambda model: tfcompress.preflight(model, "cpu"),
    "MagnitudePruning": lambda model: model.fit(X, Y, verbose=0, callbacks=[tfcompress.MagnitudePruning(0.5)]),
    "ShrinkChannels": lambda model: model.fit(X, Y, verbose=0, callbacks=[tfcompress.ShrinkChannels(ratio=0.5)]),
}


@pytest.mark.parametrize("mode", ["int8", "int4", "float8", "gptq"])
@pytest.mark.filterwarnings("ignore:Layer .* does not have")
def test_the_error_names_layers_and_mode(mode):
    model = network()
    if mode == "gptq":
        model.get_layer("o").quantize("gptq", config=keras.quantizers.GPTQConfig(dataset=None, tokenizer=None))
    else:
        model.quantize(mode)
    model.compile("adam", "mse")
    layers = f"o ({mode})" if mode == "gptq" else f"block/a ({mode}), o ({mode})"
    for use in USES.values():
        with pytest.raises(tfcompress.ModelError, match=r"model\.quantize has quantized") as told:
            use(model)
        assert f": {layers}." in str(told.value)
