"""What conversations remember over HTTP, with a bot whose facts are known; and what a kill leaves of it."""

import signal
import threading
import time

import httpx
import pytest

CONVERSATIONS = "/api/v1/conversations"
MIRA = {"name": "Mira", "facts": ["I bake bread.", "I fear geese."]}
MANY = {"name": "Mira", "facts": [f"I own a thing of kind x{n}." for n in range(40)]}


@pytest.fixture
def bot(fake):
    return fake.NotingBot()


@pytest.fixture
def server(serving, fake, bot, tmp_path):
    load = lambda: fake.load_minds(tmp_path / "memory")  # noqa: E731
    with serving(lambda: bot, tmp_path / "chats", load_minds=load) as client:
        yield client


def begin(server, persona=MIRA, **more):
    made = server.post(CONVERSATIONS, json={"persona": persona, "partner": {"name": "Tam"}, **more})
    return f"{CONVERSATIONS}/{made.json()['id']}"


def say(server, path, text):
    return server.post(f"{path}/say", json={"text": text}).json()["turns"][-1]


def known(server, path, but="given"):
    facts = server.get(f"{path}/memory").json()["facts"]
    return [(fact["owner"], fact["text"], fact["source"]) for fact in facts if fact["source"] != but]


def test_what_is_said_is_remembered_and_comes_to_mind(server, bot):
    path = begin(server)
    say(server, path, "Note: partner My mare is called Bella.")
    memory = server.get(f"{path}/memory").json()
    assert [fact["text"] for fact in memory["facts"]] == [*MIRA["facts"], "My mare is called Bella."]
    bella = {"owner": "partner", "source": "said", "turn": 0, "pinned": False}
    assert memory["facts"][2] == {"number": 3, "text": "My mare is called Bella.", **bella}
    assert [(one["kind"], one["number"]) for one in memory["news"]] == [("kept", 3)]
    turn = say(server, path, "What is my mare called?")
    assert "My mare is called Bella." in bot.shown[-1]
    leant_on = turn["alternatives"][0]["leant_on"]
    assert ("memory/3", "memory", "My mare is called Bella.") in [(s["key"], s["kind"], s["text"]) for s in leant_on]
    assert {item["key"] for item in server.get(path).json()["knowledge"]} >= {"persona/0", "memory/3"}
    assert known(server, begin(server)) == [], "each conversation has its own"


def test_undo_edit_and_regenerate_leave_nothing_of_turns_that_are_gone(server):
    path = begin(server)
    say(server, path, "Note: partner I live in Bath.")
    say(server, path, "Note: partner I live in Holm.")
    assert known(server, path) == [("partner", "I live in Holm.", "said")]
    news = server.get(f"{path}/memory").json()["news"]
    assert [(one["kind"], one["others"][0]["text"]) for one in news] == [("replaced", "I live in Bath.")]
    server.post(f"{path}/undo")
    assert known(server, path) == [("partner", "I live in Bath.", "said")], "what it had pushed out comes back"
    server.post(f"{path}/edit", json={"turn": 0, "text": "Note: world The mill is haunted."})
    assert known(server, path) == [("world", "The mill is haunted.", "said")]
    assert say(server, path, "Where do you live?")["text"] == "I live in Tarn."
    assert ("self", "I live in Tarn.", "invented") in known(server, path)
    again = server.post(f"{path}/regenerate", json={}).json()["turns"][-1]
    assert again["text"] == "I live in Ashmoor."
    assert [text for _, text, _ in known(server, path)] == ["The mill is haunted.", "I live in Ashmoor."]
    server.post(f"{path}/edit", json={"turn": 2, "text": "Never mind.", "answer": True})
    assert [text for _, text, _ in known(server, path)] == ["The mill is haunted."]


def test_an_answer_that_failed_or_was_given_up_leaves_nothing(server, bot):
    path = begin(server)
    say(server, path, "Where do you live?")
    bot.gate.clear()
    with pytest.raises(httpx.ReadTimeout):
        server.post(f"{path}/regenerate", json={}, timeout=1)
    assert bot.homes == ["Rome"], "another was made up"
    bot.gate.set()
    until = time.monotonic() + 20
    while server.post(f"{path}/rate", json={"turn": 1, "logical": True}).status_code == 409:
        assert time.monotonic() < until
    assert [text for _, text, _ in known(server, path)] == [], "what was said is read anew: it says nothing of a home"


def test_facts_are_added_edited_pinned_and_removed(server, bot):
    path = begin(server)
    memory = f"{path}/memory"
    added = server.post(memory, json={"text": "My mare is called Bella.", "owner": "partner", "pinned": True})
    assert (added.status_code, added.json()["kind"], added.json()["number"]) == (201, "kept", 3)
    assert server.post(memory, json={"text": "I bake bread."}).json()["kind"] == "duplicate"
    say(server, path, "Unlike words.")
    assert "My mare is called Bella." in bot.shown[-1], "it is pinned"
    assert server.patch(f"{memory}/3", json={"text": "My mare is called Rose.", "pinned": False}).status_code == 200
    facts = server.get(memory).json()["facts"]
    assert (facts[2]["text"], facts[2]["pinned"], facts[2]["turn"]) == ("My mare is called Rose.", False, None)
    refused = server.patch(f"{memory}/3", json={"text": "My mare is called Rose.", "pinned": True})
    assert refused.status_code == 200
    assert server.delete(f"{memory}/1").status_code == 204
    say(server, path, "What do you bake?")
    assert "I bake bread." not in bot.shown[-1], "what is removed is not shown any more, either"
    assert server.get(path).json()["persona"]["facts"] == ["I fear geese."]
    doubled = server.patch(f"{memory}/3", json={"text": "my mare is called ROSE", "pinned": False}).json()
    assert doubled["number"] == 3
    server.post(memory, json={"text": "I sing.", "owner": "partner"})
    repeats = server.patch(f"{memory}/3", json={"text": "I sing."})
    assert (repeats.status_code, repeats.json()["error"]["code"]) == (409, "duplicate")


@pytest.mark.parametrize(
    ("method", "where", "body", "status"),
    [
        ("PATCH", "/9", {"text": "I sing."}, 404),
        ("PATCH", "/9", {"pinned": True}, 404),
        ("DELETE", "/9", None, 404),
        ("PATCH", "/1", {}, 422),
        ("PATCH", "/0", {"pinned": True}, 422),
        ("POST", "", {"text": "  "}, 422),
        ("POST", "", {"text": "I sing.", "owner": "me"}, 422),
    ],
)
def test_what_cannot_be_done_says_so(server, method, where, body, status):
    refused = server.request(method, f"{begin(server)}/memory{where}", json=body)
    assert refused.status_code == status
    assert refused.json()["error"]["message"]


def test_a_server_without_memory_says_how_to_get_one(client):
    path = begin(client)
    for refused in (client.get(f"{path}/memory"), client.delete(f"{path}/memory/1")):
        assert refused.status_code == 404
        assert "--retriever=RUN" in refused.json()["error"]["message"]
    assert client.get("/api/v1/bot").json()["memory"] is False


def test_of_many_facts_those_that_suit_come_to_mind(server, bot):
    path = begin(server, MANY)
    assert server.get(path).json()["persona"]["facts"] == MANY["facts"]
    turn = say(server, path, "What is x7? And x31?")
    assert {"I own a thing of kind x7.", "I own a thing of kind x31."} <= set(bot.shown[-1])
    assert len(bot.shown[-1]) == 5, "two names and three facts"
    assert "memory/8" in [source["key"] for source in turn["alternatives"][0]["leant_on"]]
    history = [{"speaker": "partner", "text": "What is x7?"}]
    body = {"persona": MANY, "partner": {"name": "Tam"}, "history": history, "seed": 1}
    assert server.post("/api/v1/reply", json=body).status_code == 200
    assert "I own a thing of kind x7." in bot.shown[-1]
    assert len(bot.shown[-1]) == 5
    system = {"role": "system", "content": "\n".join(["Name: Mira", *MANY["facts"]])}
    chat = {"model": "fake", "messages": [system, {"role": "user", "content": "What is x9?"}]}
    assert server.post("/v1/chat/completions", json=chat).status_code == 200
    assert "I own a thing of kind x9." in bot.shown[-1]
    assert len(bot.shown[-1]) == 4


def test_nobody_waits_while_something_is_written_down(server, bot):
    path, other = begin(server), begin(server)
    bot.notes.clear()
    say(server, path, "Note: partner I sing.")
    assert bot.read == []
    assert say(server, other, "Where do you live?")["text"] == "I live in Tarn.", "not even for what is made up"
    listed = []
    waiting = threading.Thread(target=lambda: listed.append(known(server, path)))
    waiting.start()
    bot.notes.set()
    waiting.join(20)
    assert listed == [[("partner", "I sing.", "said")]]


def test_a_deleted_conversation_leaves_no_facts(server, tmp_path):
    path = begin(server)
    say(server, path, "Note: partner My mare is called Bellamira.")
    assert len(known(server, path)) == 1
    assert server.delete(path).status_code == 204
    assert server.get(f"{path}/memory").status_code == 404


def test_nor_does_one_that_is_deleted_while_it_is_answered(server, bot, fake, tmp_path):
    path = begin(server)
    bot.gate.clear()
    statuses = []
    ask = lambda: statuses.append(server.post(f"{path}/say", json={"text": "Where do you live?"}).status_code)  # noqa: E731
    asking = threading.Thread(target=ask)
    asking.start()
    until = time.monotonic() + 20
    while not bot.batches and time.monotonic() < until:
        time.sleep(0.005)
    assert server.delete(path).status_code == 204
    bot.gate.set()
    asking.join(20)
    assert statuses == [409]
    name, minds = path.rpartition("/")[2], fake.load_minds(tmp_path / "memory")
    while minds.memory(name).facts() and time.monotonic() < until:
        time.sleep(0.01)
    assert minds.memory(name).facts() == []
    minds.close()


@pytest.mark.slow
def test_after_a_kill_all_that_was_learned_is_there_and_nothing_of_what_is_gone(serving_apart, tmp_path):
    chats = tmp_path / "chats"
    with serving_apart(chats, "noting") as (running, url), httpx.Client(base_url=url, timeout=20) as client:
        path = begin(client)
        say(client, path, "Note: partner My mare is called Bella.")
        say(client, path, "Note: partner I live in Bath.")
        say(client, path, "Note: partner I live in Holm.")
        assert len(known(client, path)) == 2
        client.post(f"{path}/memory", json={"text": "I sing.", "pinned": True})
        client.delete(f"{path}/memory/1")
        client.post(f"{path}/undo")
        running.send_signal(signal.SIGKILL)
    with serving_apart(chats, "noting") as (_, url), httpx.Client(base_url=url, timeout=20) as client:
        facts = {fact["text"]: fact for fact in client.get(f"{path}/memory").json()["facts"]}
        assert facts.keys() == {"I fear geese.", "My mare is called Bella.", "I sing.", "I live in Bath."}
        assert (facts["I sing."]["pinned"], facts["I live in Bath."]["turn"]) == (True, 2)
        client.post(f"{path}/undo")
        assert [text for _, text, _ in known(client, path)] == ["My mare is called Bella."]
