"""Part two: the persona among 10, 100, 1,000 and 10,000 facts: does it still answer right, and as fast?"""

import itertools
import time
from collections.abc import Sequence

from persona_tf.chat.bot import Bot
from persona_tf.chat.recalling import RecallConfig
from persona_tf.chat.remembering import Remembering, begin
from persona_tf.chat.session import Session
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.meeting import BOT, HUMAN, Meeting, Question
from persona_tf.data.world.others import facts_of_others
from persona_tf.evaluation.memory.asked import Asked, tells
from persona_tf.evaluation.memory.said import MakeMemory
from persona_tf.example import Item
from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import NewFact

SIZES = (10, 100, 1_000, 10_000)
"""How many facts there are, about: of the fewest the persona is all."""


def ask_among(
    bot: Bot,
    meetings: Sequence[Meeting],
    make_memory: MakeMemory,
    config: WorldConfig,
    seed: int,
    sizes: tuple[int, ...] = SIZES,
) -> list[Asked]:
    """Asks everybody about itself, one question at a time, with more and more facts of others beside its own.

    Each question is asked of all sizes before the next is asked at all, so that what else the machine does hits all of
    them alike. What reading the first words takes is not counted.
    """
    crowds = {size: make_memory(f"crowd of {size}") for size in sizes}
    for size in sorted(sizes)[1:]:
        crowds[size].add(_others(size, meetings, config, seed))
    asked: list[Asked] = []
    for met in meetings:
        talks = {size: _begin(bot, met, crowds[size], size == min(sizes)) for size in sizes}
        for number, question in enumerate(met.questions):
            order = sizes[number % len(sizes) :] + sizes[: number % len(sizes)]
            asked += [_ask(*talks[size], size, met, question) for size in order]
        own = {fact.slot for fact in met.episode.characters[BOT].facts}
        for crowd in crowds.values():
            crowd.remove([fact.number for fact in crowd.facts() if fact.slot in own or fact.source != "given"])
    return asked


def _others(size: int, meetings: Sequence[Meeting], config: WorldConfig, seed: int) -> list[NewFact]:
    """Facts of people whom nobody meets: so many that with the persona there are about ``size``."""
    but = [character.name for met in meetings for character in met.episode.characters]
    but += [question.probe.value for met in meetings for question in met.questions]
    count = size - len(meetings[0].episode.characters[BOT].facts)
    facts = itertools.islice(facts_of_others(seed, config, but), max(count, 0))
    return [NewFact(fact.text, "self", "given", slot=fact.slot, value=fact.value) for fact in facts]


def _begin(bot: Bot, met: Meeting, crowd: FactMemory, is_alone: bool) -> tuple[Session, Remembering]:
    """After the first words; a persona that is not alone is known from memory."""
    episode = met.episode
    config = RecallConfig() if is_alone else RecallConfig(most_shown=0)
    me, partner = episode.characters[BOT], episode.characters[HUMAN]
    session, remembering = begin(bot, crowd, episode.setting, me, partner, config=config)
    session.say(met.greeting)
    remembering.learn()
    return session, remembering


def _ask(session: Session, remembering: Remembering, size: int, met: Meeting, question: Question) -> Asked:
    """The question is taken back again, with all that came of it."""
    start = time.perf_counter()
    answer = session.say(question.speech)
    seconds = time.perf_counter() - start
    value, own = question.probe.value, {fact.text for fact in met.episode.characters[BOT].facts}
    used = [item for item in session.items if item.key in answer.leant_on and _is_own(item, own)]
    session.undo()
    remembering.learn()
    talk, decoys, found = met.episode.id, tuple(question.probe.decoys), tells(used, value)
    return Asked("facts", talk, "memory", size, question.speech, value, decoys, answer.reply, True, found, seconds)


def _is_own(item: Item, facts: set[str]) -> bool:
    """Whether the value may stand there by right: not in a fact of somebody else."""
    return item.kind != "persona" or item.text in facts
