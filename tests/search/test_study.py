"""A study on disk goes on where it was cut off, and ends as an unbroken one."""

import pytest

from tfcompress.errors import FileError, SettingError, TfcompressWarning
from tfcompress.search.study import Study

optuna = pytest.importorskip("optuna")
SPACE = {
    "way": optuna.distributions.CategoricalDistribution(["a", "b", "c"]),
    "learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True),
}
GAIN = {"a": 0.0, "b": 0.3, "c": 0.1}


def run(folder, until):
    """Run trials with a closed form in the place of training; return what each was and came to."""
    study = Study(folder, {"model": "m"}, 3, (1, 3))
    while len(study.trials) < until:
        trial = study.ask(SPACE, {"way": "a", "learning_rate": 1e-3} if not study.trials else None)
        for epochs in (1, 3):
            value = GAIN[trial.params["way"]] - 100 * abs(trial.params["learning_rate"] - 2e-3) + epochs / 100
            trial.report(value, epochs)
            if epochs == 1 and trial.should_prune():
                study.tell(trial, value, stopped=True)
                break
        else:
            study.tell(trial, value)
    return [(one.number, one.params, one.state.name, one.intermediate_values) for one in study.trials]


def test_a_study_that_was_cut_off_ends_as_an_unbroken_one(tmp_path):
    whole = run(None, 12)
    for until in (1, 2, 5, 11, 12):
        broken = run(tmp_path / "study", until)
    assert broken == whole
    assert {state for _, _, state, _ in whole} == {"COMPLETE", "PRUNED"}
    assert whole[0][1] == {"way": "a", "learning_rate": 1e-3}


def test_a_trial_that_did_not_end_leaves_nothing(tmp_path):
    run(tmp_path, 4)
    study = Study(tmp_path, {"model": "m"}, 3, (1, 3))
    first = study.ask(SPACE).params
    again = Study(tmp_path, {"model": "m"}, 3, (1, 3))
    assert len(again.trials) == 4
    assert again.ask(SPACE).params == first


def test_a_study_of_something_else_is_refused(tmp_path):
    Study(tmp_path, {"model": "m"}, 0, (1, 3))
    with pytest.raises(SettingError, match="one of another model"):
        Study(tmp_path, {"model": "other"}, 0, (1, 3))
    Study(tmp_path / "two", {"model": "m", "seed": 0, "numpy": "2.0"}, 0, (1, 3))
    with pytest.raises(SettingError, match="seed 0 instead of 1"):
        Study(tmp_path / "two", {"model": "m", "seed": 1, "numpy": "2.0"}, 1, (1, 3))
    with pytest.warns(TfcompressWarning, match="numpy 2.0 then, 2.1 now"):
        Study(tmp_path / "two", {"model": "m", "seed": 0, "numpy": "2.1"}, 0, (1, 3))


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FileError, match="a folder for a study"):
        Study(tmp_path / "file", {}, 0, (1, 3))
