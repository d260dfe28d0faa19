"""How to read the two columns, in words, behind `?`."""

from __future__ import annotations

BESIDE = (
    "The same prompt to two models. On the left the model of the open run, sampled by its own "
    "chain where it stands; on the right another one, a writer that a plugin brings, as a "
    "model behind an endpoint on the network.\n"
    "w chooses the writer, with its knobs; x switches it off, as it is at first. What leaves "
    "this machine for it is shown before anything is sent, and you are asked once: again only "
    "if what would be sent, or for where, is another. A key comes from the environment or the "
    "keyring; it is kept in no knob, no record and no export.\n"
    "1 is the prompt of Sampling, 2 the probes of the run: each of their prompts, with what "
    "both made of it. g asks; of the probes it asks the other model only those that it has not "
    "continued yet, and G all of them anew. Each answer may cost money. One prompt is asked "
    "after another, and the first failure ends it. esc gives up what is under way.\n"
    "Time: of this model what the worker spent on it, of the other one from the call to the "
    "last piece, the network included. Price: what the other side says it was, or else what "
    "the prices in the writer's knobs make of the tokens. Tokens are each model's own.\n"
    "What the other model wrote stays until you leave the playground or choose another writer; "
    "nothing of it is recorded."
)
