"""The screens: the main one, and every dialog and list that is opened over it.

A dialog gets plain values and is dismissed with plain values; dialogs.py beside this package opens
it and does what was answered. Dialogs are imported when they are first opened.
"""
