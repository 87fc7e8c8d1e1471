"""Replies that draw on facts, when of the persona these alone are shown, those that a retriever finds, or none."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from persona_tf.evaluation.prediction_file import SHOWN
from persona_tf.example import Example, HistoryTurn, without
from persona_tf.retrieval.bundle import load_retriever
from persona_tf.retrieval.retriever import Retriever
from persona_tf.run_dir import RunDir


def load_finder(folder: str) -> Retriever:
    """The retriever of a run.

    Raises:
      FileNotFoundError: there is no such run.
      ValueError: it is broken, or finds something else than facts.
    """
    found = load_retriever(RunDir(Path(folder)).bundle)
    if found.config.finds != "facts":
        raise ValueError(
            f"EvalConfig.retriever: {folder} finds {found.config.finds}: expected a run that finds facts, such as that "
            "of `make train EXP=retrieval_toloka`"
        )
    return found


def shown_facts(singles: Sequence[Example], retriever: Retriever, count: int) -> list[dict[str, Example]]:
    """For each of SHOWN the example with these facts of its persona; {} where its target draws on none of them.

    Found are the ``count`` facts that suit best what was said before the target. Names, place and history stay.

    Args:
      singles: examples of one target each; later turns in their history are not looked at.
      retriever: of any kind that finds facts.
      count: how many it finds.
    """
    own = [{item.key: item.text for item in example.knowledge if item.kind == "persona"} for example in singles]
    gold = [set(example.targets[0].grounding) & facts.keys() for example, facts in zip(singles, own, strict=True)]
    asked = [i for i, used in enumerate(gold) if used]
    scores = retriever.score([_heard(singles[i]) for i in asked], [list(own[i].values()) for i in asked])
    shown: list[dict[str, Example]] = [{} for _ in singles]
    for i, worth in zip(asked, scores, strict=True):
        keys = list(own[i])
        found = {keys[place] for place in np.argsort(-worth, kind="stable")[:count]}
        kept = dict(zip(SHOWN, (gold[i], found, set[str]()), strict=True))
        shown[i] = {name: without(singles[i], own[i].keys() - some) for name, some in kept.items()}
    return shown


def _heard(example: Example) -> tuple[HistoryTurn, ...]:
    """What was said before the target."""
    [target] = example.targets
    return tuple(turn for turn in example.history if turn.item is None and turn.turn < target.turn)
