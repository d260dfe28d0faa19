"""The catalog: which name means which contribution."""

from __future__ import annotations

from itertools import product

import pytest

from playground.catalog import BUILTIN, Catalog, Entry


def entry(plugin: str, name: str, missing: str = "") -> Entry:
    return Entry("engine", name, plugin, "somewhere", "computes", missing=missing)


@pytest.mark.parametrize("owners", product([BUILTIN, "one", "other"], repeat=2))
def test_the_shortest_name_means_its_entry_and_no_shorter_one_does(owners: tuple[str, str]) -> None:
    plugins = sorted(set(owners), key=lambda plugin: plugin != BUILTIN)
    catalog = Catalog(tuple(entry(plugin, "quick") for plugin in plugins))
    for one in catalog.entries:
        name = catalog.shortest(one)
        assert catalog.find("engine", name) == one
        assert name == "quick" or catalog.find("engine", "quick") != one


def test_what_the_gallery_would_add_has_a_short_name_where_that_is_not_taken() -> None:
    numpy, tiny = entry("numpy-engine", "numpy", "absent"), entry("tiny-engine", "quick", "absent")
    catalog = Catalog((entry(BUILTIN, "quick"),), offers=(numpy, tiny))
    assert catalog.shortest(numpy) == "numpy"
    assert catalog.shortest(tiny) == "tiny-engine:quick"
