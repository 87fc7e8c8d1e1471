"""Conversations keep the character card they began with: what its lorebook tells may come to mind later."""

import functools
import json
from collections.abc import Mapping
from typing import Any

from persona_tf.chat.card import Card, read_card, write_card
from persona_tf.chat.card_fields import whole_characters
from persona_tf.chat.card_scene import CardScene, card_scene
from persona_tf.chat.session import BOT, PARTNER, Recall
from persona_tf.serving.web.errors import ApiError

_FIELD = "card"
"""Of the kept state of a conversation: the card's JSON as text."""


def parsed(card: Mapping[str, Any] | None) -> Card | None:
    """A card that was sent; raises an ApiError where it is none."""
    if card is None:
        return None
    try:
        return read_card(json.dumps(whole_characters(card)).encode())
    except ValueError as error:
        raise ApiError(422, f"card: {error}", "invalid", "card") from error


def shown_whole(card: Card) -> Card:
    """The same card; where it has halves of characters, which no answer can hold, U+FFFD stands in their place."""
    value = json.loads(write_card(card))
    return card if whole_characters(value) == value else parsed(value) or card


def checked(card: Mapping[str, Any]) -> str:
    """A card that was sent, as it is kept; raises what `parsed` raises."""
    known = parsed(card)
    assert known is not None
    return write_card(known).decode()


def with_card(state: Mapping[str, Any], card: str | None) -> dict[str, Any]:
    """What is kept of a conversation; ``card`` as `checked` gave it."""
    return {**state, **({} if card is None else {_FIELD: card})}


def card_in(state: Mapping[str, Any]) -> str | None:
    """The inverse of `with_card`."""
    return state.get(_FIELD)


def shown(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """A kept conversation's card as JSON."""
    card = card_in(state)
    return None if card is None else json.loads(card)


def recall(card: str | None, name: str, partner: str) -> Recall | None:
    """What brings the lorebook to mind; the names are those of the two who talk."""
    if card is None:
        return None
    meant = _scene(card, name.strip(), partner.strip())
    return meant.recall if meant.lorebook.entries else None


def recall_of(state: Mapping[str, Any]) -> Recall | None:
    """`recall` for a kept conversation."""
    card = card_in(state)
    if card is None:
        return None
    characters = state["episode"]["characters"]
    return recall(card, characters[BOT]["name"], characters[PARTNER]["name"])


@functools.lru_cache(16)
def _scene(card: str, name: str, partner: str) -> CardScene:
    return card_scene(read_card(card.encode()), partner, name)
