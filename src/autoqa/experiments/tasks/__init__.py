"""What the benchmarks and experiments measure: one module per task.

A task says which labels of a dataset it needs, which items they make, how a model is set up to
learn them, and which figures judge it. Benchmarks, experiments and `make models` share it.
"""

from __future__ import annotations

from autoqa.errors import DataError, near_miss
from autoqa.experiments.tasks.base import Examples, Predictions, Task, predict
from autoqa.experiments.tasks.dataset import Dataset, load_dataset
from autoqa.experiments.tasks.empathy import EMPATHY
from autoqa.experiments.tasks.listening import LISTENING
from autoqa.experiments.tasks.politeness import POLITENESS
from autoqa.experiments.tasks.procedure import PROCEDURE
from autoqa.experiments.tasks.satisfaction import SATISFACTION

TASKS: dict[str, Task] = {
    task.name: task for task in (SATISFACTION, POLITENESS, EMPATHY, LISTENING, PROCEDURE)
}


def task_named(name: str) -> Task:
    """Return a task, or raise DataError with the nearest name."""
    if name not in TASKS:
        known = ", ".join(TASKS)
        raise DataError(f"No benchmark named '{name}'.{near_miss(name, TASKS)} Known: {known}.")
    return TASKS[name]


__all__ = [
    "TASKS",
    "Dataset",
    "Examples",
    "Predictions",
    "Task",
    "load_dataset",
    "predict",
    "task_named",
]
