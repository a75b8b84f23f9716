"""The arena that is told is the least in which the interpreter of microcontrollers allocates and runs a file."""

import subprocess
import sys

import numpy as np
import pytest

import tfcompress
from tests.models import accumulator

RUN = """
import sys
import numpy as np
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))
for place in range(int(sys.argv[3])):
    details = interpreter.get_input_details(place)
    interpreter.set_input(np.zeros(details["shape"], details["dtype"]), place)
interpreter.invoke()
interpreter.print_allocations()
"""


def recurrent():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 4)), keras.layers.LSTM(4, return_sequences=True), keras.layers.Dense(2)])
    return tfcompress.convert(model, "int16x8", samples=np.random.default_rng(0).normal(size=(60, 8, 4)))


FILES = {
    "convolutions": lambda: tfcompress.load("tflite_models/digits_keras_int8.tflite"),
    "recurrent": recurrent,
    "variables": lambda: accumulator(5.0),
}


@pytest.mark.parametrize("name", FILES)
def test_the_file_runs_in_it_and_in_no_less(name, tmp_path):
    tflite = FILES[name]()
    path = tflite.save(tmp_path / "file.tflite")
    least = tfcompress.check(tflite, "tflm").facts["arena needed, bytes"]
    assert least % 16 == 0
    assert run(path, least, len(tflite.inputs)) == 0
    assert run(path, least - 16, len(tflite.inputs)) != 0


def run(path, arena, inputs):
    words = [sys.executable, "-c", RUN, str(path), str(arena), str(inputs)]
    return subprocess.run(words, capture_output=True, check=False).returncode
