"""What OpenAI's clients send and read, as far as it means something here."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from persona_tf.chat.answer import Offence
from persona_tf.serving.web.bodies import MAX_ALTERNATIVES, MAX_TURNS, Decoding, Seed, Source

Text = Annotated[str, StringConstraints(max_length=20_000)]

Stop = Annotated[str, StringConstraints(max_length=200)]


class Part(BaseModel):
    """A part of a message; others than text are refused."""

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """A message; ``action`` and ``emote`` are ours."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[Part], Field(max_length=64)] | None = None
    action: Annotated[str, StringConstraints(max_length=4_000)] = ""
    emote: str = ""

    def text(self) -> str:
        """All that it says."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream ends with."""

    include_usage: bool | None = False


class Completion(BaseModel):
    """A chat to be answered.

    System messages are place and persona, see `/api/docs`. Fields that are not named here change nothing.
    """

    model_config = ConfigDict(extra="ignore")

    model: str = Field(default="", max_length=200, description="a name of /v1/models; left out: the one that is served")
    messages: list[Message] = Field(min_length=1, max_length=MAX_TURNS)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    seed: Seed | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int | None = Field(default=1, ge=1, le=MAX_ALTERNATIVES)

    def decoding(self) -> Decoding:
        """How words are chosen."""
        most = self.max_completion_tokens or self.max_tokens
        return Decoding(
            temperature=self.temperature, top_p=self.top_p, max_reply_tokens=None if most is None else min(most, 256)
        )

    def stops(self) -> list[str]:
        """Where a reply ends at the latest."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in given if text]


class Model(BaseModel):
    """A bot that answers."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "persona_tf"


class Models(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[Model]


class MessageOut(BaseModel):
    """What the bot says; ``action``, ``emote``, ``leant_on`` and ``offence`` are ours."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    action: str
    emote: str
    leant_on: list[Source]
    offence: Offence


class Choice(BaseModel):
    """One of the ``n`` answers."""

    index: int
    message: MessageOut
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class Usage(BaseModel):
    """Tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionOut(BaseModel):
    """An answered chat."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
