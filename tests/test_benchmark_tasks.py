"""Data of the benchmarks' tasks, small and made up, in the format of the real files."""

import numpy as np
import pytest

from benchmarks import audio, sensor, tasks
from benchmarks.shifted import shifted


@pytest.fixture
def recordings(tmp_path, rng):
    speakers = ["ann", "bob", *audio.VALIDATION, *audio.TEST]
    sounds = [rng.normal(0, 3000, size).astype("int16") for size in (900, 2000, 12_000, 3000)]
    offsets = np.cumsum([0, *map(len, sounds)])
    path = tmp_path / "spoken.npz"
    labels = np.array([3, 1, 4, 1], "uint8")
    np.savez(path, audio=np.concatenate(sounds), offsets=offsets, labels=labels, speakers=speakers)
    return path


def test_spoken_digits_are_split_by_speaker(recordings):
    found = audio.pictures(recordings)
    assert {part: list(y) for part, (_, y) in found.items()} == {"validation": [4], "test": [1], "train": [3, 1]}
    assert found["train"][0].shape == (2, *audio.ds_cnn().input_shape[1:])
    for x, _ in found.values():
        assert x.min() >= 0
        assert x.max() == pytest.approx(1)


def test_a_tone_is_bright_in_its_band_while_it_sounds():
    tone = 8000 * np.sin(2 * np.pi * 1000 / audio.RATE * np.arange(4000))
    (picture,) = audio.log_mel([tone.astype("int16")])
    assert picture[:11].max() == picture[-11:].max() == 0  # the quarter of a second before and after
    bands = picture[24, :, 0]
    assert 12 < bands.argmax() < 18  # mel scale: 1 kHz is in the middle of 60 Hz to 3.8 kHz
    assert (bands > 0.5).sum() < 6
    np.testing.assert_allclose(
        audio.log_mel([(tone / 4).astype("int16")])[0], picture, atol=0.02
    )  # loudness is taken out


def test_windows_of_a_person_are_in_one_part(tmp_path, rng):
    people = [1, 2, *sensor.VALIDATION, *sensor.TEST]
    lengths = [sensor.STEPS, sensor.STEPS + 2 * sensor.HOP, sensor.STEPS - 1, *[sensor.STEPS + sensor.HOP] * 3]
    data = {
        "X": [rng.normal(person, 0.01, (length, 6)) for person, length in zip(people, lengths, strict=True)],
        "y": np.array([0, 1, 2, 3, 4, 5]),
        "subject": np.array(people),
    }
    np.save(tmp_path / "watch.npy", data, allow_pickle=True)
    found = sensor.windows(tmp_path / "watch.npy")
    assert {part: len(x) for part, (x, _) in found.items()} == {"train": 4, "validation": 2, "test": 4}
    assert list(found["train"][1]) == [0, 1, 1, 1]
    assert {round(float(x)) for x in found["test"][0][:, 0, 0]} == {*sensor.TEST}
    for network in (sensor.cnn(), sensor.lstm()):
        assert network.input_shape[1:] == found["train"][0].shape[1:]


def test_the_sensor_data_that_is_missing_is_told(monkeypatch):
    monkeypatch.setattr(sensor, "files", lambda name: None)
    with pytest.raises(FileNotFoundError, match="requirements-sensor"):
        sensor.watch_file()


def test_shifted_pictures_are_the_same_but_for_their_place(rng):
    x, y = rng.random((6, 5, 4, 1)).astype("float32") + 1, np.arange(6)
    (moved, labels), *_ = shifted(x, y, 0, 6, (2, 1)).take(1)
    assert sorted(labels.numpy()) == [*range(6)]
    for picture, label in zip(moved.numpy(), labels.numpy(), strict=True):
        seen = picture[picture > 0]
        assert np.isin(seen, x[label]).all()
        assert len(seen) >= 3 * 3


@pytest.mark.parametrize("name", ["ds_cnn", "cnn", "lstm"])
def test_networks_of_the_tasks_have_a_twin(name, rng):
    from benchmarks.twin import twin

    model = getattr(audio if name == "ds_cnn" else sensor, name)()
    x = rng.random((3, *model.input_shape[1:]), dtype=np.float32)
    np.testing.assert_allclose(twin(model).predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


def test_what_is_chosen_on_is_not_trained_on(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "BASELINES", tmp_path)
    monkeypatch.setattr(tasks.digits, "train", lambda model, x, y: None)
    final, choosing = tasks.digits_task(), tasks.digits_task("validation")
    assert len(final.train[0]) == len(choosing.train[0]) + len(choosing.test[0])
    np.testing.assert_array_equal(final.train[0][-200:], choosing.test[0])
    assert len(choosing.samples) == len(choosing.drawn(500)) == 500
