"""`microgpt-play runs ...`: commands.py declares the commands and their options. The other files do
what a command says, and are imported when a command is called.
"""
