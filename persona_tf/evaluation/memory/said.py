"""Part one: questions about what the human said 5, 20 and 100 turns ago, answered with and without a memory."""

from collections.abc import Callable, Iterable, Iterator

from persona_tf.chat.bot import Bot
from persona_tf.chat.remembering import begin
from persona_tf.chat.session import Session
from persona_tf.data.world.long_talk import BOT, HUMAN, LaterQuestion, LongTalk
from persona_tf.evaluation.evaluator import answer_all
from persona_tf.evaluation.memory.asked import Asked, tells
from persona_tf.evaluation.metrics.probes import holds
from persona_tf.example import Example
from persona_tf.retrieval.memory.fact_memory import FactMemory

APART = (5, 20, 100)
"""At least so many turns lie between what is told and the question."""

MakeMemory = Callable[[str], FactMemory]
"""A conversation's name -> an empty memory for it."""

_Posed = tuple[LongTalk, LaterQuestion, str, Example, bool]


def ask_later(bot: Bot, talks: Iterable[LongTalk], make_memory: MakeMemory, batch_targets: int) -> list[Asked]:
    """Plays the talks, which have words for both, and asks each question twice, on a branch of its own."""
    posed = [one for talk in talks for one in (*_with_memory(bot, talk, make_memory), *_without(bot, talk))]
    answers = answer_all(bot, [example for _, _, _, example, _ in posed], batch_targets, "what was said")
    return [_asked(one, answer.reply) for one, [answer] in zip(posed, answers, strict=True)]


def _with_memory(bot: Bot, talk: LongTalk, make_memory: MakeMemory) -> Iterator[_Posed]:
    episode = talk.episode
    memory = make_memory(episode.id)
    session, remembering = begin(bot, memory, episode.setting, episode.characters[BOT], episode.characters[HUMAN])
    for question in talk.questions:
        session.hear(episode.turns[len(session.episode.turns) : question.at])
        remembering.learn()
        stored = any(holds(fact.text, question.probe.value) for fact in memory.facts() if fact.source == "said")
        yield talk, question, "memory", session.to_say(question.speech).example, stored
    remembering.learn()


def _without(bot: Bot, talk: LongTalk) -> Iterator[_Posed]:
    episode = talk.episode
    session = Session(bot, episode.setting, episode.characters[BOT], episode.characters[HUMAN])
    for question in talk.questions:
        session.hear(episode.turns[len(session.episode.turns) : question.at])
        yield talk, question, "none", session.to_say(question.speech).example, False


def _asked(posed: _Posed, reply: str) -> Asked:
    talk, question, way, example, stored = posed
    value, shown = question.probe.value, [item for item in example.items if item.key.startswith("memory/")]
    return Asked(
        "said",
        talk.episode.id,
        way,
        question.apart,
        question.speech,
        value,
        tuple(question.probe.decoys),
        reply,
        stored,
        tells(shown, value),
    )
