"""The command line, mostly as a person meets it."""
