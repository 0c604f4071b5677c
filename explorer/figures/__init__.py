"""Drawings: a function of facts that returns a plotly Figure, beside one that returns the same facts as a DataFrame."""

from explorer.figures import gates, gradients, perplexity

__all__ = ["gates", "gradients", "perplexity"]
