"""What a study keeps: footprints as well as candidates, so that one that goes on has the same ways."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfcompress.errors import ModelError
from tfcompress.search import provenance
from tfcompress.search.candidate_store import CandidateStore, require_keepable
from tfcompress.search.device_budget import Footprint
from tfcompress.search.recipe import Recipe


@pytest.mark.parametrize("measured", [Footprint(100, 10, 20, 0.5), None])
def test_a_footprint_is_measured_once_in_a_study(tmp_path, measured):
    asked = []
    for _ in range(2):
        found = CandidateStore(tmp_path).footprint(Recipe("int8"), lambda recipe: asked.append(recipe) or measured)
        assert found == measured
    assert asked == [Recipe("int8")]


def test_a_model_that_does_not_load_again_is_refused():
    def save(path):
        raise NotImplementedError("Object Own has no get_config")

    with pytest.raises(ModelError, match="Object Own has no get_config"):
        require_keepable(SimpleNamespace(save=save))


def test_a_study_on_a_shuffled_dataset_goes_on(monkeypatch):
    monkeypatch.setattr(provenance.model_view, "fingerprint", lambda model: "m")
    held = np.ones((2, 3)), np.zeros(2)

    def data_of(train, first):
        samples = {"x": np.full((2, 3), first)}
        return provenance.origin_of(None, SimpleNamespace(train=train, samples=samples, validation=held))["data"]

    assert data_of([held], 1.0) == data_of([held], 2.0)
    assert data_of(held, 1.0) != data_of(held, 2.0)
