"""It raises what only the keyboard should."""

raise KeyboardInterrupt
