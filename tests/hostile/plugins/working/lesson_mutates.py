"""A lesson: changes whatever the facts hold, and goes on."""

from contextlib import suppress

from playground.api import Contribution, Do, Lesson, Number, Tell, hookimpl


def spoil(facts):
    """Change all that can be changed."""
    for thing in (facts.documents, facts.losses, facts.learning_rates, facts.heldout, facts.edits):
        for act in ("clear", "reverse", "sort", "pop"):
            with suppress(Exception):
                getattr(thing, act)()
        with suppress(Exception):
            thing[0] = "spoilt"
    for thing in (facts.spec, facts.shapes, facts.baselines, facts.chain, facts.remembered):
        with suppress(Exception):
            thing.clear()
        with suppress(Exception):
            thing["wte"] = (1, 1)
    for made in (facts.read("weights"), facts.read("first_moment"), facts.gradient(None)):
        for at in range(len(made)):
            made[at] = 1e9
    found = facts.anatomy(None).anatomy
    with suppress(Exception):
        found.logits[0][0] = 1e9
    facts.encode("a").clear()
    for name in ("step", "losses", "config"):
        with suppress(Exception):
            object.__setattr__(facts, name, None)
    return "spoilt"


def lesson():
    return Lesson(
        "Mutates",
        [
            Tell(spoil),
            Do("Do it.", done=lambda facts: bool(spoil(facts))),
            Number("How large?", answer=lambda facts: float(len(spoil(facts))), why=spoil),
        ],
    )


@hookimpl
def microgpt_lessons():
    yield Contribution(name="lesson-mutates", summary="not well", factory=lesson)
