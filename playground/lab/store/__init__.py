"""The store of runs: one SQLite file in the data folder.

Both processes use it: the worker records, the screen reads and manages. store.py has the class
`Store`; schema.py the tables; rows.py the way between rows and records.py. Knows neither training
nor processes."""
