"""What is kept of what was computed, by bytes: each session's share, the share of all, and nothing of who left."""

import gc
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import explorer
from explorer.models import NetKey
from explorer.pages.shell import facts, models
from explorer.pages.shell.shelf import Budget, bytes_of
from waiting import until

MB = 1_000_000
FOREVER = float("inf")


class Thing:
    """Something of so many bytes."""

    def __init__(self, size):
        self.data = np.zeros(size, dtype=np.uint8)


@dataclass(frozen=True)
class Nest:
    inside: object


def held(shelf):
    return list(shelf._kept)


def test_bytes_are_those_of_the_memory_and_count_once():
    array, tensor = np.zeros((10, 25)), torch.zeros(100)
    assert bytes_of(array) == bytes_of(Nest({"a": array, "b": Nest(array)})) == 2000
    assert bytes_of(array[:1]) == bytes_of((array[:1], array[1:])) - 16 == 2000  # a view holds the whole
    assert bytes_of(tensor) == bytes_of(tensor.numpy()) == bytes_of(Nest(tensor[::2])) == 400
    assert bytes_of("lamp") == 4
    assert bytes_of([1, 2.0, None, print]) == 32
    model = explorer.CharModel(explorer.ModelConfig(hidden_size=8), explorer.Vocabulary.from_text("ab"), seed=0)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    assert weights <= bytes_of(model) < weights + 3000


def test_bytes_of_what_points_in_a_circle_end():
    circle = [np.zeros(5)]
    circle.append(circle)
    assert bytes_of(circle) == 40 + 16


def test_a_value_is_made_once():
    shelf, made = Budget(MB, FOREVER).shelf(MB), []
    for _ in range(3):
        assert shelf.get("a", lambda: made.append(1) or "value") == "value"
    assert made == [1]


def test_a_session_keeps_what_fits_into_its_share_the_latest_first():
    shelf = Budget(100 * MB, FOREVER).shelf(3 * MB + 1000)
    for key in "abc":
        shelf.get(key, lambda: Thing(MB))
    shelf.get("a", pytest.fail)  # used again: now b is the oldest
    shelf.get("d", lambda: Thing(MB))
    assert held(shelf) == ["c", "a", "d"]
    assert shelf.get("big", lambda: Thing(50 * MB)).data.nbytes == 50 * MB
    assert held(shelf) == ["big"]  # what is in use is kept, however large


def test_a_value_that_grows_is_measured_again():
    shelf = Budget(100 * MB, FOREVER).shelf(3 * MB)
    shelf.get("old", lambda: Thing(MB))
    facts = shelf.get("new", lambda: Thing(1))
    facts.trace = np.zeros(5 * MB, dtype=np.uint8)
    shelf.settle()
    assert held(shelf) == ["new"]
    assert 5 * MB <= shelf.bytes < 5 * MB + 2000


def test_all_sessions_together_keep_what_fits_and_the_least_recent_goes_first():
    budget = Budget(5 * MB - 1, FOREVER)
    shelves = [budget.shelf(3 * MB) for _ in range(8)]
    for shelf in shelves:
        shelf.get("mine", lambda: Thing(MB))
    assert [len(held(shelf)) for shelf in shelves] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert budget.bytes < 5 * MB


def test_what_is_not_used_for_a_while_is_let_go_and_the_memory_is_free_without_a_collection():
    budget = Budget(100 * MB, 0.05)
    shelf = budget.shelf(100 * MB)
    gc.disable()
    try:
        gone = weakref.ref(shelf.get("a", lambda: Thing(MB)))
        assert gone() is not None
        until(lambda: budget.let_go() or gone() is None)
        assert budget.bytes == shelf.bytes == 0
    finally:
        gc.enable()


def test_a_shelf_that_nobody_holds_counts_no_more():
    budget = Budget(100 * MB, FOREVER)
    shelf = budget.shelf(100 * MB)
    shelf.get("a", lambda: Thing(MB))
    assert budget.bytes >= MB
    del shelf
    gc.collect()
    assert budget.bytes == 0


def test_somebody_looks_after_those_who_left(monkeypatch):
    monkeypatch.setattr("explorer.pages.shell.shelf.LOOK_EVERY_S", 0.02)
    budget = Budget(100 * MB, 0.05)
    shelf = budget.shelf(100 * MB)
    shelf.get("a", lambda: Thing(MB))
    until(lambda: not held(shelf))


def test_nothing_that_is_known_of_a_text_points_in_a_circle():
    """Collection is rare on a busy server: what goes must go at once."""
    known = facts.Facts(models.Which.of("lighthouse-gru", 0), "Turn, light, turn, on the hill of stone.")
    net = known.net(NetKey(0, "forward"))
    parts = known.trace, net.flow, net.paths, net.singular_values, net.diagnosis, net.residual, known.own_ledger
    arrays = [weakref.ref(array) for part in parts for array in vars_of(part) if isinstance(array, np.ndarray)]
    assert len(arrays) > 10
    gc.collect()
    gc.disable()
    try:
        del known, net, parts
        assert [ref for ref in arrays if ref() is not None] == []
    finally:
        gc.enable()


def vars_of(part):
    found = list(getattr(part, "__dict__", {}).values())
    for tape in getattr(part, "tapes", {}).values():
        found += vars(tape).values()
    return found
