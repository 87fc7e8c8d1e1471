"""Role-playing accuracy: would its own character say this reply, or rather the partner or a stranger?

A classifier decides, which is trained as a run of its own (`RetrieverConfig.finds` "speaker") and knows three personas,
the partner's last words and the reply; each persona is worth as much as the best of its facts. How far it is to be
trusted, its right answers about human replies say, which stand beside. Many replies, such as those about the place,
nobody can tell: those whose gold reply draws on the own persona are counted apart.
"""

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from persona_tf.data.speakers import WHO, Personas, exchange, personas
from persona_tf.episode import Episode
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import ROLES, Metrics, report
from persona_tf.example import HistoryTurn
from persona_tf.learner import history_turns
from persona_tf.retrieval.bundle import load_retriever
from persona_tf.retrieval.retriever import Retriever
from persona_tf.retrieval.worth import worth_of_each
from persona_tf.run_dir import RunDir

_Known = Mapping[str, tuple[tuple[HistoryTurn, ...], Personas]]
"""Id of a turn to what was said before it, and whose turn it may be."""


def load_judge(folder: str) -> Retriever:
    """The classifier of a run.

    Raises:
      FileNotFoundError: there is no such run.
      ValueError: it is broken, or trained for something else.
    """
    run = RunDir(Path(folder))
    judge = load_retriever(run.bundle)
    if judge.config.finds != "speaker":
        raise ValueError(
            f"EvalConfig.judge: {folder} finds {judge.config.finds}: expected a run that tells speakers apart, such as "
            "that of `make train EXP=world_speakers`"
        )
    return judge


def judged(targets: Sequence[ScoredTarget], episodes: Iterable[Episode], judge: Retriever) -> list[ScoredTarget]:
    """The targets with ``said_by`` and ``gold_said_by``: of `WHO`, or "" where there is no reply or are no personas."""
    known = _known(episodes, {target.id for target in targets})
    return [
        dataclasses.replace(target, said_by=bot, gold_said_by=human)
        for target, bot, human in zip(
            targets,
            _who([(target.id, target.reply) for target in targets], known, judge),
            _who([(target.id, target.gold_reply) for target in targets], known, judge),
            strict=True,
        )
    ]


def said_by(episodes: Sequence[Episode], judge: Retriever) -> list[list[str]]:
    """For each turn of each episode, of `WHO`; "" where nothing is said, or no learner speaks, or are no personas."""
    ids = [[(_id(episode, turn), said.speech) for turn, said in enumerate(episode.turns)] for episode in episodes]
    replies = list(itertools.chain.from_iterable(ids))
    found = iter(_who(replies, _known(episodes, {id for id, _ in replies}), judge))
    return [[next(found) for _ in episode.turns] for episode in episodes]


def human_baseline(targets: Sequence[ScoredTarget]) -> Metrics:
    """How often the classifier is right about the gold replies."""
    told = [dataclasses.replace(target, said_by=target.gold_said_by) for target in targets if target.gold_said_by]
    return {name: value for name, value in report(told, 0).items() if name in ROLES}


def _id(episode: Episode, turn: int) -> str:
    return f"{episode.id}:{episode.turns[turn].speaker}/{turn}"


def _known(episodes: Iterable[Episode], wanted: Collection[str]) -> _Known:
    return {
        id: (history_turns(episode.turns[:turn], said.speaker), of_learners[said.speaker])
        for episode, of_learners in personas(episodes)
        for turn, said in enumerate(episode.turns)
        if said.speaker in of_learners and (id := _id(episode, turn)) in wanted
    }


def _who(replies: Sequence[tuple[str, str]], known: _Known, judge: Retriever) -> list[str]:
    asked = [i for i, (id, reply) in enumerate(replies) if reply.strip() and id in known]
    contexts = [exchange(known[replies[i][0]][0], replies[i][1]) for i in asked]
    three = [known[replies[i][0]][1] for i in asked]
    scores = judge.score(contexts, [tuple(itertools.chain.from_iterable(some)) for some in three])
    found = [""] * len(replies)
    for i, some, of_facts in zip(asked, three, scores, strict=True):
        worth = worth_of_each(of_facts.tolist(), [len(facts) for facts in some])
        found[i] = WHO[max(np.flatnonzero(worth == worth.max()))]  # of those that are alike, not the own one
    return found
