"""`/memory`: what is remembered, as text and buttons; and what is changed in it. All of it asks the memory."""

from collections.abc import Callable, Mapping, Sequence

from persona_tf.chat.remembering import KnownFact, Outcome, Remembering
from persona_tf.serving.telegram.outgoing import Button, Buttons, short
from persona_tf.serving.telegram.scene_commands import MAX_FACT, RefusedError, verb_of
from persona_tf.serving.telegram.texts import OWNERS, Texts
from persona_tf.serving.telegram.validation import memory_tag

_LISTED = 60
"""Facts, the newest."""
_WITH_BUTTONS = 12
_QUOTED = 200


def memory_command(remembering: Remembering, rest: str, texts: Texts) -> str:
    """Does what stands after `/memory`; returns what is said of it, "" where there is nothing but the list to show.

    Raises:
      RefusedError: it cannot be done.
    """
    verb, words = verb_of(rest)
    if verb in ("", "list"):
        return ""
    if verb not in _VERBS:
        raise RefusedError(texts.memory_usage)
    try:
        return _VERBS[verb](remembering, words, texts)
    except KeyError as error:
        raise RefusedError(texts.no_known_fact.format(number=short(words.partition(" ")[0], 20) or "…")) from error


def pressed(remembering: Remembering, kind: str, number: int, texts: Texts) -> str:
    """As `memory_command`, for a button; a fact that is gone is just not listed any more."""
    try:
        return _VERBS["pin" if kind == "pin" else "remove"](remembering, str(number), texts)
    except KeyError:
        return ""


def memory_list(facts: Sequence[KnownFact], texts: Texts) -> str:
    """The facts by number, the newest last."""
    lines = [_line(fact, texts) for fact in facts[-_LISTED:]]
    more = [texts.memory_more.format(count=len(facts) - _LISTED)] if len(facts) > _LISTED else []
    return "\n".join([texts.memory, *more, *lines]) if lines else texts.memory_empty


def memory_buttons(facts: Sequence[KnownFact], conversation: str) -> Buttons:
    """For each of the newest facts: pin it or let it go, and forget it."""
    tag = memory_tag(conversation)
    return tuple(
        (
            Button(f"{'📌' if fact.pinned else '▫️'} {fact.number}", f"m:pin:{tag}:{fact.number}"),
            Button(short(f"🗑 {fact.number}. {fact.text}", 40), f"m:forget:{tag}:{fact.number}"),
        )
        for fact in facts[-_WITH_BUTTONS:]
    )


def _line(fact: KnownFact, texts: Texts) -> str:
    marks = [*(["📌"] if fact.pinned else []), *([texts.made_up] if fact.source == "invented" else [])]
    return " ".join([f"{fact.number}. {texts.owners[fact.owner]}: {fact.text}", *marks])


def _add(remembering: Remembering, words: str, texts: Texts) -> str:
    mark, colon, rest = words.partition(":")
    owner = OWNERS.get(mark.strip().lower()) if colon else None
    return _told(remembering.tell(_text(rest if owner else words, texts), owner or "self"), texts)


def _edit(remembering: Remembering, words: str, texts: Texts) -> str:
    number, _, text = words.partition(" ")
    fact, text = remembering.memory.fact(_number(number)), _text(text, texts)
    outcome = remembering.change(fact.number, text)
    if outcome.kind in ("kept", "replaced"):
        remembering.hide(fact)
    return _told(outcome, texts)


def _remove(remembering: Remembering, words: str, texts: Texts) -> str:
    return texts.forgotten.format(fact=short(remembering.forget(_number(words)).text, _QUOTED))


def _pin(remembering: Remembering, words: str, texts: Texts) -> str:
    fact = remembering.memory.fact(_number(words))
    remembering.memory.pin(fact.number, not fact.pinned)
    return (texts.let_go if fact.pinned else texts.pinned).format(fact=short(fact.text, _QUOTED))


_VERBS: Mapping[str, Callable[[Remembering, str, Texts], str]] = {
    "add": _add,
    "edit": _edit,
    "remove": _remove,
    "pin": _pin,
}


def _number(words: str) -> int:
    digits = words.strip().rstrip(".):")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise KeyError(words)
    return int(digits)


def _text(words: str, texts: Texts) -> str:
    text = " ".join(words.split())
    if not text:
        raise RefusedError(texts.memory_usage)
    if len(text) > MAX_FACT:
        raise RefusedError(texts.fact_too_long.format(most=MAX_FACT, count=len(text)))
    return text


def _told(outcome: Outcome, texts: Texts) -> str:
    others = "; ".join(short(one.text, _QUOTED) for one in outcome.others)
    said = {"replaced": texts.remembered_instead, "duplicate": texts.same_fact, "refused": texts.not_remembered}
    return said.get(outcome.kind, texts.remembered).format(fact=short(outcome.text, _QUOTED), others=others)
