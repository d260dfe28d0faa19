"""Its exception leaves the program when shown."""


class Odd(Exception):
    def __str__(self):
        raise SystemExit("out of __str__")

    __repr__ = __str__


raise Odd()
