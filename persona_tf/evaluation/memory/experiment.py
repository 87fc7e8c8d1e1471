"""Tries a trained bot with a memory: what was said long ago, personas of any size, and what it made up itself."""

import itertools
import pathlib
import time
from collections.abc import Sequence

from persona_tf.chat.bot import Bot
from persona_tf.data.config import DataConfig
from persona_tf.data.progress import to_stderr
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.long_talk import lack, long_talk
from persona_tf.data.world.meeting import meeting
from persona_tf.data.world_cache import world_config
from persona_tf.decoding.config import DecodeConfig
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.memory.asked import Asked, write_asked
from persona_tf.evaluation.memory.made_up import ask_again
from persona_tf.evaluation.memory.report import memory_report
from persona_tf.evaluation.memory.said import APART, MakeMemory, ask_later
from persona_tf.evaluation.memory.sizes import SIZES, ask_among
from persona_tf.evaluation.table import Result, write_result
from persona_tf.export.bundle import load_bundle
from persona_tf.retrieval.bundle import load_retriever
from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.relation import rules_for
from persona_tf.retrieval.memory.store import FactStore
from persona_tf.run_dir import RunDir

SPLIT = "test"
"""Whose words and names the characters have."""

NAME = "remember"
"""Of the files."""

_NOTE = (
    "said_N: what the human told N turns ago or more; no memory: the same without. facts_N: the persona beside facts "
    "of others, N in all; each answer alone, with what comes to mind before it. made_up: what the bot made up, asked "
    "again ten turns later in ten phrasings."
)
_NO_WRITER = "This bot never learned to write facts: nothing that was said is remembered, and nothing made up."


def evaluate_memory(
    run: RunDir, data: DataConfig, config: EvalConfig, decode: DecodeConfig, retriever: pathlib.Path
) -> Result:
    """Tries a run's bot, greedily answered, with a retriever; writes ``remember.*`` into the run, shows the table.

    Args:
      run: holds the bundle.
      data: what the run was trained on.
      config: ``memory_talks``, ``memory_people``, ``seed``, ``bootstrap_samples``, ``batch_targets``.
      decode: its lengths count.
      retriever: the bundle of a bi-encoder.

    Raises:
      ValueError: the run was trained on something else than the built-in world.
      FileNotFoundError: a bundle is not there.
    """
    if data.source != "world":
        raise ValueError(
            f"{run.path} was trained on {data.source}, whose questions have no known answers: remember needs a run on "
            "the built-in world, such as those of memory_world and world_base"
        )
    finds = load_retriever(retriever, "float32")
    numbers = itertools.count()

    def make_memory(name: str) -> FactMemory:
        return FactMemory(FactStore(None), f"{name}/{next(numbers)}", finds, rules_for(finds.experiment))

    # As for talking: the first bot answers many at once, the second one at a time, in the precision for that.
    bundle, alone = load_bundle(run.bundle), load_bundle(run.bundle, "float32")
    bot, single = Bot(bundle, decode.as_greedy()), Bot(alone, decode.as_greedy())
    asked = try_memory(bot, single, world_config(data.options), config, make_memory)
    write_asked(run.predictions(NAME), asked)
    metrics, beside = memory_report(asked, config.bootstrap_samples, config.seed)
    notes = (_NOTE,) if bundle.example.learn_facts else (_NOTE, _NO_WRITER)
    decoding = bot.decode.described()
    result = Result(bundle.experiment, NAME, bundle.step, len(asked), decoding, metrics, beside, notes)
    write_result(run.evaluation(NAME, "json").parent, result)
    return result


def try_memory(
    bot: Bot,
    single: Bot,
    world: WorldConfig,
    config: EvalConfig,
    make_memory: MakeMemory,
    apart: Sequence[int] = APART,
    sizes: tuple[int, ...] = SIZES,
) -> list[Asked]:
    """All three parts; the third where the bot can make up facts at all.

    Args:
      bot: answers many at once.
      single: answers one at a time, and is timed.
    """
    people, seed = config.memory_people, config.seed
    start = time.perf_counter()
    talks = [long_talk(SPLIT, i, seed, world, apart) for i in range(config.memory_talks)]
    to_stderr(f"{len(talks)} long talks; the facts of {sum(len(t.episode.turns) for t in talks):,} turns are read.")
    asked = ask_later(bot, talks, make_memory, config.batch_targets)
    to_stderr(f"That took {time.perf_counter() - start:.0f} s. Now {people} people, among {sizes[-1]:,} facts at most.")
    meetings = [meeting(SPLIT, i, seed, world) for i in range(people)]
    asked += ask_among(single, meetings, make_memory, world, seed, sizes)
    if bot.bundle.example.learn_facts:
        lacks = [lack(SPLIT, i, seed, world) for i in range(people)]
        asked += ask_again(bot, lacks, make_memory, config.batch_targets)
    to_stderr(f"All in all {time.perf_counter() - start:.0f} s.")
    return asked
