"""The verbs that measure: evaluate, decoders, override, remember, self_chat, compare, bench."""

import pathlib

from persona_tf.atomic_file import check_writable
from persona_tf.command_line import GIN, Arguments
from persona_tf.text.native_stderr import tensorflow_quiet
from persona_tf.verbs.asked import data_dir, overridden, trained, trained_in
from persona_tf.verbs.training import board


def evaluate(arguments: Arguments) -> None:
    """Scores a run again, or a file of predictions."""
    from persona_tf.evaluation.commands import evaluate, evaluate_file

    predictions, references = arguments.flags.predictions, arguments.flags.references
    if predictions:
        idle = [f"--{name}" for name in ("experiment", "run", "splits") if getattr(arguments.flags, name)]
        if idle := [*idle, *(f"{GIN}{binding}" for binding in arguments.bindings)]:
            raise ValueError(f"--predictions=FILE is scored without a run: leave out {' and '.join(idle)}")
        return evaluate_file(pathlib.Path(predictions), pathlib.Path(references) if references else None)
    if references:
        raise ValueError("--references go with --predictions=FILE: whose answers are to be scored?")
    run = trained(arguments)
    settings, decoding = overridden(run, arguments.bindings)
    check_writable(run.evaluation("x", "md").parent, run.predictions("x").parent)
    splits, decode = tuple(arguments.flags.splits), settings.decode if decoding else None
    evaluate(run, settings, data_dir(arguments), splits, decode, board)
    print(f"The tables are in {run.path / 'evaluation'}, the answers in {run.path / 'predictions'}.")


def decoders(arguments: Arguments) -> None:
    """Compares ways of choosing words."""
    from persona_tf.evaluation.decoders.ways import chosen_ways

    chosen_ways(arguments.flags.ways)
    run = trained(arguments)
    settings, decoding = overridden(run, arguments.bindings)
    settings.decode.check_greedy_but_lengths(decoding)
    check_writable(run.evaluation("x", "md").parent)
    ways = chosen_ways(arguments.flags.ways or settings.evaluate.ways)
    with tensorflow_quiet():
        from persona_tf.evaluation.decoders import comparison as _  # noqa: F401
    from persona_tf.evaluation.commands import decoders

    decoders(run, settings, arguments.flags.splits, data_dir(arguments), ways)


def override(arguments: Arguments) -> None:
    """Attacks a bot's persona."""
    run = trained(arguments)
    settings, decoding = overridden(run, arguments.bindings)
    settings.decode.check_greedy_but_lengths(decoding)
    check_writable(run.evaluation("x", "md").parent, run.predictions("x").parent)
    with tensorflow_quiet():
        from persona_tf.evaluation.override import experiment as override
    override.evaluate_override(run, settings.data, settings.evaluate, settings.decode)
    print(f"Table and picture are in {run.path / 'evaluation'}, what was said in {run.path / 'predictions'}.")


def remember(arguments: Arguments) -> None:
    """Tries what a bot with a memory knows long after."""
    run = trained(arguments)
    settings, decoding = overridden(run, arguments.bindings)
    settings.decode.check_greedy_but_lengths(decoding)
    if not arguments.flags.retriever:
        raise ValueError("expected --retriever=RUN: the run of what finds facts, such as retrieval_world")
    retriever = trained_in(arguments.flags.retriever).bundle
    check_writable(run.evaluation("x", "md").parent, run.predictions("x").parent)
    with tensorflow_quiet():
        from persona_tf.evaluation.memory import experiment as memory
    memory.evaluate_memory(run, settings.data, settings.evaluate, settings.decode, retriever)


def self_chat(arguments: Arguments) -> None:
    """Lets two bots talk."""
    given = arguments.flags
    runs = [trained(arguments), *([trained_in(given.other)] if given.other else [])]
    changed = [overridden(run, arguments.bindings) for run in runs]
    check_writable(runs[0].self_chat)
    with tensorflow_quiet():
        from persona_tf.evaluation.self_chat import record as _  # noqa: F401
    from persona_tf.evaluation.commands import Talk, self_chat

    decode = [settings.decode if decoding else None for settings, decoding in changed]
    asked = (data_dir(arguments), given.splits, given.turns, given.chats, given.seed or 0, given.engine)
    self_chat(Talk(runs, decode, *asked), changed[0][0])


def compare(arguments: Arguments) -> None:
    """Sets runs side by side."""
    from persona_tf.evaluation.commands import compare

    compare(arguments.words, arguments.flags.splits, arguments.flags.out)


def bench(arguments: Arguments) -> None:
    """Measures speed."""
    with tensorflow_quiet():
        from persona_tf.bench import bench
    bench.main(arguments.words, pathlib.Path(arguments.flags.run) if arguments.flags.run else None)
