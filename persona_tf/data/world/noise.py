"""The human's keyboard: typing errors and lower case, never inside a value.

It works on templates, before the values are filled in: a word with a ``{placeholder}`` is left alone.

>>> humanize("Pray, what is {who} called?", random.Random(5), typos=1.0, lower_case=1.0)
'pray, what is {who} xalled?'
"""

import random

_NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", "svxswdfgukjknbiowearycqztx", strict=True))


def humanize(template: str, rng: random.Random, typos: float, lower_case: float) -> str:
    """`template` as somebody in a hurry would type it.

    Args:
      template: a sentence, possibly with ``{placeholders}``, which stay as they are.
      rng: where the randomness comes from; two numbers are drawn at least.
      typos: how probable one or two typing errors are.
      lower_case: how probable it is that capitals are left out.
    """
    careless, hasty = rng.random() < typos, rng.random() < lower_case
    if not careless and not hasty:
        return template
    words = template.split(" ")
    if careless:
        for _ in range(1 + (rng.random() < 0.3)):
            at = rng.randrange(len(words))
            words[at] = _mistype(words[at], rng)
    if hasty:
        words = [w if "{" in w else w.lower() for w in words]
    return " ".join(words)


def _mistype(word: str, rng: random.Random) -> str:
    """One error in a word: letters swapped, dropped, doubled, or the key beside."""
    if "{" in word or not word.isascii() or not word.strip(".,!?;'").isalpha() or len(word) < 2:
        return word
    at = rng.randrange(len(word) - 1)
    if not (word[at].isalpha() and word[at + 1].isalpha()):
        return word
    kind = rng.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[: at + 1] + word[at:]
    return word[:at] + _NEIGHBOURS.get(word[at], word[at]) + word[at + 1 :]
