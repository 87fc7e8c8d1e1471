"""Writes parlai_golden.json.gz: what ParlAI 1.7.2 says of thousands of replies. test_parlai.py holds ours to it.

ParlAI pins packages that no longer install together, so it gets an environment of its own, and of its dependencies only
what its metrics import:

    python3.11 -m venv parlai_env
    parlai_env/bin/pip install --no-deps parlai==1.7.2
    parlai_env/bin/pip install iopath nltk numpy
    parlai_env/bin/pip install torch --index-url https://download.pytorch.org/whl/cpu
    parlai_env/bin/python tests/evaluation/parlai_golden.py --predictions runs/quickstart/0/predictions/*.jsonl

Half of the pairs are replies of a trained bot of the built-in world beside the gold ones; without --predictions those
that the file holds are taken again. The others are put together here, from a seed.
"""

import argparse
import gzip
import itertools
import json
import pathlib
import random

FILE = pathlib.Path(__file__).with_name("parlai_golden.json.gz")
PACKAGE = "parlai==1.7.2"
SEED = 20_090
BOT, MADE, RANKED = 1300, 1300, 400
CANDIDATES = 20
KS = (1, 5, 10, 100)

OPENINGS = (
    "Good day to you", "Well met", "I do not know", "The baker", "A theme", "an anthem", "Never ask", "It's mine",
    "Добрый день", "Ну и что", "Ёж спит", "早上好", "Καλημέρα", "שלום", "Ça va", "Straße", "İstanbul", "ﬁne",
    "", " ", "the", "a an the", "AN", "Theatre", "o'clock", "un_der_score", "🐈", "👩‍🌾 farmer", "naïve", "nai\u0308ve",
)  # fmt: skip
MIDDLES = (
    "my cat sleeps", "the the the", "no no no no", "ha ha, ha!", "I owe 40 silver", "three-and-sixty", "at 10:30 a.m.",
    "кот спит", "кот, кот, кот", "в Москве", "去城里", "του κόσμου", "a b a b a b", "“quoted”", "‘so’", "it’s", "it's",
    "— or not —", "…", "...", "?!", "$5 & 6%", "<b>bold</b>", "[x] {y} (z)", "back\\slash", "a`b^c~d|e", "C++ @ #1",
    "tab\there", "line\nbreak", "no\u00a0break", "zero\u200bwidth", "wide\u3000blank", "soft\u00adhyphen", "", "🙂🙂🙂",
    "a🙂the", "٣ كتب", "हिन्दी में", "ĳs", "ß", "\u2028", "x" * 40,
)  # fmt: skip
ENDINGS = (
    ".", "!", "?", "", " sir.", " and the sea", " и всё", ", friend", " — farewell", " the end", " an", "'s", " 🙃",
    "。", "   ",
)  # fmt: skip


def phrase(rng):
    """A phrase of odd parts: of one part, of three, or of many."""
    form = rng.random()
    if form < 0.1:
        return rng.choice(rng.choice((OPENINGS, MIDDLES, ENDINGS)))
    middles = " ".join(rng.choice(MIDDLES) for _ in range(rng.choice((0, 1, 1, 2, 3, 5))))
    return f"{rng.choice(OPENINGS)} {middles}{rng.choice(ENDINGS)}"


def near(rng, text):
    """The phrase with words dropped, doubled, moved, in capitals, or others put in."""
    words = text.split(" ")
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(words))
        change = rng.randrange(5)
        if change == 0 and len(words) > 1:
            del words[at]
        elif change == 1:
            words.insert(at, words[at])
        elif change == 2:
            rng.shuffle(words)
        elif change == 3:
            words[at] = words[at].upper()
        else:
            words.insert(at, phrase(rng))
    return " ".join(words)


def made_pairs(rng):
    """[reply, references] of one to three references; some equal, some near, some far."""
    pairs = [["", [""]], ["", ["x"]], ["x", [""]], ["the a an", ["x"]], ["the a an", ["an"]], ["a", ["", "the"]]]
    while len(pairs) < MADE:
        gold = phrase(rng)
        reply = rng.choice((near(rng, gold), near(rng, gold), phrase(rng), gold, ""))
        more = [rng.choice((phrase(rng), near(rng, gold), reply)) for _ in range(rng.choice((0, 0, 1, 2)))]
        pairs.append([reply, [gold, *more]])
    return pairs


def bot_pairs(rng, files):
    """[reply, [gold reply]] of a bot's predictions, or those of the last time."""
    if not files:
        return load()["pairs"][:BOT]
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    pairs = [[line["reply"], [line["gold_reply"]]] for line in lines if line["gold_reply"]]
    if len(pairs) < BOT:
        raise SystemExit(f"expected {BOT} predictions or more, got {len(pairs)}")
    return rng.sample(pairs, BOT)


def load():
    """The fixture."""
    return json.loads(gzip.decompress(FILE.read_bytes()))


def rankings(rng, pairs):
    """[candidates, best first, and labels] as places among all texts; some lists hold no label, some several."""
    found = []
    for _ in range(RANKED):
        candidates = [rng.randrange(len(pairs)) for _ in range(rng.choice((1, 5, CANDIDATES, CANDIDATES)))]
        labels = rng.sample(candidates, min(rng.choice((0, 1, 1, 2)), len(candidates))) or [rng.randrange(len(pairs))]
        found.append([candidates, labels])
    return found


def scores(pairs):
    """One list a name, one figure a pair."""
    from parlai.core.metrics import BleuMetric, ExactMatchMetric, F1Metric, IntraDistinctMetric

    columns = {}
    for reply, golds in pairs:
        precision, recall, f1 = F1Metric.compute(reply, golds, expose_p_and_r=True)
        row = {"precision": precision, "recall": recall, "f1": f1, "exact": ExactMatchMetric.compute(reply, golds)}
        row |= {f"bleu-{k}": BleuMetric.compute(reply, golds, k) for k in (1, 2, 3, 4)}
        row |= {f"intra-{n}": IntraDistinctMetric.compute(reply, n) for n in (1, 2)}
        for name, metric in row.items():
            columns.setdefault(name, []).append(rounded(metric.value()))
    return columns


def totals(pairs):
    """What a teacher reports of all pairs with one reference that is not empty, as if of one task."""
    from parlai.core.message import Message
    from parlai.core.metrics import TeacherMetrics

    teacher = TeacherMetrics("all")
    for reply, golds in pairs:
        if len(golds) == 1 and golds[0]:
            teacher.evaluate_response(Message(text=reply), golds)
    report = {name: rounded(float(metric.value())) for name, metric in teacher.report().items()}
    return {name: value for name, value in report.items() if not name.startswith("rouge")}


def hits(pairs, ranked):
    """[hits@1, hits@5, hits@10, hits@100] of each ranking."""
    from parlai.core.message import Message
    from parlai.core.metrics import TeacherMetrics

    found = []
    for candidates, labels in ranked:
        teacher = TeacherMetrics()
        texts = [pairs[i][1][0] for i in candidates]
        teacher.evaluate_response(Message(text_candidates=texts), [pairs[i][1][0] for i in labels])
        report = teacher.report()
        found.append([int(report[f"hits@{k}"].value()) for k in KS])
    return found


def rounded(value):
    """Twelve digits: short, and finer than what is compared."""
    return float(f"{value:.12g}")


def main():
    """Writes the fixture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", nargs="*", type=pathlib.Path, default=[], help="of a run of quickstart")
    files = parser.parse_args().predictions
    rng = random.Random(SEED)
    pairs = bot_pairs(random.Random(SEED), files) + made_pairs(rng)
    ranked = rankings(rng, pairs)
    data = {
        "package": PACKAGE,
        "pairs": pairs,
        "scores": scores(pairs),
        "totals": totals(pairs),
        "rankings": ranked,
        "hits": hits(pairs, ranked),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    FILE.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    odd = sum(any(ord(c) > 127 for c in "".join(itertools.chain([reply], golds))) for reply, golds in pairs)
    print(f"{FILE}: {len(pairs):,} pairs ({odd:,} with other letters), {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
