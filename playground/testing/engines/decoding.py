"""Decoders: the same model, token by token."""

from __future__ import annotations

import math
import random

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.vector_engine import VectorEngine
from playground.testing.contract import ContractError
from playground.testing.engines.cases import SCALAR_WORK, cases
from playground.testing.engines.comparing import check_numbers
from playground.testing.engines.subject import BATCH, Subject, clause


def _loss(logits: list[float], target: int) -> float:
    """-log softmax(logits)[target], in nats."""
    largest = max(logits)
    return math.log(sum(math.exp(logit - largest) for logit in logits)) + largest - logits[target]


@clause(
    "decoder-is-the-forward-pass",
    "the logits of a decoder are the full forward pass's: they give the losses, and equal the"
    " vector engine's",
)
def decoder_is_the_forward_pass(subject: Subject) -> None:
    """Continues texts of random models, up to the whole block."""
    for case in cases(1804, 12, SCALAR_WORK)[: subject.size(12, 6)]:
        engine = subject.make(case.config, case.weights())
        other = VectorEngine(case.config, OptimizerConfig(), case.weights())
        document = case.batch[0][: case.config.block_size + 1]
        (losses,) = engine.losses([document])
        decoder, reference = engine.decoder(), other.decoder()
        for position, (token, loss) in enumerate(zip(document, losses, strict=False)):
            logits = decoder.push(token)
            where = f"with {case}: position {position}"
            advice = "check the position embedding, and what the KV cache holds of each layer"
            expected = reference.push(token)
            rel = subject.rel()
            floor = rel * max(map(abs, expected))
            check_numbers(f"{where}: the logits", logits, expected, advice, rel, floor)
            given = [_loss(logits, document[position + 1])]
            what = f"{where}: the loss that the logits give, against losses()"
            subject.check_numbers(what, given, [loss], advice)


@clause(
    "logits-are-a-new-list",
    "push returns a list of vocab_size floats of its own: no later call changes it",
)
def logits_are_a_new_list(subject: Subject) -> None:
    """Refuses an array of a library, and a buffer that is used again."""
    engine = subject.make()
    decoder, undisturbed = engine.decoder(), engine.decoder()
    first = decoder.push(4)
    if type(first) is not list or not all(isinstance(logit, float) for logit in first):
        raise ContractError(
            f"a {type(first).__name__}, beginning with a {type(first[0]).__name__}",
            "return a list of floats; arrays have tolist() for it",
        )
    undisturbed.push(4)
    before = list(first)
    second = decoder.push(0)
    advice = "return a copy, not the buffer itself"
    check_numbers("the logits of the first token, read after the next", first, before, advice, 0, 0)
    second[:] = [math.nan] * len(second)
    what = "the logits of the third token, after the caller has overwritten those of the second"
    undisturbed.push(0)
    check_numbers(what, decoder.push(1), undisturbed.push(1), advice, 0, 0)


@clause(
    "decoders-do-not-disturb-each-other",
    "each decoder has a KV cache of its own: several continue different texts in turns",
)
def decoders_do_not_disturb_each_other(subject: Subject) -> None:
    """Continues three texts in turns, with evaluations in between."""
    engine = subject.make()
    texts = ([4, 0, 1, 2], [4, 3, 3, 0], [1, 4, 2, 2])
    alone = []
    for text in texts:
        decoder = engine.decoder()
        alone.append([decoder.push(token) for token in text])
    decoders = [engine.decoder() for _ in texts]
    for position in range(4):
        for text, decoder, expected in zip(texts, decoders, alone, strict=True):
            logits = decoder.push(text[position])
            engine.losses(BATCH)
            check_numbers(
                f"position {position} of {text}, while others are continued",
                logits,
                expected[position],
                "keep keys, values and position in the decoder, not in the engine",
                0,
                0,
            )


@clause(
    "decoder-has-the-weights-of-now",
    "a decoder made after the weights have changed, by write or by a step, uses the new ones",
)
def decoder_has_the_weights_of_now(subject: Subject) -> None:
    """Makes a decoder, changes the weights, and makes another decoder."""
    engine, other = subject.make(seed=1), subject.make(seed=2)
    advice = "make each decoder from the weights as they are when it is made"
    engine.decoder().push(4)
    engine.write("weights", other.read("weights"))
    logits = engine.decoder().push(4)
    check_numbers("after write", logits, other.decoder().push(4), advice, 0, 0)
    engine.loss_and_gradients(BATCH)
    engine.adam_step(0.1, 0)
    fresh = subject.make(weights=engine.read("weights"))
    logits = engine.decoder().push(4)
    check_numbers("after adam_step", logits, fresh.decoder().push(4), advice, 0, 0)


@clause(
    "decoder-ends-with-the-block",
    "push raises IndexError after block_size tokens, and ValueError for an id out of range",
)
def decoder_ends_with_the_block(subject: Subject) -> None:
    """Tries a block of one token and one of several."""
    advice = "call microgpt.checks.check_token first"
    rng = random.Random(1)
    for block_size in (1, 6):
        config = ModelConfig(5, n_embd=4, n_head=2, block_size=block_size)
        engine = subject.make(config)
        for wrong in (-1, 5, 1000):
            try:
                engine.decoder().push(wrong)
            except ValueError:
                continue
            raise ContractError(f"the id {wrong} is taken, with a vocabulary of 5", advice)
        decoder = engine.decoder()
        for _ in range(block_size):
            decoder.push(rng.randrange(5))
        for _ in range(2):
            try:
                decoder.push(0)
            except IndexError:
                continue
            raise ContractError(f"one token more than block_size {block_size} is taken", advice)


CLAUSES = (
    decoder_is_the_forward_pass,
    decoders_do_not_disturb_each_other,
    decoder_has_the_weights_of_now,
    decoder_ends_with_the_block,
    logits_are_a_new_list,
)
