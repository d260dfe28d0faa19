"""The store of runs: SQLite, in the data folder."""
