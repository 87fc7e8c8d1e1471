"""What generated text is like, to be read beside the same figures of human text (Holtzman et al. 2020, 1904.09751).

| name | definition |
|---|---|
| generated_ppl | of the replies under the model that wrote them: exp(nats / tokens), END counted |
| generated_self_bleu_4 | see `self_bleu.self_bleu`; without interval |
| generated_zipf | see `zipf.zipf_coefficient`; without interval |
| generated_repetition | share of replies whose tokens end in a loop, see `distinct.ends_in_loop` |
| generated_words | mean length of a reply in words and marks |

A good way of choosing words comes near the human figures; neither less nor more is better. Likelihoods and loops are
of the model's tokens, as in the paper. Differs from the paper in the others, which are of words and marks
(`words_and_marks`), so that runs with different vocabularies can be compared; and in that the tokens are those of the
text, encoded anew: of "gggggg" the model may have written others. Knows strings and numbers only.
"""

import dataclasses
import re
from collections.abc import Hashable, Iterator, Sequence

from persona_tf.evaluation.metrics.distinct import ends_in_loop
from persona_tf.evaluation.metrics.self_bleu import self_bleu
from persona_tf.evaluation.metrics.zipf import zipf_coefficient
from persona_tf.evaluation.report import Metrics, added_up, ratios

_TOKEN = re.compile(r"\w+|[^\w\s]")

NAMES = (
    "generated_ppl",
    "generated_self_bleu_4",
    "generated_zipf",
    "generated_repetition",
    "generated_words",
)
"""All that `generation_quality` may hold, in the order of its tables."""


@dataclasses.dataclass(frozen=True)
class Generated:
    """One reply, whoever wrote it: its dialogue, and its likelihood under the model.

    ``nats`` are summed over ``tokens``, END counted; 0 tokens: the likelihood is not known. ``pieces`` are the text in
    the model's tokens; without them a loop is one of words and marks.
    """

    episode: str
    text: str
    nats: float = 0.0
    tokens: int = 0
    pieces: Sequence[Hashable] = ()


def words_and_marks(text: str) -> list[str]:
    """Words, case kept, and each mark by itself.

    >>> words_and_marks("Well, I don't.")
    ['Well', ',', 'I', 'don', "'", 't', '.']
    """
    return _TOKEN.findall(text)


def generation_quality(replies: Sequence[Generated], bootstrap_samples: int = 1000, seed: int = 0) -> Metrics:
    """The figures that apply to ``replies``, with 95 % bootstrap intervals over dialogues where there can be one.

    Args:
      replies: of one bot on one split; empty ones count as said.
      bootstrap_samples: 0 leaves the intervals out; so does a single dialogue.
      seed: of the bootstrap, and of the sample of self-BLEU.

    Returns:
      As `report.report`. Where no reply has a word, nothing but the perplexity and the length apply.
    """
    texts = [words_and_marks(reply.text) for reply in replies]
    parts = ((r.episode, part) for r, text in zip(replies, texts, strict=True) for part in _contributions(r, text))
    metrics = ratios(added_up(NAMES, (r.episode for r in replies), parts), bootstrap_samples, seed)
    whole = {
        "generated_self_bleu_4": self_bleu(texts, seed=seed),
        "generated_zipf": zipf_coefficient(token for text in texts for token in text),
    }
    if not any(texts):
        return {name: metrics[name] for name in ("generated_ppl", "generated_words") if name in metrics}
    metrics |= {name: {"value": value, "count": len(replies)} for name, value in whole.items() if value == value}
    return {name: metrics[name] for name in NAMES if name in metrics}


def _contributions(reply: Generated, text: Sequence[str]) -> Iterator[tuple[str, float, float]]:
    if reply.tokens:
        yield "generated_ppl", reply.nats, reply.tokens
    yield "generated_repetition", ends_in_loop(reply.pieces or text), 1
    yield "generated_words", len(text), 1
