"""The built-in contributions, which come through the same hooks as those of plugins."""

MODULES = (
    "playground.hooks.builtins.datasets",
    "playground.hooks.builtins.tokenizers",
    "playground.hooks.builtins.strategies",
    "playground.hooks.builtins.engines",
    "playground.hooks.builtins.schedules",
    "playground.hooks.builtins.metrics",
    "playground.hooks.builtins.panels",
    "playground.hooks.builtins.inside",
    "playground.hooks.builtins.bigrams",
    "playground.hooks.builtins.exporters",
    "playground.hooks.builtins.page",
    "playground.hooks.builtins.chart",
    "playground.hooks.builtins.script",
    "playground.hooks.builtins.lessons",
)
"""Imported in this order, each in its own guard."""
