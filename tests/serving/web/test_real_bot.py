"""The server with a real, if untrained, bot."""

import threading

import httpx
import pytest

from persona_tf.chat.bot import Bot
from persona_tf.decoding.config import DecodeConfig
from persona_tf.serving.waking import wake

DECODE = {"method": "sample", "max_reply_tokens": 6, "max_action_tokens": 3}
PEOPLE = {"persona": {"name": "Mira", "facts": ["I bake bread."]}, "partner": {"name": "Tam"}}


@pytest.fixture(scope="module")
def server(serving, bundle_dir, tmp_path_factory):
    with serving(lambda: wake(bundle_dir, DECODE), tmp_path_factory.mktemp("chats") / "c") as client:
        client.timeout = 120
        yield client


def test_what_is_asked_together_is_answered_as_if_alone(server):
    def body(number):
        history = [{"speaker": "partner", "text": f"So {number}?"}]
        decoding = {"temperature": 1 + number % 3}
        return {**PEOPLE, "history": history, "seed": number, "decoding": decoding, "stream": False}

    alone = [server.post("/api/v1/reply", json=body(number)).json() for number in range(12)]
    done = [None] * 12

    def ask(number):
        with httpx.Client(base_url=server.base_url, timeout=120) as own:
            done[number] = own.post("/api/v1/reply", json=body(number)).json()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, done, strict=True):
        assert [one[key] for key in ("reply", "action", "emote", "tokens")] == [
            other[key] for key in ("reply", "action", "emote", "tokens")
        ]
    assert len({one["reply"] for one in alone}) > 6


def test_a_conversation_on_the_server_is_that_of_a_session(server, bundle_dir):
    from persona_tf.chat.session import Session
    from persona_tf.episode import Character, Fact

    session = Session(
        Bot.load(bundle_dir, DecodeConfig(top_p=0.9, **DECODE)),
        None,
        Character("Mira", (Fact("I bake bread."),)),
        Character("Tam"),
        9,
    )
    path = f"/api/v1/conversations/{server.post('/api/v1/conversations', json={**PEOPLE, 'seed': 9}).json()['id']}"
    for text in ("Hi", "How?"):
        answer = session.say(text)
        [_, told] = server.post(f"{path}/say", json={"text": text}).json()["turns"]
        assert (told["text"], told["action"], told["emote"]) == (answer.reply, answer.action, answer.emote)
    more = session.regenerate(3)
    [told] = server.post(f"{path}/regenerate", json={"n": 3}).json()["turns"]
    assert [one["text"] for one in told["alternatives"][1:]] == [answer.reply for answer in more]
    with server.stream("POST", f"{path}/continue", json={"stream": True}) as response:
        assert b"event: done" in response.read()


def test_special_tokens_in_text_are_text(server):
    body = {**PEOPLE, "history": [{"speaker": "partner", "text": "<reply> <action> <|endoftext|> \u0000"}]}
    assert server.post("/api/v1/reply", json=body).status_code == 200


def test_a_way_that_the_engine_cannot_is_the_clients_to_mend(server):
    refused = server.post("/api/v1/reply", json={**PEOPLE, "decoding": {"banned_words": ["bread and butter"]}})
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "decoding")
