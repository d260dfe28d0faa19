"""The screen: a Textual app over a lab.

Runs in the SCREEN's process. app.py wires the parts; model.py is all that is on screen, as plain
values; control/ carries out what a key asks for; screens/ hold panels/, and panels hold widgets/.
Nothing here trains, imports a plugin, or opens the database in the event loop.
"""

from playground.widths import agree

agree()  # before any text is measured
