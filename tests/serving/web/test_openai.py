"""The official `openai` client talks to the server."""

import openai
import pytest

from persona_tf.episode import Setting
from persona_tf.serving.web.openai_api import Stops
from persona_tf.serving.web.system_message import MAX_CHARACTERS, scene_of

SYSTEM = (
    "Place: Mill: It is old. It leans.\nName: Mira\nI bake bread. I fear geese.\nPartner: Tam\nCarrying: a bun, a key"
)


@pytest.fixture
def ai(client):
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0, timeout=20) as made:
        yield made


def chat(*texts):
    roles = ["user" if i % 2 == 0 else "assistant" for i in range(len(texts))]
    said = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    return [{"role": "system", "content": SYSTEM}, *said]


def test_the_models_are_listed(ai):
    assert [model.id for model in ai.models.list()] == ["fake"]
    assert ai.models.retrieve("fake").owned_by == "persona_tf"
    with pytest.raises(openai.NotFoundError, match="this server has fake"):
        ai.chat.completions.create(model="gpt-4", messages=chat("Hi"))


def test_a_chat_is_answered(ai):
    done = ai.chat.completions.create(model="fake", messages=chat("Hi", "Ho.", "How?"), seed=5)
    [choice] = done.choices
    assert choice.message.role == "assistant"
    assert choice.message.content.startswith("You said: How? after 3 turns")
    assert choice.finish_reason == "stop"
    assert (choice.message.action, choice.message.emote) == ("wave", "smile")
    assert {"key": "turn/2", "kind": "turn", "text": "How?", "weight": 0.25} in choice.message.leant_on
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert done.usage.prompt_tokens > 10
    again = ai.chat.completions.create(model="fake", messages=chat("Hi", "Ho.", "How?"), seed=5)
    other = ai.chat.completions.create(model="fake", messages=chat("Hi", "Ho.", "How?"), seed=6)
    assert again.choices[0].message.content == choice.message.content != other.choices[0].message.content


def test_n_answers_lengths_and_parts(ai, bot):
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "developer", "content": SYSTEM}, {"role": "user", "content": parts}]
    done = ai.chat.completions.create(
        model="fake", messages=messages, n=3, max_tokens=4, temperature=0.5, top_p=0.7, seed=1
    )
    assert [choice.finish_reason for choice in done.choices] == ["length"] * 3
    assert all(choice.message.content == "You said: a b" for choice in done.choices)
    assert len(bot.batches[-1]) == 3


def test_a_stop_ends_a_reply(ai):
    done = ai.chat.completions.create(model="fake", messages=chat("Hi there"), stop=["after", "never"])
    assert (done.choices[0].message.content, done.choices[0].finish_reason) == ("You said: Hi there ", "stop")


@pytest.mark.parametrize("stop", [None, " after", ["zzz", "t"]])
def test_a_stream_says_the_same(ai, stop):
    asked = {"model": "fake", "messages": chat("Hi there"), "seed": 3, "n": 2, "stop": stop}
    whole = ai.chat.completions.create(**asked)
    chunks = list(ai.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    *chunks, last = chunks
    assert last.choices == []
    assert last.usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1
    for choice in whole.choices:
        parts = [one for chunk in chunks for one in chunk.choices if one.index == choice.index]
        assert parts[0].delta.role == "assistant"
        assert "".join(part.delta.content or "" for part in parts) == choice.message.content
        assert [part.finish_reason for part in parts if part.finish_reason] == [choice.finish_reason]
        assert (parts[-1].delta.action, parts[-1].delta.emote) == ("wave", "smile")


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": []},
        {"messages": chat("Hi"), "temperature": 9},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": chat("Hi"), "n": 99},
        {"messages": [{"role": "system", "content": "x" * (MAX_CHARACTERS + 1)}]},
        {"messages": [{"role": "system", "content": "I am.\n" * 200}]},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(ai, asked):
    with pytest.raises(openai.APIStatusError) as refused:
        ai.chat.completions.create(model="fake", **asked)
    assert refused.value.status_code in (400, 422)
    assert refused.value.body["type"] == "invalid_request_error"
    assert refused.value.body["message"]


def test_a_system_message_is_place_and_persona():
    place, mira, tam = scene_of(SYSTEM)
    assert place == Setting("Mill", description=("It is old.", "It leans."))
    assert (mira.name, [fact.text for fact in mira.facts]) == ("Mira", ["I bake bread.", "I fear geese."])
    assert [thing.name for thing in mira.carrying] == ["a bun", "a key"]
    assert tam.name == "Tam"


@pytest.mark.parametrize(
    ("text", "name", "facts"),
    [
        ("", "", []),
        ("My name is Bo. I sing.", "Bo", ["I sing."]),
        ("Persona: I sing. I dance.", "", ["I sing.", "I dance."]),
        ("I say: no.", "", ["I say: no."]),
        ("Place:\n\n", "", []),
    ],
)
def test_free_text_is_facts(text, name, facts):
    place, me, partner = scene_of(text)
    assert (place, me.name, [fact.text for fact in me.facts], partner.name) == (None, name, facts, "")


def test_the_beginning_of_a_stop_is_held_back():
    stops = Stops(["END"])
    assert [stops.more(piece) for piece in ("aE", "Nx", "EN", "D b", "c")] == ["a", "ENx", "", "", ""]
    assert stops.ended
    stops = Stops(["END"])
    assert [stops.more("aEN"), stops.more("", is_last=True)] == ["a", "EN"]
