"""The lab: runs, trained in one process, looked at from another, recorded, recovered and raced.

Read in this order: spec.py (what determines a run), session.py (one run, trained and looked at,
in memory), run/ (its parts), worker/ (the loop around a session, in the TRAINING process),
protocol/ (what the two processes say to each other), client/ (what the SCREEN's process holds:
workers, requests, recovery), store/ (SQLite) and record/ (a run on its way into the store and
back), race/ (two clients side by side), sweep/ (many runs in processes of their own), notebook/
(what `import playground` offers: a session as an object, in the process of whoever asks). Both
processes share the files at the root.

Nothing here knows the screen or the command line. client and race import neither run nor session:
a contract in pyproject.toml keeps plugin code out of the screen's process.
"""
