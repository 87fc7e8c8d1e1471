"""Likelihoods of given targets: what the model thinks of replies, actions and emotes that others wrote."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from persona_tf.data.corpus import evaluation_batches, pack_corpus
from persona_tf.evaluation.candidates import Ranked
from persona_tf.example import Example, Target
from persona_tf.export.bundle import Bundle
from persona_tf.export.scoring_model import ScoringModel
from persona_tf.text import vocabulary as v
from persona_tf.text.features import ACTION_HEAD, REPLY_HEAD
from persona_tf.text.packer import Packer


@dataclasses.dataclass(frozen=True)
class TargetScore:
    """What the model thinks of one target, each head given the true words before it.

    ``reply_nats`` over ``reply_tokens``, of which ``reply_right`` are the likeliest in their place (END counted, unless
    it is not ``reply_whole``: of a reply that is longer than `LONGEST_REPLY_TOKENS` the beginning is read alone);
    ``action_nats`` of the given action, END counted, over ``action_tokens``; ``no_action`` is the probability that
    nothing is done after the reply; ``emote_logits`` float32 [E]; ``item`` is the index of the likeliest knowledge
    item, -1 when a turn is likelier, and then ``turn`` is its number, as `Example.turn_key` takes it, -1 for none.
    """

    reply_nats: float
    reply_tokens: int
    reply_right: int
    reply_whole: bool
    action_nats: float
    action_tokens: int
    no_action: float
    emote_logits: np.ndarray
    item: int
    turn: int


LONGEST_REPLY_TOKENS = 1024
"""Training cuts replies sooner; here a perplexity is to be that of all words."""


class Scorer:
    """Scores examples with a bundle's model.

    Args:
      bundle: the bot.
      batch_tokens: padded tokens of a batch, about.
    """

    def __init__(self, bundle: Bundle, batch_tokens: int = 16_384):
        self.batch_tokens = batch_tokens
        packer = bundle.packer
        config = dataclasses.replace(packer.config, target_tokens=LONGEST_REPLY_TOKENS)
        self._packer = Packer(packer.tokenizer, config, packer.learn_action, packer.learn_emote)
        self._model = ScoringModel(bundle.model)

    def score(self, examples: Iterable[Example]) -> list[list[TargetScore]]:
        """One list an example, one score a target."""
        examples = list(examples)
        if not examples:
            return []
        corpus = pack_corpus(examples, self._packer)
        scores: list[list[TargetScore]] = [[] for _ in examples]
        for rows, features in evaluation_batches(corpus, self.batch_tokens):
            outcome = self._model.score(features)
            for place, row in enumerate(rows):
                one = {name: value[place] for name, value in (features | outcome).items()}
                scores[row] = [_target_score(one, i) for i in range(len(examples[row].targets))]
        return scores

    def rank_replies(self, examples: Sequence[Example], candidates: Sequence[Sequence[str]]) -> list[Ranked | None]:
        """What each example's one target would cost if it were each of its candidates; None where there are none.

        They stand side by side as targets of one row and share its encodings.
        """
        pairs = [(example, own) for example, own in zip(examples, candidates, strict=True) if own]
        widened = [dataclasses.replace(e, targets=_one_for_each_reply(e.targets[0], own)) for e, own in pairs]
        found = iter(self.score(widened))
        return [_ranked(own, next(found)) if own else None for own in candidates]

    def rank_actions(self, examples: Sequence[Example]) -> list[dict[str, tuple[float, int]]]:
        """For examples of one target each: the summed nats of each of its available actions, and of how many tokens.

        The candidates of a target stand side by side as targets of one row and share its encodings.
        """
        widened = [dataclasses.replace(e, targets=_one_for_each_action(e.targets[0])) for e in examples]
        return [
            {
                target.action: (score.action_nats, score.action_tokens)
                for target, score in zip(example.targets, scores, strict=True)
            }
            for example, scores in zip(widened, self.score(widened), strict=True)
        ]


def best_emote(score: TargetScore, labels: Sequence[str], none: str) -> tuple[str, str]:
    """(the best of the emotes that are not ``none``, the best of all with "" for ``none``)."""
    order = [labels[i] for i in np.argsort(-score.emote_logits, kind="stable")]
    return next(e for e in order if e != none), "" if order[0] == none else order[0]


def _one_for_each_reply(target: Target, candidates: Sequence[str]) -> tuple[Target, ...]:
    bare = Target(target.turn, "", aside=target.aside)
    return tuple(dataclasses.replace(bare, reply=candidate) for candidate in candidates)


def _ranked(candidates: Sequence[str], scores: Sequence[TargetScore]) -> Ranked:
    return Ranked(
        tuple(candidates),
        tuple(round(score.reply_nats, 4) for score in scores),
        tuple(score.reply_tokens for score in scores),
    )


def _one_for_each_action(target: Target) -> tuple[Target, ...]:
    return tuple(dataclasses.replace(target, action=action, gold=()) for action in target.available_actions)


def _target_score(row: dict[str, np.ndarray], index: int) -> TargetScore:
    own = (row["target_index"] == index) & (row["target_ids"] != 0)
    reply, action = own & (row["target_head"] == REPLY_HEAD), own & (row["target_head"] == ACTION_HEAD)
    at_action, at_emote = own & (row["target_ids"] == v.ACTION), own & (row["target_ids"] == v.EMOTE)
    first = own & (row["target_position"] == 0)
    return TargetScore(
        reply_nats=float(row["nats"][reply].sum()),
        reply_tokens=int(reply.sum()),
        reply_right=int(row["right"][reply].sum()),
        reply_whole=bool((reply & (row["target_labels"] == v.ACTION)).any()),
        action_nats=float(row["nats"][action].sum()),
        action_tokens=int(action.sum()),
        no_action=float(np.exp(-row["stop_nats"][at_action]).sum()) if at_action.any() else 1.0,
        emote_logits=row["emote_logits"][at_emote].reshape(-1, row["emote_logits"].shape[-1]).sum(axis=0),
        item=max(int(row["item"][first][0]), -1),
        turn=int(row["turn"][first][0]) - 1,
    )
