"""The API of conversations that are kept, over real HTTP."""

import json
import threading
import time

import httpx
import pytest

from persona_tf.episode import Character, Episode, Setting

SCENE = {
    "place": {"name": "Mill", "description": ["It leans."], "objects": [{"name": "a sack"}]},
    "persona": {"name": "Mira", "facts": ["I bake bread.", " ", "I fear geese."]},
    "partner": {"name": "Tam"},
    "seed": 3,
}


def events(response):
    """Server-sent events: pairs of name and data."""
    found = []
    for block in response.read().decode().split("\n\n"):
        if block:
            lines = dict(line.split(": ", 1) for line in block.splitlines())
            found.append((lines["event"], json.loads(lines["data"])))
    return found


@pytest.fixture
def talk(client):
    """Begins a conversation; the function posts to it, and fails unless that works."""
    made = client.post("/api/v1/conversations", json=SCENE)
    assert made.status_code == 201, made.text
    name = made.json()["id"]

    def post(verb, status=200, **body):
        done = client.post(f"/api/v1/conversations/{name}/{verb}", json=body)
        assert done.status_code == status, done.text
        return done.json()

    post.path = f"/api/v1/conversations/{name}"
    post.read = lambda: client.get(post.path).json()
    return post


def texts(conversation):
    return [turn["text"] for turn in conversation["turns"]]


def test_a_conversation_is_begun_led_listed_and_forgotten(client, talk):
    said = talk("say", text="Good day!", action="wave", emote="smile")
    assert (said["count"], said["revision"]) == (2, 2)
    human, bot = said["turns"]
    assert (human["speaker"], human["text"], human["action"], human["emote"]) == (
        "partner",
        "Good day!",
        "wave",
        "smile",
    )
    assert (bot["speaker"], bot["action"], bot["emote"], bot["chosen"]) == ("bot", "wave", "smile", 0)
    assert bot["text"].startswith("You said: Good day! after 1 turns")
    sources = bot["alternatives"][0]["leant_on"]
    assert sources[0] == {"key": "persona/0", "kind": "persona", "text": "I bake bread.", "weight": 0.5}
    assert sources[1] == {"key": "turn/0", "kind": "turn", "text": "Good day!", "weight": 0.25}
    whole = talk.read()
    assert whole["turns"] == said["turns"]
    assert whole["place"] == {
        **SCENE["place"],
        "category": "",
        "present": [],
        "objects": [{"name": "a sack", "description": ""}],
    }
    assert whole["persona"]["facts"] == ["I bake bread.", "I fear geese."]
    assert {item["key"] for item in whole["knowledge"]} >= {"persona/0", "persona/1", "self_name/0", "partner_name/0"}
    [listed] = client.get("/api/v1/conversations").json()["conversations"]
    assert (listed["bot"], listed["partner"], listed["place"], listed["count"]) == ("Mira", "Tam", "Mill", 2)
    assert client.delete(talk.path).status_code == 204
    assert client.get(talk.path).status_code == 404
    assert client.delete(talk.path).status_code == 404
    assert client.get("/api/v1/conversations").json() == {"conversations": [], "total": 0}


def test_undo_edit_regenerate_swipe_continue(talk):
    talk("say", text="a")
    talk("say", text="b")
    assert talk("undo") == {"id": talk.read()["id"], "revision": 4, "count": 2, "turns": []}
    more = talk("regenerate", n=3)
    [last] = more["turns"]
    assert (len(last["alternatives"]), last["chosen"]) == (4, 1)
    assert len({one["text"] for one in last["alternatives"]}) == 4
    [swiped] = talk("swipe", to=3)["turns"]
    assert swiped["text"] == last["alternatives"][3]["text"]
    [longer] = talk("continue")["turns"]
    assert longer["text"].startswith(swiped["text"] + " ")
    assert talk("edit", turn=0, text="A")["count"] == 2
    talk("say", text="c")
    edited = talk("edit", turn=0, text="AA", answer=True)
    assert edited["count"] == 2
    assert texts(edited)[0] == "AA"
    assert "AA after 1" in texts(edited)[1]
    assert texts(talk.read()) == texts(edited)
    by_hand = talk("edit", turn=1, text="By hand.", emote="nod")
    assert by_hand["turns"][0]["alternatives"][0]["edited"]


def test_ratings_and_ticks_are_kept(talk):
    talk("say", text="a")
    talk("rate", turn=1, logical=True, personal=False)
    talk("rate", turn=1, personal=None, specific=True)
    talk("tick", turn=1, keys=["persona/1", "turn/0"])
    [_, bot] = talk.read()["turns"]
    [one] = bot["alternatives"]
    assert one["rating"] == {"logical": True, "specific": True}
    assert one["ticked"] == ["persona/1", "turn/0"]


def test_what_a_conversation_refuses_is_said(talk, client):
    assert "nothing was said yet" in talk("undo", 422)["error"]["message"]
    assert "no answer yet" in talk("regenerate", 422)["error"]["message"]
    talk("say", text="a")
    assert "'persona/77'" in talk("tick", 422, turn=1, keys=["persona/77"])["error"]["message"]
    assert "turn 0 is the partner's" in talk("rate", 422, turn=0, logical=True)["error"]["message"]
    assert talk("say", 422, text="a", decoding={"banned_words": ["bread"]})["error"]["param"] == "decoding"
    assert "decoding.temperature" in talk("say", 422, text="a", decoding={"temperature": "hot"})["error"]["message"]
    assert talk("say", 422, text="a", emote="smirk")["error"]["param"].startswith("emote")
    assert talk("say", 422, texxt="a")["error"]["param"] == "texxt"
    assert client.post("/api/v1/conversations/none/say", json={}).json()["error"]["code"] == "not_found"
    assert texts(talk.read())[0] == "a"


def test_a_reply_is_streamed_and_kept(client, talk):
    with client.stream("POST", f"{talk.path}/say", json={"text": "a b c", "stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        found = events(response)
    *pieces, (last, change) = found
    assert last == "done"
    assert len(pieces) > 3
    assert {name for name, _ in pieces} == {"text"}
    assert "".join(data["text"] for _, data in pieces) == change["turns"][1]["text"]
    assert talk.read()["turns"] == change["turns"]


def test_several_alternatives_are_streamed_side_by_side(client, talk, bot):
    talk("say", text="a")
    with client.stream("POST", f"{talk.path}/regenerate", json={"n": 3, "stream": True}) as response:
        *pieces, (_, change) = events(response)
    assert len(bot.batches[-1]) == 3
    for number, one in enumerate(change["turns"][-1]["alternatives"][1:]):
        assert "".join(data["text"] for _, data in pieces if data["index"] == number) == one["text"]


def wait_for(what, seconds=5):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.005)


def test_what_is_stopped_is_kept_as_far_as_it_is(client, talk, bot):
    bot.delay = 0.02
    found = []
    with client.stream("POST", f"{talk.path}/say", json={"text": "w " * 200, "stream": True}) as response:
        for line in response.iter_lines():
            found.append(line)
            if len(found) == 7:
                with httpx.Client(base_url=client.base_url) as other:
                    assert other.post(f"{talk.path}/stop").json() == {"stopped": 1}
    assert any(line == "event: done" for line in found)
    [_, reply] = talk.read()["turns"]
    assert 2 <= len(reply["text"].split()) < 100
    assert reply["alternatives"][0]["cut"]


@pytest.mark.parametrize("stream", [True, False])
def test_who_goes_away_takes_back_what_was_asked(client, talk, bot, stream):
    bot.delay = 0.01
    bot.gate.clear()

    def ask():
        with pytest.raises(httpx.ReadTimeout), httpx.Client(base_url=client.base_url, timeout=0.3) as other:
            other.post(f"{talk.path}/say", json={"text": "w " * 500, "stream": stream})

    ask()
    bot.gate.set()
    wait_for(lambda: "asks_writing 0.0" in client.get("/metrics").text)
    assert talk.read()["turns"] == []
    wait_for(lambda: client.post(f"{talk.path}/say", json={"text": "b"}).status_code == 200)
    assert texts(talk.read())[0] == "b"


def test_one_conversation_is_answered_once_at_a_time(client, talk, bot):
    bot.gate.clear()
    codes = []

    def say():
        with httpx.Client(base_url=client.base_url, timeout=20) as other:
            codes.append(other.post(f"{talk.path}/say", json={"text": "a"}).status_code)

    first = threading.Thread(target=say)
    first.start()
    wait_for(lambda: bot.batches)
    say()
    bot.gate.set()
    first.join()
    assert sorted(codes) == [200, 409]
    assert talk.read()["count"] == 2


def test_a_failing_bot_changes_nothing_and_harms_nobody(client, talk, caplog):
    talk("say", text="a")
    before = talk.read()
    failed = talk("say", 500, text="fail")
    assert "on purpose" not in json.dumps(failed)
    assert "on purpose" in caplog.text
    assert talk.read() == before
    assert talk("say", text="b")["count"] == 4


def test_a_conversation_is_brought_back_from_elsewhere(client, talk):
    talk("say", text="a", action="nod")
    talk("say", text="b")
    old = talk.read()
    turns = [{key: turn[key] for key in ("speaker", "text", "action", "emote")} for turn in old["turns"]]
    scene = {key: old[key] for key in ("place", "persona", "partner", "seed")}
    new = client.post("/api/v1/conversations", json={**scene, "turns": turns}).json()
    assert texts(new) == texts(old)
    again = client.post(f"/api/v1/conversations/{new['id']}/say", json={"text": "c"}).json()
    assert texts(again) == texts(talk("say", text="c")), "with the same seed it goes on in the same way"


def test_all_is_there_after_a_restart(serving, fake, tmp_path):
    file = tmp_path / "new" / "chats.sqlite"
    with serving(fake.FakeBot, file) as client:
        path = f"/api/v1/conversations/{client.post('/api/v1/conversations', json=SCENE).json()['id']}"
        client.post(f"{path}/say", json={"text": "a"})
        client.post(f"{path}/rate", json={"turn": 1, "logical": True})
        before = client.get(path).json()
    assert file.stat().st_mode & 0o077 == 0, "for its owner's eyes"
    with serving(fake.FakeBot, file) as client:
        assert client.get(path).json() == before
        assert client.post(f"{path}/say", json={"text": "b"}).json()["count"] == 4


def test_a_scene_is_drawn(serving, fake, tmp_path):
    def draw(seed):
        return Episode("d", "demo", Setting(f"Place {seed}"), (Character("Tam"), Character("Mira")), (), (1,))

    with serving(fake.FakeBot, tmp_path / "c", draw=draw) as client:
        drawn = client.get("/api/v1/scene", params={"seed": 5}).json()
        assert (drawn["place"]["name"], drawn["persona"]["name"], drawn["partner"]["name"]) == (
            "Place 5",
            "Mira",
            "Tam",
        )
        assert client.get("/api/v1/scene").json()["seed"] >= 0
        scene = {key: drawn[key] for key in ("place", "persona", "partner")}
        assert client.post("/api/v1/conversations", json=scene).status_code == 201


def bare(turn):
    """A turn as it is sent back."""
    names = ("speaker", "text", "action", "emote")
    made = {name: turn[name] for name in names}
    if turn["alternatives"]:
        leant = [[{"key": s["key"], "weight": s["weight"]} for s in one["leant_on"]] for one in turn["alternatives"]]
        others = [{**one, "leant_on": of} for one, of in zip(turn["alternatives"], leant, strict=True)]
        made |= {"chosen": turn["chosen"], "alternatives": others}
    return made


def test_a_conversation_is_brought_back_with_alternatives_ratings_and_ticks(client, talk):
    talk("say", text="a")
    talk("regenerate", n=2)
    talk("rate", turn=1, logical=True)
    talk("tick", turn=1, keys=["persona/1"])
    talk("swipe", to=0)
    whole = talk.read()
    made = client.post("/api/v1/conversations", json={**SCENE, "turns": [bare(turn) for turn in whole["turns"]]})
    assert made.status_code == 201, made.text
    assert made.json()["turns"] == whole["turns"]
    assert client.post(f"/api/v1/conversations/{made.json()['id']}/regenerate", json={}).status_code == 200


@pytest.mark.parametrize(
    "turn",
    [
        {"speaker": "bot", "text": "a", "chosen": 1, "alternatives": [{"text": "a"}]},
        {"speaker": "partner", "text": "a", "alternatives": [{"text": "a"}]},
        {"speaker": "bot", "alternatives": [{"text": "a"}] * 65},
        {"speaker": "bot", "alternatives": [{"text": "a", "rating": {"good": True}}]},
        {"speaker": "bot", "alternatives": [{"text": "a", "ticked": ["turn/x"]}]},
        {"speaker": "bot", "alternatives": [{"text": "a", "leant_on": [{"key": "turn/0", "weight": 2}]}]},
        {"speaker": "bot", "alternatives": [{"text": "a", "log_prob": 1e999}]},
    ],
)
def test_turns_that_cannot_be_brought_back_are_refused(client, turn):
    body = json.dumps({"turns": [turn]})
    refused = client.post("/api/v1/conversations", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text
    assert refused.json()["error"]["param"].startswith("turns")
