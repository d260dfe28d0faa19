"""`python -m microgpt [FILE]`: train and print samples, like the script microgpt.py.

Exit codes: 0 done, 1 a failure explained on standard error, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from microgpt import sampling
from microgpt.config import ConfigError, ModelConfig, OptimizerConfig
from microgpt.documents import DocumentsError, default_names_path, read_text, split_lines
from microgpt.engine import EngineFactory
from microgpt.parameters import initial_weights, parameter_count
from microgpt.plain import prepare
from microgpt.scalar_engine import ScalarEngine
from microgpt.terminal import Codes, guard, json_text, printable
from microgpt.tokenizer import CharTokenizer
from microgpt.trainer import DivergedError, Trainer, shuffle
from microgpt.vector_engine import VectorEngine

ENGINES: dict[str, EngineFactory] = {"scalar": ScalarEngine, "vector": VectorEngine}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors repeat an argument as text, whatever it holds."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """The command line; its defaults are microgpt.py's."""
    model, optimizer = ModelConfig(vocab_size=1), OptimizerConfig()
    p = _Parser(
        prog="python -m microgpt",
        description="Train a small GPT on the lines of a text file, then print what it makes up.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    p.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="one document a line, UTF-8 (default: the embedded names)",
    )
    p.add_argument("--seed", type=int, default=42, help="of the one random stream")
    p.add_argument("--steps", type=int, default=1000, help="optimizer updates")
    p.add_argument("--batch-size", type=int, default=1, help="documents a step")
    p.add_argument("--n-embd", type=int, default=model.n_embd, help="width of the model")
    p.add_argument("--n-head", type=int, default=model.n_head, help="attention heads")
    p.add_argument("--n-layer", type=int, default=model.n_layer, help="transformer blocks")
    p.add_argument("--block-size", type=int, default=model.block_size, help="context length")
    p.add_argument(
        "--learning-rate",
        type=float,
        default=optimizer.learning_rate,
        help="at the start; falls linearly to 0",
    )
    p.add_argument("--temperature", type=float, default=0.5, help="of the samples")
    p.add_argument("--samples", type=int, default=20, help="how many to print")
    p.add_argument("--engine", choices=sorted(ENGINES), default="vector", help="the arithmetic")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    return p


def run(arguments: argparse.Namespace) -> None:
    """Train and sample as the arguments say; raises what goes wrong."""
    for name, least in (("steps", 1), ("batch_size", 1), ("samples", 0)):
        if getattr(arguments, name) < least:
            raise ConfigError(name, f"must be {least} or more, not {getattr(arguments, name)}")
    if not arguments.temperature >= 0:
        raise ConfigError("temperature", f"must be 0 or more, not {arguments.temperature}")
    optimizer = OptimizerConfig(learning_rate=arguments.learning_rate)
    shape = {
        name: getattr(arguments, name) for name in ("n_embd", "n_head", "n_layer", "block_size")
    }
    ModelConfig(vocab_size=1, **shape)  # complain about the shape before reading anything

    documents = split_lines(read_text(getattr(arguments, "file", default_names_path())))
    rng = shuffle(documents, arguments.seed)
    tokenizer = CharTokenizer()
    tokenizer.train(documents)
    bos = tokenizer.bos_id
    config = ModelConfig(vocab_size=tokenizer.vocab_size, **shape)
    engine = ENGINES[arguments.engine](config, optimizer, initial_weights(config, rng))
    tokens = [[bos, *tokenizer.encode(document), bos] for document in documents]
    trainer = Trainer(engine, tokens, optimizer, arguments.steps, arguments.batch_size)

    if not arguments.json:
        print(f"num docs: {len(documents)}")
        print(f"vocab size: {config.vocab_size}")
        print(f"num params: {parameter_count(config)}", flush=True)
    while trainer.step < trainer.steps:
        result = trainer.advance()
        if arguments.json:
            emit(step=result.step, loss=result.loss, learning_rate=result.learning_rate)
        else:
            live = sys.stdout.isatty()
            last = result.step == trainer.steps or not live
            line = f"step {result.step:4d} / {trainer.steps:4d} | loss {result.loss:.4f}"
            if live:  # a line that wraps cannot be rewritten
                line = line[: shutil.get_terminal_size().columns - 1]
            print(line, end="\n" if last else Codes("\r"))

    def choose(logits: list[float]) -> int:
        probs = sampling.softmax(sampling.temperature(logits, arguments.temperature))
        return sampling.draw(probs, rng)

    samples = [
        tokenizer.decode(sampling.generate(engine.decoder(), bos, config.block_size, choose))
        for _ in range(arguments.samples)
    ]
    if arguments.json:
        emit(samples=samples)
    else:
        for number, text in enumerate(samples, start=1):
            print(f"sample {number:2d}: {text}")


def emit(**fields: Any) -> None:
    """One JSON object on a line of its own; floats as Python writes them, in full."""
    print(json_text(fields))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    p = parser()
    if sys.stdout is None:  # closed by the caller (`>&-`): what is written is dropped
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            prepare(stream)  # no letter stops a run
    guard()
    arguments = p.parse_args(argv)
    try:
        run(arguments)
        sys.stdout.flush()
    except ConfigError as error:
        option = "--" + error.field.replace("_", "-")
        print(f"{p.prog}: error: {option} {printable(error.message)}", file=sys.stderr)
        return 2
    except (DocumentsError, DivergedError) as error:
        _flush_quietly()
        print(f"{p.prog}: {printable(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has closed the pipe (`| head`); the interpreter must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk; errors of reading are DocumentsError
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"{p.prog}: the output cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _flush_quietly()
        print(f"\n{p.prog}: interrupted", file=sys.stderr)
        return 130
    return 0


def _flush_quietly() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
