"""The screen of all runs: a table, the details of one, and what can be done with them.

It reads the store through the lab's asynchronous store, never in the event loop.
"""
