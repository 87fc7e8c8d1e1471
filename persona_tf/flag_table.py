"""The flags of all verbs: kind, default and what is said of each. Which verb takes which, __main__ says."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

FLAGS: Mapping[str, tuple[str, Any, str]] = {
    "experiment": ("string", "", "a folder of experiments/"),
    "run": ("string", "", "folder of the run; default runs/EXPERIMENT/SEED"),
    "data_dir": ("string", "", "folder of the data; default $PERSONA_TF_DATA_DIR, else data/"),
    "workers": ("integer", 1, "processes on this machine that train together"),
    "other": ("string", "", "folder of another run: whom it talks to (default: itself), or what serve sets beside it"),
    "turns": ("integer", 20, "turns of a chat, both bots together"),
    "chats": ("integer", 10, "how many chats"),
    "experiments": ("list", [], "folders of experiments/, with commas"),
    "seeds": ("list", ["0", "1", "2"], "seeds of each experiment, with commas"),
    "runs": ("string", "", "folder of the runs; default runs/"),
    "out": ("string", "", "the file to write"),
    "splits": ("list", [], "splits to evaluate, with commas; default: those of the experiment"),
    "predictions": ("string", "", "a .jsonl file to score in the place of a run"),
    "references": ("string", "", "predictions of another bot, for answers that have no gold replies beside"),
    "ways": ("list", [], "ways of choosing words, such as 'greedy,top-p 0.9'; default: all"),
    "seed": ("integer", None, "seed of the conversation; default: another each time (self_chat: 0)"),
    "engine": ("string", "auto", "what computes the words: auto, tensorflow, onnx or onnx_int8"),
    "name": ("string", "", "the bot's name; default: drawn from the world, like the next three"),
    "partner": ("string", "", "your name"),
    "place": ("string", "", "where you meet: 'NAME', 'NAME: description' or none"),
    "persona": ("string", "", "facts of the bot: 'I bake.|I sing.', a file with one a line, or none"),
    "card": ("string", "", "a character card to play, .json or .png; the four before change it"),
    "retriever": ("string", "", "folder of a retriever's run: what finds the facts that suit the moment"),
    "memory": ("string", "", "SQLite file that keeps what was said; default: none, it lasts as long as the talk"),
    "host": ("string", "127.0.0.1", "where it listens; 0.0.0.0: on the whole network"),
    "port": ("integer", 8000, "where it listens; 0: any that is free"),
    "chat_file": ("string", "", "file that keeps conversations; default: chats.sqlite or telegram.sqlite in the run"),
    "offensive": ("string", "off", "replies with obscenities or slurs, English or Russian: off, mark or block"),
    "telegram_api": ("string", "https://api.telegram.org", "where Telegram's Bot API is"),
    "each_minute": ("integer", None, "requests a client may send a minute; default: 120, on loopback no limit"),
    "split": ("list", [], "splits, with commas"),
    "n": ("integer", 1, "how many dialogues are shown"),
    "option": ("multi_string", [], "NAME=VALUE for the source; may be given several times"),
    "debug": ("boolean", False, "show the whole traceback of an error, and all that TensorFlow says"),
}
"""By name; the kinds are absl's: ``string``, ``integer``, ``boolean``, ``list``, ``multi_string``."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "engine": ("auto", "tensorflow", "onnx", "onnx_int8"),
    "offensive": ("off", "mark", "block"),
}
"""All that some flags can be; as `export.engines.ENGINES` and `chat.watched_bot.WAYS` have it."""

_NO_INTEGER = re.compile(r"invalid literal for int\(\) with base \d+: .*", re.DOTALL)


def in_words(message: str) -> str:
    """What absl says of a command line, without Python's own words for what is no number, and on one line.

    >>> in_words("flag --seed=x: invalid literal for int() with base 10: 'x'")
    'flag --seed=x: expected a whole number'
    """
    return _NO_INTEGER.sub("expected a whole number", message).rstrip(" ?.")


def check_value(flag: str, value: Any) -> None:
    """Raises a ValueError where a flag is none of its `CHOICES`, or holds names of which one is empty, as after a comma
    at the end, or stands there twice.

    Of experiments and seeds who makes the runs says the same; other flags hold no names.
    """
    if flag in CHOICES and value not in CHOICES[flag]:
        expected = ", ".join(CHOICES[flag])
        raise ValueError(f"flag --{flag}={value}: expected one of {expected}{near(str(value), CHOICES[flag])}")
    if flag == "each_minute" and value is not None and value < 0:
        raise ValueError(f"flag --{flag}={value}: expected 0, for no limit, or more")
    if flag in ("splits", "split", "ways") and ("" in value or len(set(value)) < len(value)):
        raise ValueError(f"flag --{flag}={','.join(value)}: expected different names with commas between them")


def near(name: str, known: Iterable[str]) -> str:
    """A suggestion where a name is like one of the known ones, else "".

    >>> near("trian", ["train", "chat"])
    '; did you mean train?'
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
