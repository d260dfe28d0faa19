"""Its exception plays the keyboard when shown."""


class Odd(Exception):
    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__


raise Odd()
