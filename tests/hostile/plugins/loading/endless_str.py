"""Its exception is its own cause, and a group of a thousand."""

error = ExceptionGroup("many", [ValueError(str(number)) for number in range(1000)])
error.__cause__ = error
raise error
