"""What is sent about a conversation's memory, and what comes back; the OpenAPI document is made of it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, model_validator

from persona_tf.serving.web.bodies import Body

Owner = Literal["self", "partner", "world"]
FactText = Annotated[str, StringConstraints(max_length=500, pattern=r"\S")]


class NewFactBody(Body):
    """A fact to be remembered: of the bot (``self``), of whom it talks to, or of the place and all else."""

    text: Annotated[FactText, Field(examples=["I bake bread."])]
    owner: Owner = "self"
    pinned: bool = False


class FactChange(Body):
    """Other words for a fact, or whether it is pinned: known at every answer. What is left out stays as it is."""

    text: FactText | None = None
    pinned: bool | None = None

    @model_validator(mode="after")
    def _something_is_changed(self) -> "FactChange":
        if self.text is None and self.pinned is None:
            raise ValueError("expected a text, or pinned, or both")
        return self


class FactOut(BaseModel):
    """A fact that is remembered.

    ``source``: ``given`` before or beside the conversation, ``said`` in it, or ``invented`` by the bot. ``turn``: the
    number of the turn that it comes from; null: of none.
    """

    number: int
    text: str
    owner: Owner
    source: Literal["given", "said", "invented"]
    turn: int | None
    pinned: bool


class OutcomeOut(BaseModel):
    """What became of a fact.

    ``kept``; ``duplicate`` of a fact that was there; ``replaced``: it contradicts ``others``, which are gone;
    ``refused``: it contradicts ``others``, which are stronger; ``empty``. ``number``: of the fact that is remembered
    now, if any is.
    """

    kind: Literal["kept", "duplicate", "replaced", "refused", "empty"]
    text: str
    number: int | None
    others: list[FactOut]


class MemoryOut(BaseModel):
    """All that a conversation remembers. ``news``: what became of the facts of its last two turns."""

    facts: list[FactOut]
    news: list[OutcomeOut]
