import json
import os
import pathlib
import shutil
import socket
import sys

import pytest

from persona_tf import __main__ as command
from persona_tf import config
from persona_tf.chat.card import Card, write_card
from persona_tf.episode import Character, Fact
from persona_tf.run_dir import RunDir
from persona_tf.verbs import training

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("given", ["seeds", "seeds/0/bundle"])
@pytest.mark.parametrize("flag", ["--run", "--other"])
def test_a_folder_beside_that_of_a_run_is_told_from_it(given, flag, run, tmp_path, capsys):
    (tmp_path / "seeds" / "0" / "bundle").mkdir(parents=True)
    (tmp_path / "seeds" / "0" / "bundle" / "weights.npz").write_text("")
    words = [] if flag == "--run" else [f"--run={run.path}"]
    assert command.main(["self_chat", *words, f"{flag}={tmp_path / given}"]) == 1
    expected = f"no trained bot in {tmp_path / given}, but there is one in {tmp_path / 'seeds' / '0'}. This makes one"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["evaluate", "decoders", "override", "self_chat"])
def test_a_bundle_without_the_config_of_its_run(verb, run, capsys):
    run.config.unlink()
    assert command.main([verb, f"--run={run.path}"]) == 1
    assert f"{run.config}: not there; it says what the bot was trained on. Copy it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "folder"),
    [
        *(("evaluate", folder) for folder in ("evaluation", "predictions")),
        *(("override", folder) for folder in ("evaluation", "predictions")),
        ("decoders", "evaluation"),
        ("self_chat", "self_chat"),
    ],
)
def test_where_results_cannot_be_written_is_told_before_the_work(verb, folder, rooms, run, tmp_path, capsys):
    (run.path / folder).write_text("mine")
    data = [] if verb == "override" else [f"--data_dir={tmp_path / 'data'}"]
    assert command.main([verb, f"--run={run.path}", *data]) == 1
    err = capsys.readouterr().err
    assert f"{run.path / folder}: expected a folder. A part of that path is a file where a folder should be" in err
    assert "RUN= (--run)" in err
    assert (run.path / folder).read_text() == "mine"
    assert not rooms


@pytest.mark.parametrize(
    ("backend", "flags", "said"),
    [
        ("torch", ["--experiment=quickstart"], "KERAS_BACKEND is 'torch': expected tensorflow or jax"),
        ("tensorflow", ["--experiment=quickstart", "--workers=0"], "--workers: expected 1 or more, got 0"),
        (
            "tensorflow",
            ["--experiment=quickstart", "--gin.Experiment.task=retrieve", "--workers=2"],
            "--workers=2: a retriever tells the facts of",
        ),
    ],
)
def test_where_training_cannot_run_is_said_before_it_begins(backend, flags, said, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    assert command.main(["train", *flags, f"--run={tmp_path / 'run'}"]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("verb", "chosen"), [("train", "jax"), ("sweep", "jax"), ("chat", "tensorflow")])
def test_only_training_runs_elsewhere_than_on_tensorflow(verb, chosen, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    command._choose_backend(verb)
    assert os.environ["KERAS_BACKEND"] == chosen


def test_a_port_in_use_is_said_before_the_bot_is_loaded(run, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert command.main(["serve", f"--run={run.path}", f"--port={port}"]) == 1
    assert f"serve: port {port} is in use: stop what uses it, or take another with --port" in capsys.readouterr().err
    assert not run.chats.exists()


def test_a_run_to_set_beside_that_is_not_there_is_said_before_anything_is_made(run, tmp_path, capsys):
    assert command.main(["serve", f"--run={run.path}", f"--other={tmp_path / 'none'}", "--port=0"]) == 1
    err = capsys.readouterr().err
    assert str(tmp_path / "none") in err
    assert "make train" in err
    assert command.main(["serve", f"--run={run.path}", f"--other={run.path}/", "--port=0"]) == 1
    assert "--other: expected another run than" in capsys.readouterr().err
    assert not run.chats.exists()


def test_without_what_the_server_needs_it_says_how_to_get_it(run, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "persona_tf.serving.web.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert command.main(["serve", f"--run={run.path}"]) == 1
    assert "the server needs uvicorn: pip install 'persona_tf[serve]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (None, "ask @BotFather on Telegram for one"),
        ("secret", "TELEGRAM_TOKEN holds no token: expected digits"),
    ],
)
def test_telegram_without_a_token_says_where_one_is_from(run, capsys, monkeypatch, token, said):
    monkeypatch.delenv("TELEGRAM_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("TELEGRAM_TOKEN", token)
    assert command.main(["telegram", f"--run={run.path}", "--persona=I bake."]) == 1
    err = capsys.readouterr().err
    assert err.startswith("persona_tf telegram: ")
    assert said in err
    assert "secret" not in err
    assert not run.telegram_chats.exists()


def test_telegram_says_what_is_wrong_with_what_was_given(run, capsys, monkeypatch):
    monkeypatch.setenv("TELEGRAM_TOKEN", "123456:" + "x" * 30)
    assert command.main(["telegram", f"--run={run.path}", "--telegram_api=ftp://x"]) == 1
    assert "--telegram_api: expected an address such as https://api.telegram.org" in capsys.readouterr().err
    assert command.main(["telegram", f"--run={run.path}", "--persona=facts.txt"]) == 1
    assert "persona: no file facts.txt" in capsys.readouterr().err
    assert command.main(["telegram", f"--run={run.path / 'no'}"]) == 1
    assert "no trained bot in" in capsys.readouterr().err


def test_without_what_telegram_needs_it_says_how_to_get_it(run, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("persona_tf.serving.telegram")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "telegram", None)
    assert command.main(["telegram", f"--run={run.path}"]) == 1
    assert "this needs telegram: pip install 'persona_tf[telegram]'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["decoders", "override"])
def test_decoding_that_a_verb_would_leave_out_is_refused(verb, run, capsys):
    words = [verb, f"--run={run.path}", "--gin.DecodeConfig.max_reply_tokens=9", "--gin.DecodeConfig.method=greedy"]
    assert command.main([*words, "--gin.DecodeConfig.guidance=1"]) == 1
    assert "DecodeConfig.guidance = 1 would change nothing" in capsys.readouterr().err


def test_train_leaves_the_configs_then_trains_then_evaluates_every_split(rooms, tmp_path, capsys):
    folder, data = tmp_path / "run", tmp_path / "data"
    words = ["--experiment=quickstart", f"--run={folder}", f"--data_dir={data}", "--gin.SEED=2"]
    assert command.main(["train", *words]) == 0
    (train, (settings, run, data_dir, hooks), _), (evaluate, arguments, _) = rooms
    assert (train, settings.train.seed, run, data_dir) == ("train", 2, RunDir(folder), data)
    assert all(callable(hook) for hook in hooks)
    assert (evaluate, *arguments) == ("evaluate", run, settings.data, settings.evaluate, data, (), None, training.board)
    assert settings.evaluate.splits == ("test", "test_unseen", "test_novel")
    assert run.command.read_text() == f"python -m persona_tf train {' '.join(words)}\n"
    assert "SEED = 2" in run.config.read_text()
    assert "TrainConfig.clip_norm" in run.operative_config.read_text()
    out = capsys.readouterr().out
    assert "minutes on two cores" in out
    assert f"make chat RUN={folder}" in out


def test_train_refuses_a_folder_with_another_config(rooms, tmp_path, capsys):
    words = ["train", "--experiment=quickstart", f"--run={tmp_path / 'run'}"]
    assert command.main(words) == 0
    assert command.main([*words, "--gin.STEPS=3"]) == 1
    assert "+ STEPS = 3" in capsys.readouterr().err
    assert len(rooms) == 2


def test_evaluate_takes_the_splits_of_the_run_or_those_named(rooms, run):
    assert command.main(["evaluate", f"--run={run.path}"]) == 0
    assert command.main(["evaluate", f"--run={run.path}", "--splits=valid,test"]) == 0
    # () are those of the EvalConfig that goes along.
    assert [args[4] for _, args, _ in rooms] == [(), ("valid", "test")]
    assert [args[2].splits for _, args, _ in rooms] == [("test", "test_unseen", "test_novel")] * 2
    assert all(args[5] is None for _, args, _ in rooms)
    with rooms[0][1][6](run.summaries) as writer:
        writer.scalars({"a": 1.0}, 1)
    assert len(list(run.summaries.iterdir())) == 1


def test_decoding_and_evaluation_can_be_changed_after_training(rooms, run):
    words = [f"--run={run.path}", "--gin.DecodeConfig.top_k=5"]
    assert command.main(["evaluate", *words, "--gin.MAX_EXAMPLES=10"]) == 0
    assert command.main(["chat", *words, "--seed=4", "--place=tower", "--persona=I bake.", "--engine=onnx_int8"]) == 0
    _, _, evaluate, _, _, decode, _ = rooms[0][1]
    assert (decode.top_k, evaluate.max_examples) == (5, 10)
    bundle, scene, seed, decode, engine, *_ = rooms[1][1]
    [fact] = scene.characters[scene.learners[0]].facts
    assert (bundle, scene.setting.name, fact.text) == (run.bundle, "tower", "I bake.")
    assert (seed, decode, engine) == (4, {"top_k": 5}, "onnx_int8")


def test_override_attacks_as_many_and_with_the_seed_that_are_asked_for(rooms, run, capsys):
    words = [f"--run={run.path}", "--gin.EvalConfig.override_questions=5", "--gin.EvalConfig.seed=3"]
    assert command.main(["override", *words]) == 0
    [(_, (where, data, evaluate, decode), _)] = rooms
    assert (where, data.source, decode.method) == (run, "world", "greedy")
    assert (evaluate.override_questions, evaluate.seed) == (5, 3)
    assert str(run.path / "evaluation") in capsys.readouterr().out


def test_what_is_said_of_decoding_counts_also_where_it_held_before(rooms, run):
    words = [f"--run={run.path}", "--gin.DecodeConfig.method=greedy", "--gin.DecodeConfig.temperature = 0.7"]
    assert command.main(["chat", *words]) == 0
    assert command.main(["evaluate", *words]) == 0
    assert rooms[0][1][3] == {"method": "greedy", "temperature": 0.7}
    assert (rooms[1][1][5].method, rooms[1][1][5].temperature) == ("greedy", 0.7)


def test_chat_draws_who_and_where_and_leaves_the_decoding_to_the_terminal(rooms, run):
    assert command.main(["chat", f"--run={run.path}", "--seed=4", "--gin.SEED=0"]) == 0
    assert command.main(["chat", f"--run={run.path}", "--seed=4", "--name=Ada", "--partner=Bo"]) == 0
    assert command.main(["chat", f"--run={run.path}"]) == 0
    (_, drawn, _, decode, engine, *_), (_, named, *_), (_, _, seed, *_) = (args for _, args, _ in rooms)
    assert (decode, engine) == ({}, "auto")
    assert drawn.setting == named.setting
    assert {one.name for one in named.characters} == {"Ada", "Bo"}
    assert [one.facts for one in drawn.characters] == [one.facts for one in named.characters]
    assert isinstance(seed, int)


def test_a_bot_of_other_peoples_talk_is_one_of_them(rooms, run, tmp_path, capsys):
    run.config.write_text(config.load("toloka_small").config_text)
    words = ["chat", f"--run={run.path}", f"--data_dir={tmp_path}", "--seed=4"]
    assert command.main(words) == 0
    assert (
        f"The people of toloka are not in {tmp_path}: you meet somebody of the built-in world."
        in capsys.readouterr().out
    )
    (tmp_path / "toloka").mkdir()
    persons = [[{"description": [f"Я врач {i}."]}, {"description": [f"Я пою {i}."]}] for i in range(60)]
    lines = [{"persons": pair, "dialog": [{"person": 0, "text": "Привет!"}]} for pair in persons]
    (tmp_path / "toloka" / "a.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    assert command.main(words) == 0
    (_, world, *_), (_, met, *_) = (args for _, args, _ in rooms)
    assert world.source == "world"
    assert met.setting is None
    [[fact]] = [one.facts for one in met.characters if one.facts]
    assert fact.text.startswith(("Я врач", "Я пою"))


def test_chat_plays_a_card(rooms, run, tmp_path):
    (tmp_path / "ada.json").write_bytes(write_card(Card("Ada", "I read.", first_message="Ja?")))
    words = ["chat", f"--run={run.path}", f"--card={tmp_path / 'ada.json'}", "--partner=Bo", "--seed=4"]
    assert command.main(words) == 0
    [(_, (_, scene, _, _, _, card, *_), _)] = rooms
    assert scene.characters[scene.learners[0]] == Character("Ada", (Fact("I read."),))
    assert (card.first_message, scene.setting) == ("Ja?", None)


def test_chat_has_a_memory_where_it_is_told_what_finds_facts(rooms, run, tmp_path, capsys):
    (tmp_path / "finds" / "bundle").mkdir(parents=True)
    words, file = ["chat", f"--run={run.path}"], str(tmp_path / "mind.sqlite")
    assert command.main(words) == 0
    assert command.main([*words, f"--retriever={tmp_path / 'finds'}", f"--memory={file}"]) == 0
    assert [args[6:8] for _, args, _ in rooms] == [(None, ""), (tmp_path / "finds" / "bundle", file)]
    assert command.main([*words, f"--memory={file}"]) == 1
    assert "--memory needs --retriever=RUN" in capsys.readouterr().err
    assert command.main([*words, f"--retriever={tmp_path}"]) == 1
    assert f"no trained bot in {tmp_path}, but there is one" not in (said := capsys.readouterr().err)
    assert f"in {tmp_path}" in said


def test_remember_tries_as_many_as_are_asked_for(rooms, run, tmp_path, capsys):
    (tmp_path / "finds" / "bundle").mkdir(parents=True)
    words = ["remember", f"--run={run.path}", "--gin.EvalConfig.memory_talks=7"]
    assert command.main([*words, f"--retriever={tmp_path / 'finds'}"]) == 0
    [(_, (where, data, evaluate, decode, retriever), _)] = rooms
    assert (where, data.source, decode.method, evaluate.memory_talks) == (run, "world", "greedy", 7)
    assert retriever == tmp_path / "finds" / "bundle"
    assert command.main(words) == 1
    assert "expected --retriever=RUN" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "said"), [(None, "there is no file"), (b"{}", "JSON that is no card")])
def test_a_file_that_is_no_card_is_said_before_the_bot_is_loaded(rooms, run, tmp_path, capsys, content, said):
    if content:
        (tmp_path / "ada.json").write_bytes(content)
    assert command.main(["chat", f"--run={run.path}", f"--card={tmp_path / 'ada.json'}"]) == 1
    assert said in capsys.readouterr().err
    assert not rooms


def test_a_persona_file_that_is_not_there_is_said_before_the_bot_is_loaded(rooms, run, capsys):
    assert command.main(["chat", f"--run={run.path}", "--persona=no/such.txt"]) == 1
    assert "no file no/such.txt" in capsys.readouterr().err
    assert not rooms


def test_what_was_trained_cannot_be_changed_afterwards(rooms, run, capsys):
    assert command.main(["evaluate", f"--run={run.path}", "--gin.STEPS=3"]) == 1
    assert "GIN changes TrainConfig" in capsys.readouterr().err
    assert not rooms


def test_a_split_that_does_not_exist_is_said_before_any_is_answered(run, tmp_path, capsys):
    words = [f"--run={run.path}", "--splits=test,nope", f"--data_dir={tmp_path / 'data'}"]
    assert command.main(["decoders", *words]) == 1
    assert "no split 'nope'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--ways=gredy"], ["--gin.EvalConfig.ways=('gredy',)"]])
def test_a_way_that_does_not_exist_is_said_before_the_bot_is_loaded(words, run, capsys):
    assert command.main(["decoders", f"--run={run.path}", *words]) == 1
    err = capsys.readouterr().err
    assert "no way 'gredy' of choosing words; did you mean 'greedy'? There are: greedy, " in err


@pytest.mark.parametrize("below", ["", "deeper/still"])
@pytest.mark.parametrize("words", [["train", "--experiment=quickstart"], ["data", "stats", "world"]])
def test_data_in_a_file_are_refused(words, below, rooms, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    run = [f"--run={tmp_path / 'run'}"] if words[0] == "train" else []
    assert command.main([*words, *run, f"--data_dir={tmp_path / 'file' / below}"]) == 1
    err = capsys.readouterr().err
    assert f"expected a folder, but {tmp_path / 'file'} is none" in err
    assert "--data_dir" in err
    assert err.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert not rooms


@pytest.mark.slow
def test_two_bots_talk_and_the_chats_are_in_the_run(run, bundle_dir, tmp_path, capsys):
    run.bundle.rmdir()
    shutil.copytree(bundle_dir, run.bundle)
    words = ["self_chat", f"--run={run.path}", f"--data_dir={tmp_path / 'data'}", "--turns=4", "--chats=2", "--seed=5"]
    assert command.main(words) == 0
    first = (run.self_chat / "5.jsonl").read_bytes()
    assert "5.html" in capsys.readouterr().out
    assert command.main([*words, f"--other={run.path}"]) == 0
    assert (run.self_chat / "5.jsonl").read_bytes() == first, "two bots from one folder are the same bot"
    assert command.main([*words, "--gin.DecodeConfig.method=sample"]) == 0
    assert (run.self_chat / "5.jsonl").read_bytes() != first


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--other=nowhere", "no trained bot in nowhere"),
        ("--chats=0", "--chats: expected 1 to"),
        ("--splits=test,valid", "--splits: expected one split"),
        ("--splits=tset", "no split 'tset'"),
        ("--gin.STEPS=3", "GIN changes TrainConfig"),
        ("--turns=0", "--turns: expected 1 or more, got 0"),
        ("--seed=-1", "--seed: expected a whole number from 0"),
        (f"--seed={10**300}", "--seed: expected a whole number from 0"),
    ],
)
def test_self_chats_that_cannot_be_led(run, flag, expected, tmp_path, capsys):
    assert command.main(["self_chat", f"--run={run.path}", f"--data_dir={tmp_path / 'data'}", flag]) == 1
    assert expected in capsys.readouterr().err
    assert not run.self_chat.exists()
