"""Counts optimizer steps, whichever optimizer of a model trains the variables in question.

In: a model of either Keras, some of its variables. Out: the number of steps that have trained them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfcompress.keras_compat import model_view
from tfcompress.typing import KerasModel


def optimizer_steps(optimizer: Any) -> int:
    """Return the optimizer steps taken so far, whatever the strategy and the loss scaling."""
    steps = optimizer.iterations
    return int(steps.numpy() if hasattr(steps, "numpy") else steps)


class StepCounter:
    """Counts the optimizer steps that train some variables.

    These are the iterations of the optimizer that trains them: that of `compile`, or, in a `train_step` of the user's
    own, such as that of a GAN, another one that the model holds. Where no optimizer counts, batches are counted.

    Args:
        model: The model that trains.
        variables: What is trained.
        optimizer: What trains it. Default: found among the optimizers that the model holds.
        steps_before: Steps that were taken just before this counter was made.
    """

    def __init__(
        self, model: KerasModel, variables: Sequence[Any], optimizer: Any = None, steps_before: int = 0
    ) -> None:
        self._variables = variables
        self._candidates = optimizers_of(model) if optimizer is None else [optimizer]
        self._begins = {id(one): max(0, optimizer_steps(one) - steps_before) for one in self._candidates}
        self._batches = 0
        self.moves = False
        """Whether the optimizer is known: it trains the variables, and its iterations move."""
        # Those of models inside may be from an earlier training: they have to move first.
        self.optimizer = max(_held_by(model) or self._candidates, key=self._trained) if optimizer is None else optimizer
        self._begin = self._begins[id(self.optimizer)]

    @property
    def batches_per_step(self) -> int:
        """How many batches make one step: more than 1 under gradient accumulation."""
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        return getattr(inner, "gradient_accumulation_steps", None) or 1

    def now(self) -> int:
        """Return the steps taken so far."""
        if self.moves:
            return self._begin + optimizer_steps(self.optimizer) - self._begins[id(self.optimizer)]
        return self._begin + self._batches // self.batches_per_step

    def passed(self, batches: int) -> None:
        """Note that training went on by some batches, and look which optimizer moved."""
        self._batches += batches
        if self.moves:
            return
        moved = [one for one in self._candidates if optimizer_steps(one) != self._begins[id(one)]]
        found = max(moved, key=self._trained, default=None)
        # The first candidate is that of `compile`; older optimizers do not tell what they train.
        if found is not None and (self._trained(found) or found is self._candidates[0]):
            self.optimizer, self.moves = found, True

    def _trained(self, optimizer: Any) -> int:
        return sum(_trains(optimizer, variable) for variable in self._variables)


def optimizers_of(model: KerasModel) -> list[Any]:
    """List the optimizers that a model, and the models and layers in it, hold: that of `compile` first."""
    held = [one for owner in (model, *(layer for _, layer in model_view.layers(model))) for one in _held_by(owner)]
    return list({id(one): one for one in held}.values())


def _held_by(owner: Any) -> list[Any]:
    """List the optimizers among the attributes of a model or layer, that of `compile` first."""
    held: list[Any] = [getattr(owner, "optimizer", None)]
    for value in vars(owner).values():
        several = value.values() if isinstance(value, dict) else value
        held += several if isinstance(value, (dict, list, tuple)) else [value]
    found = [one for one in held if any("Optimizer" in base.__name__ for base in type(one).__mro__)]
    return list({id(one): one for one in found if hasattr(one, "iterations")}.values())


def inner_optimizers(optimizer: Any) -> list[Any]:
    """Look through loss scaling, and into several optimizers in one."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return list(getattr(inner, "optimizers", None) or [inner])


def _trains(optimizer: Any, variable: Any) -> bool:
    """Tell whether an optimizer that has been built trains a variable."""
    for one in inner_optimizers(optimizer):
        if hasattr(one, "_index_dict"):  # tf_keras
            if one._var_key(variable) in one._index_dict:
                return True
        elif any(trained is variable for trained in getattr(one, "_trainable_variables", ())):
            return True
    return False
