"""The study: which recipes were tried, kept on disk so that it survives the process at any moment.

In: a folder, and what the study is of. Out: Optuna's trials. A trial is written whole, at its end, in one transaction:
one that was cut off leaves nothing behind and is tried again. Its number and the seed of the study seed its sampler,
so that a study which goes on chooses what an unbroken one would have chosen.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfcompress.errors import FileError, MissingPackageError
from tfcompress.search.provenance import require_same_inputs

NAME = "compress"
REDUCTION = 3
"""Of candidates that were trained as long the best third goes on, for three times as many epochs."""
STARTUP = 6
"""Trials of random learning rates, before those are sought where they were good."""


class Study:
    """Trials of recipes, in this process and, with a folder, on disk.

    Args:
        folder: Where the study lives; None keeps it in memory.
        about: What it is of, as JSON; a study of something else is refused.
        seed: Of its choices.
        rungs: After how many epochs candidates are judged.
    """

    def __init__(self, folder: Path | None, about: Mapping[str, Any], seed: int, rungs: Sequence[int]) -> None:
        self._optuna = _optuna()
        self._seed = seed
        self._disk = None if folder is None else self._opened(folder, about)
        pruner = self._optuna.pruners.SuccessiveHalvingPruner(min_resource=rungs[0], reduction_factor=REDUCTION)
        self._memory = self._optuna.create_study(direction="maximize", pruner=pruner)
        if self._disk is not None:
            self._memory.add_trials(self._disk.get_trials(deepcopy=False))

    @property
    def trials(self) -> list[Any]:
        """All trials, in order."""
        return self._memory.get_trials(deepcopy=False)

    def ask(self, distributions: Mapping[str, Any], suggested: Mapping[str, Any] | None = None) -> Any:
        """Return a new trial with its parameters.

        Args:
            distributions: By parameter, what it may be.
            suggested: Parameters that are given instead of chosen.
        """
        seed = (self._seed * 1_000_003 + len(self.trials)) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            self._memory.sampler = self._optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=STARTUP, multivariate=True
            )
        if suggested is not None:
            self._memory.enqueue_trial(dict(suggested))
        return self._memory.ask(dict(distributions))

    def tell(self, trial: Any, value: float | None, stopped: bool = False) -> None:
        """Finish a trial: with its value, stopped early, or with None for one that failed."""
        states = self._optuna.trial.TrialState
        if value is None:
            self._memory.tell(trial, state=states.FAIL)
        elif stopped:
            self._memory.tell(trial, state=states.PRUNED)
        else:
            self._memory.tell(trial, value)
        if self._disk is not None:
            self._disk.add_trial(self._memory.trials[trial.number])

    def _opened(self, folder: Path, about: Mapping[str, Any]) -> Any:
        """Return the study on disk, made where there is none.

        Raises:
            FileError: what is there is no study.
            SettingError: it is one of something else.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            storage = self._optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.sqlite3'}")
            study = self._optuna.create_study(
                storage=storage, study_name=NAME, direction="maximize", load_if_exists=True
            )
            known = study.user_attrs.get("about")
        except Exception as error:
            problem = str(error).strip().splitlines()[0]
            raise FileError("study must be a folder for a study.", received=f"{folder}: {problem}") from None
        if known is None:
            study.set_user_attr("about", json.dumps(dict(about), sort_keys=True))
        else:
            require_same_inputs("study", json.loads(known), json.loads(json.dumps(dict(about))))
        return study


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingPackageError("A search needs Optuna.", hint="Run: pip install 'tfcompress[search]'.") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
