"""Plugins: how they are declared, found, loaded, kept apart, and made into objects.

specs.py holds the hook specifications, discovery.py finds plugins without importing one,
manager.py imports them, registry.py makes what they contribute. Plugin code runs in the worker, in
commands without a screen, and in the processes that examine.py starts; never in the screen's
process. Nothing here knows of runs, processes that train, or the screen.
"""
