"""Many runs at once: a plan of settings and seeds, trained by worker processes.

plan.py says what is trained; search.py lets Optuna suggest it, round by round. unit.py trains one
run in a worker process, which knows no store but one of its own. coordinator.py hands the runs to
any concurrent.futures.Executor and is the only writer of the store. pool.py makes that Executor on
this machine. table.py compares the settings, and importance.py tells which of them matter.
"""
