"""The whole way of a search: what fits is measured, short trainings choose, the best train to the end.

In: a model, data, a budget. Out: a `Compression`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfcompress.console import say
from tfcompress.data.data_forms import LabelledData
from tfcompress.errors import ConversionError, SettingError
from tfcompress.keras_compat import model_io, model_view
from tfcompress.model_files.load_keras import as_model
from tfcompress.search import recipe as recipes
from tfcompress.search.candidate_store import CandidateStore, require_keepable
from tfcompress.search.candidate_training import Training, loss_of
from tfcompress.search.compression import Compression
from tfcompress.search.device_budget import DeviceBudget
from tfcompress.search.halving import Search
from tfcompress.search.provenance import origin_of, require_same_inputs
from tfcompress.search.ranking import Ranking
from tfcompress.search.training_data import training_data
from tfcompress.search.workbench import Workbench
from tfcompress.search.workers import maker_of
from tfcompress.typing import KerasModel, StrPath, Target


def compress(
    model: KerasModel | StrPath,
    train: LabelledData,
    *,
    validation: tuple[Any, Any],
    test: tuple[Any, Any] | None = None,
    flash: int | None = None,
    arena: int | None = None,
    macs: float | None = None,
    latency: float | None = None,
    max_accuracy_drop: float | None = None,
    target: Target = "tflm",
    epochs: int = 30,
    study: StrPath | None = None,
    recipe: StrPath | None = None,
    compile: Callable[[Any], Any] | None = None,
    fit: Callable[..., Any] | None = None,
    workers: int | str | None = None,
    seed: int = 0,
) -> Compression:
    """Find the best file of a classifier under what a device has: which bits, zeros, channels and training.

    First every way to compress is measured without training, and those that cannot fit are left out. Short trainings
    choose among the others (successive halving, Jamieson and Talwalkar 2016), with the float model as teacher; the
    best train to the end. Each candidate is judged by its file, on the target's kernels and the validation data.

    Args:
        model: A trained Keras model with one output of classes, or the path of its file; it is not changed.
        train: (x, y) of arrays, or a dataset of batches that can be read again.
        validation: (x, y) of arrays by which candidates are chosen.
        test: (x, y) of arrays, run once on the files that were chosen. Default: none.
        flash: Bytes that the file may have; on microcontrollers with the code that only packed files need.
        arena: Bytes of memory that TFLM may need.
        macs: Multiply-accumulates of one inference: a share of the model's up to 1, or a number.
        latency: Time of one inference on this machine, as a share of the int8 file's; for target="cpu".
        max_accuracy_drop: What the accuracy may lose, as a fraction: 0.005 is half a point. Without another limit the
            smallest file that keeps it is the best; with one the most accurate file is.
        target: "tflm", "esp-nn" or "cpu".
        epochs: Of all training in the study, whatever it is spent on. 0 for what works without training. Default: 30.
        study: A folder that keeps the study: a run that ended early, however it did, goes on there. Default: none.
        recipe: The path of a recipe that `Compression.save_recipe` wrote: that file is made, and nothing is searched.
            No limit is needed then.
        compile: Your own: compiles any model that it is given. Default: Adam, whose rate is sought, with the loss of
            the model.
        fit: Your own: `fit(model, epochs=…, callbacks=…)` trains a compiled model. Default: `model.fit(train)`, in
            batches of 32, of 128 from 10,000 samples on.
        workers: How many candidates are trained at once: a number or "auto" for this machine, or the address of a Ray
            cluster; needs `pip install 'tfcompress[ray]'`. Default: one after the other in this process, so that
            the same seed gives the same study.
        seed: Of all choices and of each training.

    Returns:
        A `Compression`: `.best` with its `.tflite`, `.model` and `.recipe`, the `.front`, `.why`, and
        `save("report.html")`.

    Raises:
        SettingError: no budget, one that is out of reach, one that the target does not have, or a study or recipe of
            something else.
        DataError: no validation data, or data that does not fit the model.
        MissingPackageError: Optuna, Ray or the target's package is not installed.
        ConversionError: no candidate could be made.

    Example:
        >>> train, held_back = (x_train, y_train), (x_test, y_test)
        >>> found = tfcompress.compress(model, train, validation=held_back, flash=20_000, target="cpu", epochs=0)
        >>> found.best.tflite.size <= 20_000
        True
    """
    budget = DeviceBudget(target, flash, arena, macs, latency, max_accuracy_drop)
    given = None if recipe is None else recipes.load(recipe)
    if given is None:
        budget.require_limit()
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0:
        raise SettingError("epochs must be a whole number of at least 0.", received=repr(epochs))
    model = as_model(model)
    model_view.require_built(model)
    data = training_data(train, validation, test, model_io.inputs(model))
    training = Training(data, loss_of(model, data), compile, fit)
    origin = origin_of(model, data)
    if given is not None:
        require_same_inputs("recipe", given[1], origin)
        bench = Workbench(model, training, budget, CandidateStore(None))
        bench.require_labels()
        return Ranking(bench).result([bench.candidate(given[0])], origin)
    folder = None if study is None else Path(study)
    if study is not None or workers is not None:
        require_keepable(model)
    about = {**origin, "budget": f"{budget.told} on {budget.target}", "training": training.told}
    with maker_of(workers, bench := Workbench(model, training, budget, CandidateStore(folder))) as maker:
        search = Search(bench, maker, epochs=epochs, seed=seed, folder=folder, about=about)
        bench.require_labels()
        try:
            search.run()
        except KeyboardInterrupt:
            if not search.candidates:
                raise
            say("stopped: what was found so far is the result.")
    if not search.candidates:
        raise ConversionError("At least one candidate must become a file.", received="none: the lines above tell why")
    return Ranking(bench).result([*search.candidates.values()], origin)
