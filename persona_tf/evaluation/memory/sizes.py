"""Part two: the persona among 10, 100, 1,000 and 10,000 facts: does it still answer right, and as fast?"""

import itertools
import time
from collections.abc import Sequence

from persona_tf.chat.bot import Bot
from persona_tf.chat.recalling import RecallConfig
from persona_tf.chat.remembering import begin
from persona_tf.chat.session import Session
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.long_talk import facts_of_others
from persona_tf.data.world.meeting import BOT, HUMAN, Meeting, Question
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
    crowds = {size: _crowd(make_memory(f"crowd of {size}"), size, meetings, config, seed) for size in sizes}
    asked: list[Asked] = []
    for met in meetings:
        sessions = {size: _session(bot, met, crowd, size) for size, crowd in crowds.items()}
        for session in sessions.values():
            session.say(met.greeting)
        for number, question in enumerate(met.questions):
            order = sizes[number % len(sizes) :] + sizes[: number % len(sizes)]
            asked += [_ask(sessions[size], crowds[size], size, met, question) for size in order]
        for crowd in crowds.values():
            crowd.remove([fact.number for fact in crowd.facts() if fact.slot in _slots(met)])
    return asked


def _crowd(memory: FactMemory, size: int, meetings: Sequence[Meeting], config: WorldConfig, seed: int) -> FactMemory:
    """A memory of facts about people whom nobody meets."""
    but = [character.name for met in meetings for character in met.episode.characters]
    but += [question.probe.value for met in meetings for question in met.questions]
    others = facts_of_others(seed, config, but)
    few = len(meetings[0].episode.characters[BOT].facts) if meetings else 0
    chosen = itertools.islice(others, max(size - few, 0) if size > min(SIZES) else 0)
    memory.add([NewFact(fact.text, "self", "given", slot=fact.slot, value=fact.value) for fact in chosen])
    return memory


def _session(bot: Bot, met: Meeting, crowd: FactMemory, size: int) -> Session:
    episode = met.episode
    config = RecallConfig() if size == min(SIZES) else RecallConfig(most_shown=0)
    me, partner = episode.characters[BOT], episode.characters[HUMAN]
    return begin(bot, crowd, episode.setting, me, partner, config=config)[0]


def _ask(session: Session, crowd: FactMemory, size: int, met: Meeting, question: Question) -> Asked:
    start = time.perf_counter()
    answer = session.say(question.speech)
    seconds = time.perf_counter() - start
    value, own = question.probe.value, {fact.text for fact in met.episode.characters[BOT].facts}
    used = [item for item in session.items if item.key in answer.leant_on and _is_own(item, own)]
    session.undo()
    talk, decoys = met.episode.id, tuple(question.probe.decoys)
    found = tells(used, value)
    return Asked("facts", talk, "memory", size, question.speech, value, decoys, answer.reply, True, found, seconds)


def _is_own(item: Item, facts: set[str]) -> bool:
    """Whether the value may stand there by right: not in a fact of somebody else."""
    return item.kind != "persona" or item.text in facts


def _slots(met: Meeting) -> set[str]:
    return {fact.slot for fact in met.episode.characters[BOT].facts}
