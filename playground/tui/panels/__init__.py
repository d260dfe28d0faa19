"""The panels of the main screen: each shows one part of the model with the widgets it needs.

A panel keeps no state but how it is looked at, and asks for work by messages to its screen.
"""
