import importlib.util
import os
from pathlib import Path

import pytest

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.light_text import light_text_episode, parse_light_text, read_light_text
from persona_tf.data.skips import Skips
from persona_tf.episode import Character, Fact, Setting, Thing, Turn

FIRST = r"""_task_speech
_setting_name Old Mill, by the ford, Countryside
_setting_desc The wheel turns. Flour is everywhere.
_partner_name guard
_self_name miller
_self_persona I grind corn. I fear fire.
_object_desc a sack : The sack : patched.
_object_desc a rope
_object_desc a miller : I grind corn.
_partner_say Halt!
_partner_emote frown"""


def example(text, label, *, candidates="", done=False, field="labels"):
    line = "text:" + text.replace("\n", "\\n") + f"\t{field}:{label}"
    line += f"\tlabel_candidates:{candidates}" if candidates else ""
    return line + ("\tepisode_done:True" if done else "")


def parse(tmp_path, lines, **options):
    path = tmp_path / "x.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    skips = Skips()
    return list(parse_light_text(path, skips, "train", **options)), skips


def test_an_episode_word_for_word(tmp_path):
    lines = [
        example(FIRST, "I live here.", candidates="No.|I live here."),
        example("_self_say I live here.\n_partner_say Prove it.\n_self_act get sack\n_self_emote sigh", "My sack."),
        example("_self_say My sack.\n_partner_say Fine.\n_partner_act hug miller", "Thanks.", done=True),
        example("_self_name owl\n_partner_name mouse", "Hoot.", done=True),
    ]
    (episode, other), skips = parse(tmp_path, lines)
    assert episode.id == "light_text/train/0"
    assert episode.setting == Setting(
        "Old Mill, by the ford",
        "Countryside",
        ("The wheel turns.", "Flour is everywhere."),
        (Thing("a sack", "The sack : patched."), Thing("a rope")),
    )
    assert episode.characters == (
        Character("guard"),
        Character("miller", (Fact("I grind corn."), Fact("I fear fire."))),
    )
    assert episode.turns == (
        Turn(0, "Halt!", emote="frown"),
        Turn(1, "I live here.", candidates=("No.", "I live here.")),
        Turn(0, "Prove it."),
        Turn(1, "My sack.", "get sack", "sigh"),
        Turn(0, "Fine.", "hug miller"),
        Turn(1, "Thanks."),
    )
    assert episode.learners == (1,)
    assert other.turns == (Turn(1, "Hoot."),)
    assert other.setting is None
    assert skips.count == 0


def test_own_current_action_moves_from_the_context_to_the_target():
    texts = [
        {"text": "_partner_say Hi.\n_self_act hug guard", "labels": "Ho."},
        {"text": "_self_say Ho.\n_partner_say And?\n_self_emote nod", "labels": "So."},
    ]
    turns = light_text_episode(texts, "x", Skips()).turns
    assert turns == (
        Turn(0, "Hi."),
        Turn(1, "Ho.", "hug guard"),
        Turn(0, "And?"),
        Turn(1, "So.", emote="nod"),
    )


def test_own_past_action_before_the_partners_words_joins_the_past_turn():
    texts = [
        {"text": "_partner_say Hi.", "labels": "Ho."},
        {"text": "_self_say Ho.\n_self_act hug guard\n_partner_say And?", "labels": "So."},
    ]
    turns = light_text_episode(texts, "x", Skips()).turns
    assert turns == (Turn(0, "Hi."), Turn(1, "Ho.", "hug guard"), Turn(0, "And?"), Turn(1, "So."))


def test_a_silent_partner_does_not_make_the_current_action_a_past_one():
    texts = [
        {"text": "_partner_say Hi.", "labels": "Ho."},
        {"text": "_self_say Ho.\n_self_act hug guard", "labels": "So."},
    ]
    assert light_text_episode(texts, "x", Skips()).turns[-1] == Turn(1, "So.", "hug guard")


def test_the_opener_keeps_its_own_first_action():
    turns = light_text_episode([{"text": "_self_name a\n_self_act get sack", "labels": "Mine."}], "x", Skips()).turns
    assert turns == (Turn(1, "Mine.", "get sack"),)


def test_an_action_file_has_choices_and_skipped_turns():
    texts = [
        {
            "text": "_task_action\n_partner_say A?\n_self_say B.\n_partner_say C?\n_self_say D.",
            "labels": "hug guard",
            "label_candidates": "hit guard|hug guard",
        },
        {"text": "_self_act hug guard\n_partner_say E?\n_self_say F.", "labels": "get sack"},
    ]
    assert light_text_episode(texts, "x", Skips()).turns == (
        Turn(0, "A?"),
        Turn(1, "B."),
        Turn(0, "C?"),
        Turn(1, "D.", "hug guard", available_actions=("hit guard", "hug guard")),
        Turn(0, "E?"),
        Turn(1, "F.", "get sack"),
    )


def test_an_emote_file():
    texts = [{"text": "_task_emote\n_partner_say A?\n_self_say B.", "eval_labels": "smile"}]
    assert light_text_episode(texts, "x", Skips()).turns[-1] == Turn(1, "B.", emote="smile")


def test_bad_lines_are_counted_with_file_and_line(tmp_path):
    lines = [
        "text:no label",
        "garbage",
        example("_partner_say Hi.\n_odd tag\n_partner_emote twerk", "Ho.", done=True),
    ]
    (episode,), skips = parse(tmp_path, lines)
    assert episode.turns == (Turn(0, "Hi."), Turn(1, "Ho."))
    assert skips.count == 4
    for part in ("x.txt:1: expected tab-separated", "x.txt:2:", "x.txt:3: unknown tag '_odd'", "'twerk'"):
        assert part in skips.report()


def test_pipes_line_breaks_and_tabs_inside_texts(tmp_path):
    lines = [example("_partner_say one\ntwo\tthree", "a__PIPE__b", candidates="a__PIPE__b|c", done=True)]
    (episode,), _ = parse(tmp_path, lines)
    assert episode.turns == (Turn(0, "one two three"), Turn(1, "a|b", candidates=("a|b", "c")))


def test_an_episode_that_the_file_cuts_off_is_kept(tmp_path):
    (episode,), _ = parse(tmp_path, [example("_partner_say Hi.", "Ho.")])
    assert len(episode.turns) == 2


def test_reading_by_split_and_task(tmp_path):
    folder = tmp_path / "light_text"
    folder.mkdir()
    with pytest.raises(MissingFileError, match=r"action_train\.txt"):
        next(read_light_text("train", tmp_path, task="action"))
    (folder / "train.txt").write_text(example("_partner_say Hi.", "Ho.", done=True), encoding="utf-8")
    assert len(list(read_light_text("train", tmp_path))) == 1
    (folder / "speech_train.txt").write_text("garbage\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"(?s)speech_train\.txt: no example.*:1: expected tab-separated"):
        list(read_light_text("train", tmp_path))
    with pytest.raises(DataError, match="task must be one of"):
        next(read_light_text("train", tmp_path, task="speach"))


EXCERPTS = Path(os.environ.get("PERSONA_TF_DATA_DIR", "")) / "light" / "excerpts"


@pytest.mark.skipif(not EXCERPTS.is_dir(), reason="needs PERSONA_TF_DATA_DIR with light/excerpts")
@pytest.mark.skipif(importlib.util.find_spec("yaml") is None, reason="needs PyYAML")
def test_real_excerpts():
    import yaml

    path = EXCERPTS / "light_dialog_train.yml"
    acts = [act for (act,) in yaml.safe_load(path.read_text())["acts"]]
    skips = Skips()
    texts = [a | {"labels": a["labels"][0], "label_candidates": "|".join(a["label_candidates"])} for a in acts]
    episode = light_text_episode(texts, "real", skips)
    assert skips.count == 0
    assert episode.setting.name == "weathered shack"
    own = [turn for turn in episode.turns if turn.speaker == 1]
    assert [turn.speech for turn in own][:3] == ["I am very strong", "What animal are you?", "aww"]
    assert [turn.action for turn in own] == ["", "", "hug animal", "", ""]
    assert all(turn.speech in {c.strip() for c in turn.candidates} for turn in own)
    assert [len(turn.candidates) for turn in own] == [20] * 5


def test_nothing_said_is_overwritten():
    texts = [
        {
            "text": "_partner_say A.\n_partner_say B.\n_partner_act hug owl\n_partner_act hit owl",
            "labels": "C.",
        }
    ]
    assert light_text_episode(texts, "x", Skips()).turns == (
        Turn(0, "A."),
        Turn(0, "B.", "hug owl"),
        Turn(0, "", "hit owl"),
        Turn(1, "C."),
    )
