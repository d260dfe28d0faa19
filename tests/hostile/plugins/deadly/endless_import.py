"""It never ends its import."""

while True:
    pass
