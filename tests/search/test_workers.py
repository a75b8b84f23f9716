"""Workers: trials get their candidates, and one that dies costs its trial and no more."""

import concurrent.futures
from types import SimpleNamespace

import numpy as np
import pytest

from tests.models import images, small_cnn
from tfcompress.errors import MissingPackageError, SettingError
from tfcompress.search.compress import compress
from tfcompress.search.workers import InThisProcess, RayWorkers, maker_of


def trials(names, got):
    def trial(name):
        for step in range(2):
            candidate = yield f"{name}{step}"
            got.append((f"{name}{step}", candidate))
            if candidate is None:
                return

    return (trial(name) for name in names)


class Store:
    def get(self, recipe):
        return None

    def receive(self, facts, tflite, model):
        return facts


class Threads:
    """What `RayWorkers` needs of Ray, by threads; the recipe "b0" kills its worker."""

    class exceptions:  # noqa: N801, as in Ray
        RayError = type("RayError", (Exception,), {})
        RayTaskError = type("RayTaskError", (RayError,), {})

    def __init__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.most = self.running = 0

    def remote(self, **_):
        return lambda _: SimpleNamespace(remote=self._begin)

    def put(self, parts):
        return parts

    def _begin(self, _, recipe):
        self.running += 1
        self.most = max(self.most, self.running)

        def work():
            if recipe == "b0":
                raise self.exceptions.RayError("the worker died")
            return recipe.upper(), b"", b""

        return self.pool.submit(work)

    def wait(self, tasks, num_returns):
        done, _ = concurrent.futures.wait(tasks, return_when="FIRST_COMPLETED")
        return [next(iter(done))], []

    def get(self, task):
        self.running -= 1
        return task.result()


def test_a_worker_that_dies_costs_its_trial_alone(monkeypatch, capsys):
    monkeypatch.setattr("tfcompress.search.workers.portable", lambda bench: {})
    ray, got = Threads(), []
    RayWorkers(ray, SimpleNamespace(store=Store()), 2, 1).run(trials("abcd", got))
    assert sorted(got, key=str) == [
        ("a0", "A0"), ("a1", "A1"), ("b0", None), ("c0", "C0"), ("c1", "C1"), ("d0", "D0"), ("d1", "D1"),
    ]  # fmt: skip
    assert ray.most == 2
    assert "left out: b0: the worker died" in capsys.readouterr().err


def test_one_after_the_other():
    got = []
    InThisProcess(SimpleNamespace(candidate=str.upper)).run(trials("ab", got))
    assert got == [("a0", "A0"), ("a1", "A1"), ("b0", "B0"), ("b1", "B1")]


@pytest.mark.parametrize("workers", [0, -1, True, 1.5])
def test_what_is_no_number_of_workers(workers):
    with pytest.raises(SettingError, match="workers must be"), maker_of(workers, None):
        pass


def test_ray_is_asked_for(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingPackageError, match="tfcompress\\[ray\\]"), maker_of(2, None):
        pass


@pytest.mark.slow
@pytest.mark.one_keras
def test_ray_makes_what_this_process_makes(k, rng):
    """By real workers: the same recipes give the same accuracies."""
    pytest.importorskip("ray")
    pytest.importorskip("optuna")
    x = images(rng, 200)
    y = x.reshape(-1, 64)[:, :40].reshape(-1, 10, 4).mean(-1).argmax(1)
    model = small_cnn(k)
    settings = {"validation": (x[150:], y[150:]), "flash": 5_800, "target": "cpu", "epochs": 3}
    found = compress(model, (x[:150], y[:150]), workers=2, **settings)
    assert np.isfinite([each.accuracy for each in found.tried]).all()
    assert found.passed
    assert found.best.model.count_params()
