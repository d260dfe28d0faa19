"""`microgpt-play plugins ...`: commands.py has the words of each command, the other files what it
does; each is imported when its command is called.
"""
