"""The decoding room's part of the control panel."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

METHODS = ("greedy", "sample", "beam")
GUIDES = ("persona", "setting")


@dataclasses.dataclass(frozen=True)
class DecodeConfig:
    """How the next token is chosen. The defaults are greedy and leave everything in.

    ``hypotheses``: how many answers are written side by side: independent samples, or the width of the beam.
    ``groups``, ``diversity``: diverse beam search, the beam in so many groups (Vijayakumar et al. 2018).
    ``length_alpha``: of the beam's score, sum of log-probabilities / ((1 + length) / 6) ** alpha.
    ``temperature``, ``top_k`` (None: all), ``top_p``, ``min_p``, ``typical``: of samples; ``repetition_penalty``: of
    all methods; see `decoding.filters`.
    ``no_repeat_ngram``, ``no_repeat_history_ngram``: no n-gram of so many tokens comes twice in a reply, or is taken
    from what was said before; 0: no rule.
    ``banned_words``: are not written, ``forced_words``: stand in every reply; as rows of tokens, so that of "bread"
    the beginning of "breads" is banned too, and forced "bake" is there in "baker".
    ``min_reply_tokens``, ``max_reply_tokens``, ``max_action_tokens``: without the stop.
    ``guidance``: a, of log-probabilities (1 + a) with - a without the ``guide``, what stands in persona or setting.
    ``mutual_information``: picks of several hypotheses that of the largest log p(reply) - weight * log p(reply without
    the guide) (Li et al. 2016, arXiv 1510.03055); 0: the samples' own order, or the beam's.
    ``seed``: of the noise of sampling.
    """

    method: str = "greedy"
    hypotheses: int = 1
    groups: int = 1
    diversity: float = 0.5
    length_alpha: float = 0.65
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    typical: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0
    no_repeat_history_ngram: int = 0
    banned_words: tuple[str, ...] = ()
    forced_words: tuple[str, ...] = ()
    min_reply_tokens: int = 0
    max_reply_tokens: int = 48
    max_action_tokens: int = 16
    guidance: float = 0.0
    guide: str = "persona"
    mutual_information: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_types()
        for name, choices in (("method", METHODS), ("guide", GUIDES)):
            if getattr(self, name) not in choices:
                raise ValueError(f"DecodeConfig.{name} must be one of {choices}, got {getattr(self, name)!r}")
        for name in ("temperature", "repetition_penalty"):
            if not _LEAST_FACTOR <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"DecodeConfig.{name} must be at least {_LEAST_FACTOR} and finite, got {getattr(self, name)!r}"
                )
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"DecodeConfig.top_k must be at least 1, or None for all, got {self.top_k!r}")
        for name in ("top_p", "typical"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"DecodeConfig.{name} must lie in (0, 1], got {getattr(self, name)!r}")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"DecodeConfig.min_p must lie in [0, 1], got {self.min_p!r}")
        for name in ("diversity", "length_alpha", "guidance", "mutual_information"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"DecodeConfig.{name} must be 0 or more, got {getattr(self, name)!r}")
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"DecodeConfig.{name} must be at least {least}, got {getattr(self, name)!r}")
        for name, most in _MOST.items():
            if getattr(self, name) > most:
                raise ValueError(f"DecodeConfig.{name} must be at most {most:,}, got {getattr(self, name)!r}")
        self._check_together()

    def _check_types(self) -> None:
        for field in dataclasses.fields(self):
            value, kinds = getattr(self, field.name), _KINDS[field.type]
            if isinstance(value, bool) or not isinstance(value, kinds):
                names = " or ".join(kind.__name__ for kind in kinds)
                raise ValueError(f"DecodeConfig.{field.name} must be of type {names}, got {value!r}")
        for name in ("banned_words", "forced_words"):
            words = getattr(self, name)
            if not all(isinstance(word, str) and word.strip() for word in words):
                raise ValueError(f"DecodeConfig.{name} must be a list of words, got {words!r}")

    def _check_together(self) -> None:
        if self.method == "greedy" and self.hypotheses > 1:
            raise ValueError("DecodeConfig.method greedy writes one answer: hypotheses > 1 needs sample or beam")
        if self.hypotheses % self.groups:
            raise ValueError(
                f"DecodeConfig.groups ({self.groups}) must divide hypotheses ({self.hypotheses}): all are of one size"
            )
        if self.groups > 1 and self.method != "beam":
            raise ValueError(f"DecodeConfig.groups > 1 needs method beam, got {self.method!r}")
        if self.min_reply_tokens > self.max_reply_tokens:
            raise ValueError(
                f"DecodeConfig.min_reply_tokens ({self.min_reply_tokens}) is above max_reply_tokens "
                f"({self.max_reply_tokens})"
            )
        if self.mutual_information and self.hypotheses == 1:
            raise ValueError("DecodeConfig.mutual_information picks among several: set hypotheses above 1")
        banned = {word.strip().lower() for word in self.banned_words}
        both = [word for word in self.forced_words if word.strip().lower() in banned]
        if both:
            raise ValueError(f"DecodeConfig: {both} are banned and forced at once; take them out of one of the two")

    def described(self) -> dict[str, Any]:
        """The method, and whatever differs from the defaults."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if name == "method" or value != _DEFAULTS[name]}

    def as_greedy(self) -> "DecodeConfig":
        """Greedy, of the same lengths, and nothing else: what every engine does."""
        return DecodeConfig(max_reply_tokens=self.max_reply_tokens, max_action_tokens=self.max_action_tokens)

    def check_greedy_but_lengths(self, changed: Iterable[str]) -> None:
        """Checks that a change means something to who decodes in ways of its own, of which the first is `as_greedy`.

        Args:
          changed: names of fields.

        Raises:
          ValueError: one of them has another value than `as_greedy` has, which would be left out.
        """
        greedy = self.as_greedy()
        for name in changed:
            if getattr(self, name) != getattr(greedy, name):
                raise ValueError(
                    f"DecodeConfig.{name} = {getattr(self, name)!r} would change nothing: words are chosen in "
                    "ways that are given, and only max_reply_tokens and max_action_tokens count. Leave it out"
                )

    @property
    def guided(self) -> bool:
        """Whether every word is also looked up without the guide."""
        return self.guidance > 0 or self.mutual_information > 0


_KINDS: dict[Any, tuple[type, ...]] = {
    int: (int,),
    float: (float, int),
    str: (str,),
    int | None: (int, type(None)),
    tuple[str, ...]: (tuple, list),
}
_LEAST_FACTOR = 0.001
"""Below this a float32 cannot hold the logits."""

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(DecodeConfig)}

_LEAST = {
    "hypotheses": 1,
    "groups": 1,
    "no_repeat_ngram": 0,
    "no_repeat_history_ngram": 0,
    "min_reply_tokens": 0,
    "max_reply_tokens": 1,
    "max_action_tokens": 1,
}

_MOST = {"hypotheses": 1024, "max_reply_tokens": 4096, "max_action_tokens": 4096}
"""Memory is set aside for all of them at once: of many more there would be none left."""
