"""Role-playing accuracy: would its own character say this reply, or rather the partner or a stranger?

A classifier decides, which is trained as a run of its own (`RetrieverConfig.finds` "speaker") and knows three personas,
the partner's last words and the reply. How far it is to be trusted, its right answers about human replies say, which
stand beside.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from persona_tf.data.speakers import WHO, exchange, personas
from persona_tf.episode import Episode
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import Metrics, report
from persona_tf.example import HistoryTurn
from persona_tf.learner import history_turns
from persona_tf.retrieval.bundle import load_retriever
from persona_tf.retrieval.retriever import Retriever
from persona_tf.run_dir import RunDir


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
    wanted = {target.id for target in targets}
    known = {
        id: (history_turns(episode.turns[:turn], learner), three)
        for episode, of_learners in personas(episodes)
        for learner, three in of_learners.items()
        for turn in range(len(episode.turns))
        if (id := f"{episode.id}:{learner}/{turn}") in wanted
    }
    return [
        dataclasses.replace(target, said_by=bot, gold_said_by=human)
        for target, bot, human in zip(
            targets,
            _who([(target.id, target.reply) for target in targets], known, judge),
            _who([(target.id, target.gold_reply) for target in targets], known, judge),
            strict=True,
        )
    ]


def human_baseline(targets: Sequence[ScoredTarget]) -> Metrics:
    """How often the classifier is right about the gold replies."""
    told = [dataclasses.replace(target, said_by=target.gold_said_by) for target in targets if target.gold_said_by]
    return {name: value for name, value in report(told, 0).items() if name == "reply_role_accuracy"}


def _who(
    replies: Sequence[tuple[str, str]],
    known: dict[str, tuple[tuple[HistoryTurn, ...], tuple[str, ...]]],
    judge: Retriever,
) -> list[str]:
    asked = [i for i, (id, reply) in enumerate(replies) if reply.strip() and id in known]
    contexts = [exchange(known[replies[i][0]][0], replies[i][1]) for i in asked]
    found = [""] * len(replies)
    for i, scores in zip(asked, judge.score(contexts, [known[replies[i][0]][1] for i in asked]), strict=True):
        found[i] = WHO[max(np.flatnonzero(scores == scores.max()))]  # of those that are alike, not the own one
    return found
