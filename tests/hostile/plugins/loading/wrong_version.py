"""It is for a version of the interface that is to come."""

MICROGPT_API = (7, 9)
raise RuntimeError("it was run all the same")
