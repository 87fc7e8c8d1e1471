"""How large the built-in world is and how hard: `WorldConfig`."""

import dataclasses

SPLITS = ("train", "valid", "test", "test_unseen", "test_novel")
"""The splits. ``test_unseen`` has fillers and phrasings of its own, ``test_novel`` letters of its own."""

PEOPLE = ("", "light")


@dataclasses.dataclass(frozen=True)
class WorldConfig:
    """Sizes of the splits, and the rates by which dialogues are composed.

    The defaults are the world that figures are reported on. Rates are probabilities in [0, 1]; ranges are
    inclusive pairs.

    Raises:
      ValueError: a size is negative, a rate is no probability, or a range is empty or out of bounds.
    """

    train: int = 40_000
    valid: int = 500
    test: int = 1_000
    test_unseen: int = 1_000
    test_novel: int = 1_000
    seed: int = 0
    people: str = ""
    """Who plays, and where: "" people and places that are composed, ``light`` those of LIGHT, which are read."""
    turns: tuple[int, int] = (8, 16)
    """Turns a dialogue, both speakers together."""
    slots: tuple[str, ...] = ()
    """The slots there are, by name; none named: all of the lexicon."""
    phrasings: int = 0
    """How many of training's phrasings of each question, fact and answer there are; 0: all."""
    objects: tuple[int, int] = (4, 5)
    """Objects of a place."""
    facts: tuple[int, int] = (4, 8)
    """Facts of the bot besides its trade, home and temperament."""
    probes: tuple[int, int] = (3, 5)
    """Questions with a known answer a dialogue."""
    asides: int = 0
    """Exchanges besides that a dialogue of training has, mostly questions: each could have come next at some place."""
    aside_weights: tuple[float, float, float, float, float] = (0.4, 0.25, 0.6, 0.1, 0.45)
    """What asides are: weights of the four sources, and of events and small talk. While nothing was told, history's
    falls to the persona, so that it weighs more here than in ``sources``."""
    sources: tuple[float, float, float, float] = (0.4, 0.25, 0.25, 0.1)
    """Weights of persona, setting, history and unanswerable questions (`Probe.SOURCES`)."""
    made_up: float = 0.4
    """Share of persons, towns, beasts and gods whose name is composed at random."""
    typos: float = 0.3
    """Share of the human's turns with a typing error (never inside a value)."""
    lower_case: float = 0.2
    """Share of the human's turns in lower case (values keep theirs)."""
    coloured: float = 0.45
    """Share of the bot's replies to which a sentence in its temperament's manner is added."""
    eventful: float = 0.25
    """Share of questions that come together with an event (a gift, an insult, a request ...)."""
    own_telling: float = 0.4
    """Share of persona questions before which the human tells the same thing about itself."""
    acquaintances: int = 0
    """Facts about people who are not there that the bot knows besides, after its own."""
    states: bool = False
    """Whether turns say which facts they state (`Turn.states`), and which they could have made up."""

    def __post_init__(self) -> None:
        for name in SPLITS:
            if getattr(self, name) < 0:
                raise ValueError(f"WorldConfig.{name}: expected a size of 0 or more, got {getattr(self, name)}")
        if self.people not in PEOPLE:
            raise ValueError(f"WorldConfig.people: expected one of {PEOPLE}, got {self.people!r}")
        for name in ("made_up", "typos", "lower_case", "coloured", "eventful", "own_telling"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"WorldConfig.{name}: expected a rate in [0, 1], got {getattr(self, name)}")
        for name, least, most in (("turns", 6, 24), ("facts", 4, 8), ("probes", 1, 8), ("objects", 2, 5)):
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                raise ValueError(
                    f"WorldConfig.{name}: expected (low, high) with {least} <= low <= high <= {most}, got {(low, high)}"
                )
        if not isinstance(self.states, bool):
            raise ValueError(f"WorldConfig.states: expected True or False, got {self.states!r}")
        for name in ("asides", "acquaintances"):
            if not 0 <= getattr(self, name) <= 15:
                raise ValueError(f"WorldConfig.{name}: expected 0 to 15, got {getattr(self, name)}")
        if self.phrasings < 0:
            raise ValueError(f"WorldConfig.phrasings: expected 0 or more, got {self.phrasings}")
        kinds = "persona, setting, history, unanswerable"
        self._check_weights("sources", kinds)
        self._check_weights("aside_weights", f"{kinds}, talk")

    def _check_weights(self, name: str, kinds: str) -> None:
        weights, count = getattr(self, name), kinds.count(",") + 1
        if len(weights) != count or min(weights) < 0 or sum(weights) <= 0:
            raise ValueError(f"WorldConfig.{name}: expected {count} weights ({kinds}), not all 0, got {weights}")

    def size(self, split: str) -> int:
        """Episodes in `split`.

        Raises:
          ValueError: there is no such split.
        """
        return int(getattr(self, check_split(split)))


def check_split(split: str) -> str:
    """Returns `split` if there is such a split of the world.

    Raises:
      ValueError: there is none.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    return split
