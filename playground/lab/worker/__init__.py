"""The TRAINING process: `python -m playground.lab.worker`, one for each run.

__main__.py holds the pipes and answers pings, service.py serves commands between two steps,
reload.py takes over plugins that were saved. Knows the session, and nothing of the client that
started it. This file imports nothing: a ping is answered before pydantic is loaded.
"""
