"""The settings of an evaluation. Knows no gin and no models."""

import dataclasses

from persona_tf.evaluation.decoders.ways import chosen_ways


@dataclasses.dataclass(frozen=True)
class EvalConfig:
    """What is evaluated, and how.

    Args:
      splits: the splits to evaluate, such as ``("valid", "test")``.
      batch_targets: targets that the model answers at once.
      max_examples: at most so many targets a split; 0 means all.
      bootstrap_samples: resamples for the 95 % intervals; 0 means no intervals.
      seed: seeds the resamples, the random baseline, and who is attacked.
      swapped: whether probes are asked a second time with the counterfactual item in place.
      missing_probes: how many probes of each source are asked again without all that tells the answer, drawn; 0
        leaves it out.
      shuffled_persona: whether replies are scored a second time with the persona of another dialogue.
      gaps: whether they are scored again with persona, setting and past of another dialogue, and without each. These
        are six passes, and that over the past takes each target alone.
      retriever: folder of a run that finds facts: replies that draw on facts of the persona are scored again with these
        alone, with those that it finds, and with none; "" leaves that out.
      found_facts: how many it finds for each reply.
      ranked: among how many candidates the true reply is to be found; 0 leaves it out.
      judge: folder of a run that tells speakers apart, which says whose replies the bot's are; "" asks none.
      trigram: whether a Kneser-Ney trigram model of the training dialogues stands beside the likelihoods.
      ways: those of `ways.WAYS` that the verb ``decoders`` compares; () means all.
      override_questions: how many questions are asked before and after an attack on the persona, at most.
      override_attacks: at most so many attacks of each kind; 0 means all.
      memory_talks: how many long talks the verb ``remember`` plays, with five questions at each distance.
      memory_people: how many are asked about themselves among more and more facts, and as many for what they lack.

    Raises:
      TypeError, ValueError: a setting is of another type or out of range; the message names it.
    """

    splits: tuple[str, ...] = ()
    batch_targets: int = 64
    max_examples: int = 0
    bootstrap_samples: int = 1000
    seed: int = 0
    swapped: bool = True
    missing_probes: int = 100
    shuffled_persona: bool = False
    gaps: bool = False
    retriever: str = ""
    found_facts: int = 2
    ranked: int = 0
    judge: str = ""
    trigram: bool = False
    ways: tuple[str, ...] = ()
    override_questions: int = 3
    override_attacks: int = 0
    memory_talks: int = 100
    memory_people: int = 25

    def __post_init__(self) -> None:
        for name, such in (("splits", "valid"), ("ways", "greedy")):
            names = getattr(self, name)
            if isinstance(names, list):
                object.__setattr__(self, name, names := tuple(names))
            if not isinstance(names, tuple) or not all(isinstance(n, str) and n for n in names):
                raise TypeError(f'EvalConfig.{name}: expected names such as ("{such}",), got {names!r}')
        try:
            chosen_ways(self.ways)
        except ValueError as error:
            raise ValueError(f"EvalConfig.ways: expected names of ways, but {error}") from error
        for name in ("swapped", "shuffled_persona", "gaps", "trigram"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"EvalConfig.{name}: expected True or False, got {getattr(self, name)!r}")
        for name in ("judge", "retriever"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"EvalConfig.{name}: expected the folder of a run, got {getattr(self, name)!r}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"EvalConfig.{name}: expected an integer, got {value!r}")
            if value < least:
                raise ValueError(f"EvalConfig.{name}: expected {least} or more, got {value}")
            if value > _MOST.get(name, value):
                raise ValueError(f"EvalConfig.{name}: expected {_MOST[name]:,} or less, got {value}")
        if self.ranked == 1:
            raise ValueError("EvalConfig.ranked: expected 2 candidates or more, or 0 for none, got 1")


_LEAST = {
    "batch_targets": 1,
    "max_examples": 0,
    "bootstrap_samples": 0,
    "found_facts": 1,
    "ranked": 0,
    "missing_probes": 0,
    "seed": 0,
    "override_questions": 1,
    "override_attacks": 0,
    "memory_talks": 1,
    "memory_people": 1,
}
"""The whole numbers, and the least that each can be."""

_MOST = {"batch_targets": 16_384, "bootstrap_samples": 1_000_000}
"""Of what is in memory at once: more would end the process."""
