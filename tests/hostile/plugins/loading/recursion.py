"""It calls itself without end."""


def again():
    again()


again()
