"""Its exception has a message of 12 MB."""


class Odd(Exception):
    def __str__(self):
        return "words " * 2_000_000

    __repr__ = __str__


raise Odd()
