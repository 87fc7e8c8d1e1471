"""Conversations and answers as the API shows them."""

from collections.abc import Mapping, Sequence

from persona_tf.chat.answer import Answer
from persona_tf.chat.session import BOT, PARTNER, Question, Session
from persona_tf.chat.state import Alternative
from persona_tf.chat_file import Kept
from persona_tf.example import Item as KnowledgeItem
from persona_tf.serving.listing import said
from persona_tf.serving.web import cards
from persona_tf.serving.web.bodies import (
    About,
    AlternativeOut,
    Change,
    ConversationOut,
    Item,
    Persona,
    Place,
    Reply,
    Source,
    TurnOut,
)


def reply(session: Session, question: Question, answer: Answer, seed: int) -> Reply:
    """The answer to a question, of its own."""
    return Reply(
        reply=answer.reply,
        action=answer.action,
        emote=answer.emote,
        leant_on=sources(session, answer.leant_on, question.recalled),
        tokens=answer.tokens,
        log_prob=answer.log_prob,
        cut=answer.cut,
        offence=answer.offence,
        seed=seed,
    )


def sources(session: Session, leant_on: Mapping[str, float], recalled: Sequence[KnowledgeItem] = ()) -> list[Source]:
    """What an answer leant on, with the texts that stand there; ``recalled``: what came to mind for it alone."""
    texts = {item.key: item.text for item in (*session.items, *recalled)}
    turns = session.episode.turns
    found = []
    for key, share in leant_on.items():
        kind, _, number = key.partition("/")
        if kind == "turn" and 0 <= int(number) < len(turns):
            texts[key] = said(turns[int(number)])
        if key in texts:
            found.append(Source(key=key, kind=kind, text=texts[key], weight=share))
    return found


def change(kept: Kept, session: Session, first: int) -> Change:
    """What became of a conversation from turn ``first`` on."""
    turns = [turn(session, number) for number in range(first, len(session.episode.turns))]
    return Change(id=kept.id, revision=kept.revision, count=len(session.episode.turns), turns=turns)


def conversation(kept: Kept, session: Session) -> ConversationOut:
    """All of it."""
    episode = session.episode
    return ConversationOut(
        **change(kept, session, 0).model_dump(),
        created=kept.created,
        changed=kept.changed,
        seed=session.seed,
        place=Place.of(episode.setting),
        persona=Persona.of(episode.characters[BOT]),
        partner=Persona.of(episode.characters[PARTNER]),
        knowledge=[Item(key=item.key, kind=item.kind, text=item.text) for item in session.items],
        card=cards.shown(kept.state),
    )


def turn(session: Session, number: int) -> TurnOut:
    """A turn with its alternatives."""
    one, made = session.episode.turns[number], session.choices[number]
    return TurnOut(
        number=number,
        speaker="partner" if one.speaker == PARTNER else "bot",
        text=one.speech,
        action=one.action,
        emote=one.emote,
        chosen=made.chosen if made else None,
        alternatives=[_alternative(session, other) for other in made.alternatives] if made else [],
    )


def listed(kept: Kept) -> About:
    """A conversation in a list."""
    times = {"id": kept.id, "created": kept.created, "changed": kept.changed, "revision": kept.revision}
    return About.model_validate({**kept.about, **times})


def _alternative(session: Session, one: Alternative) -> AlternativeOut:
    answer = one.answer
    return AlternativeOut(
        text=answer.reply,
        action=answer.action,
        emote=answer.emote,
        leant_on=sources(session, answer.leant_on),
        tokens=answer.tokens,
        log_prob=answer.log_prob,
        cut=answer.cut,
        offence=answer.offence,
        rating=dict(one.rating),
        ticked=None if one.ticked is None else list(one.ticked),
        edited=one.edited,
    )
