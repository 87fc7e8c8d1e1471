"""Every experiment, shrunk: it parses, finds its data, builds, takes two steps, leaves a bundle and its tables."""

import json

import pytest

from persona_tf import __main__, config
from persona_tf.run_dir import RunDir

SHRUNK = (
    "STEPS=2",
    "VALIDATE_EVERY_STEPS=2",
    "BATCH_TOKENS=512",
    "VOCABULARY_SIZE=420",
    "MAX_EXAMPLES=6",
    "ModelConfig.width=16",
    "ModelConfig.heads=2",
    "ModelConfig.feed_forward=16",
    "ModelConfig.encoder_layers=1",
    "ModelConfig.decoder_layers=1",
    "TrainConfig.validation_examples=4",
    "DecodeConfig.max_reply_tokens=4",
    "DecodeConfig.max_action_tokens=3",
)

PERSONACHAT = """1 your persona: i bake bread.
2 your persona: my cat is called fig.
3 hello , how are you ?\tfine , the bread is in the oven .
4 do you have a pet ?\ti have a cat , fig .
1 your persona: i fear geese.
2 your persona: i live in a mill.
3 good morning !\tkeep the geese away from me .
4 where do you live ?\tin the old mill .
"""


def world(data_dir, light_sample):
    return ("TRAIN_DIALOGUES=12",)


def convai2(data_dir, light_sample):
    folder = data_dir / "convai2"
    folder.mkdir(parents=True)
    for split in ("train", "valid"):
        (folder / f"{split}_self_original_no_cands.txt").write_text(PERSONACHAT * 6)
    return ("DataConfig.held_out=6",)


def light(data_dir, light_sample):
    light_sample.write_light_sample(data_dir)
    return ('DataConfig.options={"check_hash": False, "splits": "proportional"}',)


def toloka(data_dir, light_sample):
    (data_dir / "toloka").mkdir(parents=True)
    (data_dir / "toloka" / "small.jsonl").write_text("".join(map(russian, range(60))), encoding="utf-8")
    return ()


def russian(number):
    """A dialogue as a line of JSON; no two share a persona."""
    personas = [[f"Я пеку хлеб {number}.", "У меня есть кот."], [f"Я боюсь гусей {number}.", "Я живу на мельнице."]]
    said = ("Привет! Чем занимаешься?", "Боюсь гусей.", "А я пеку хлеб для кота.", "Где ты живёшь?", "У себя.")
    gold = ([], [0], [0, 1], [], [])
    dialog = [{"person": i % 2, "text": text, "gk": gk} for i, (text, gk) in enumerate(zip(said, gold, strict=True))]
    persons = [{"description": facts} for facts in personas]
    return json.dumps({"persons": persons, "dialog": dialog}, ensure_ascii=False) + "\n"


SMALL_DATA = {"world": world, "convai2": convai2, "light": light, "toloka": toloka}


ALSO = {"reply": (), "retrieve": ("RetrieverConfig.dimensions=8",)}
QUICK = "quickstart", "retrieval_world"
"""Those that are tried each time; the others in the slow tier."""
FIGURE = {"reply": "reply_ppl", "facts": "persona_r1", "speaker": "speaker_r1"}


def train(name, run, data_dir, bindings):
    words = ["train", f"--experiment={name}", f"--run={run}", f"--data_dir={data_dir}"]
    assert __main__.main([*words, *(f"--gin.{binding}" for binding in bindings), "--debug"]) == 0


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in sorted(config.experiments())],
)
def test_an_experiment_trains_and_is_evaluated(name, tmp_path, light_sample, capsys):
    settings = config.load(name)
    source, task = settings.data.source, settings.experiment.task
    learned = settings.retriever.finds if task == "retrieve" else task
    data_dir = tmp_path / "data"
    bindings = [*SHRUNK, *ALSO[task], *SMALL_DATA[source](data_dir, light_sample)]
    if settings.distill.teacher:
        train("quickstart", tmp_path / "teacher", data_dir, bindings)
        bindings.append(f"TEACHER='{tmp_path / 'teacher'}'")
    train(name, tmp_path / "run", data_dir, bindings)
    run = RunDir(tmp_path / "run")
    assert sorted(path.name for path in run.path.iterdir()) == [
        "bundle",
        "checkpoints",
        "command.txt",
        "config.gin",
        "evaluation",
        "operative_config.gin",
        "predictions",
        "summaries",
        "versions.json",
    ]
    for split in settings.evaluate.splits:
        result = json.loads(run.evaluation(split, "json").read_text())
        assert (result["experiment"], result["split"], result["step"]) == (name, split, 2)
        assert result["metrics"][FIGURE[learned]]["count"] > 0
    assert ("make chat" in capsys.readouterr().out) == (task == "reply")
