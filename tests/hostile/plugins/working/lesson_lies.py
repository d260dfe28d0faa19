"""A lesson: texts and numbers whose methods lie, raise and end the program."""

from playground.api import Choose, Contribution, Do, Lesson, Number, Tell, hookimpl


def die(*args, **named):
    raise SystemExit(0)


NAMES = (
    "__str__ __repr__ __eq__ __ne__ __lt__ __len__ __iter__ __getitem__ __format__ "
    "__add__ __bool__ __contains__ __index__ __int__ __float__ split strip lower encode join "
    "isdigit keys values items get"
).split()


def lying(base):
    body = dict.fromkeys(NAMES, die)
    return type("Liar", (base,), {**body, "__hash__": base.__hash__})


Text, Whole, Real, Row, Table = map(lying, (str, int, float, list, dict))


class Meta(type):
    __name__ = property(die)
    __hash__ = __eq__ = __getattribute__ = __instancecheck__ = __subclasscheck__ = die


class Other(metaclass=Meta):
    __bool__ = __float__ = __str__ = __repr__ = __getattribute__ = die


def lesson():
    return Lesson(
        Text("Lies"),
        [
            Tell(Text("a true word"), at=Text("loss")),
            Number(Text("How large?"), answer=lambda facts: Real(3.0), unit=Text("nats"),
                   within=Real(0.1), why=Text("so")),
            Choose(Text("Which?"), choices=[Text("a"), Text("b")], answer=lambda facts: Whole(1),
                   why=Text("so"), name=Text("which")),
            Do(Text("Do it."), done=lambda facts: Whole(1)),
            Choose("Which?", choices=lambda facts: Row(["a", "b"]), answer=lambda facts: 0, why=""),
            Number("How large?", answer=lambda facts: 10**5000, why="so"),
            Number("How large?", answer=lambda facts: Other(), why="so"),
            Do("Do it.", done=lambda facts: Other()),
            Tell("now", keep=Table(it=lambda facts: 1)),
            Tell("now", keep={Text("it"): lambda facts: Text("kept")}),
        ],
        minutes=5,
    )  # fmt: skip


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-lies", summary="not well", factory=lesson)
