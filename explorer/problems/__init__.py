"""The problems gates were made for, as texts with a known right answer, and how a model learns them."""

from explorer.problems.drawing import PROBLEMS, Drawn, Problem
from explorer.problems.learning import Learned, Learning, accuracy, learn, problem_model, problem_of

__all__ = ["PROBLEMS", "Drawn", "Learned", "Learning", "Problem", "accuracy", "learn", "problem_model", "problem_of"]
