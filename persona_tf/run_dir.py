"""Names and creates all that a run leaves behind. Knows nothing of what the files hold.

runs/quickstart/0/
    command.txt            the commands that were typed, one a line
    versions.json          Python, packages and commit that they ran with
    config.gin             every binding in force
    operative_config.gin   the same with the defaults
    pretrained.md          which weights training began with, where it began with those of others
    summaries/             for TensorBoard
    checkpoints/           last and best, resumable
    bundle/                all that talking needs
    evaluation/            <split>.json, .csv and .md; decoders_<split> and override likewise, with a .png; remember
    predictions/           <split>.jsonl, override.jsonl, remember.jsonl
    chats.sqlite           conversations that people had with it on the server; chats.memory.sqlite: what they learned
    pairs.sqlite           which of two runs' answers people preferred there
"""

import contextlib
import dataclasses
import difflib
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from collections.abc import Iterator

from persona_tf.atomic_file import write_atomically

_HEADER = "# Experiment: "
_PACKAGES = [
    "persona_tf",
    "tensorflow",
    "tensorflow-text",
    "keras",
    "keras-hub",
    "numpy",
    "sentencepiece",
    "gin-config",
    "tensorboard",
]


@dataclasses.dataclass(frozen=True)
class RunDir:
    """The folder of one run."""

    path: pathlib.Path

    @classmethod
    def default(cls, root: pathlib.Path, experiment: str, seed: int) -> "RunDir":
        """Where a run goes unless told otherwise: ``runs/<experiment>/<seed>``."""
        return cls(root / "runs" / experiment / str(seed))

    @classmethod
    def create(cls, path: pathlib.Path, experiment: str, config_text: str, command: str) -> "RunDir":
        """Begins a run, or goes on with one of the same experiment and config.

        Raises:
          ValueError: the folder holds another run, or something else; the message names the difference.
          OSError: the folder cannot be written.
        """
        run = cls(path)
        config = f"{_HEADER}{experiment}\n{config_text}"
        if run.config.is_file():
            run._check_same(config)
        else:
            run._check_empty()
            write_atomically(run.config, config.encode())
        write_atomically(run.versions, (json.dumps(versions(), indent=2) + "\n").encode())
        commands = run.command.read_text(encoding="utf-8") if run.command.is_file() else ""
        write_atomically(run.command, f"{commands}{command}\n".encode())
        return run

    def check_holds(self, experiment: str, config_text: str) -> None:
        """Checks that the folder holds a run of this experiment and config, or no run at all.

        Raises:
          ValueError: it holds another; the message names the difference.
        """
        if self.config.is_file():
            self._check_same(f"{_HEADER}{experiment}\n{config_text}")

    def check_trained(self, todo: str) -> "RunDir":
        """Checks that a trained bot is there.

        Args:
          todo: what makes one, for the message.

        Returns:
          The run itself.

        Raises:
          FileNotFoundError: there is none; the message says where one is, if that is next to it: in the folder of a
            seed, or around a bundle that was named itself.
        """
        if self.bundle.is_dir():
            return self
        found = (*sorted(self.path.glob("*/bundle/weights.npz")), *self.path.glob("weights.npz"))
        near = "".join(f", but there is one in {weights.absolute().parents[1]}" for weights in found[:1])
        raise FileNotFoundError(f"no trained bot in {self.path}{near}. {todo}")

    def check_has_config(self) -> None:
        """Raises a FileNotFoundError where there is a bundle, but not what says how it was trained."""
        if not self.config.is_file():
            raise FileNotFoundError(
                f"{self.config}: not there; it says what the bot was trained on. Copy it from where the bundle is from"
            )

    @contextlib.contextmanager
    def as_it_was_unless_begun(self) -> Iterator[None]:
        """Leaves the folder as it was if the body fails before training begins: a new one is gone again.

        So data that are missing, say, leave no run of which nothing exists. Training has begun when it has written a
        summary. A failure is a ValueError or OSError; after an interruption the same command goes on.
        """
        own = (self.checkpoints, self.summaries, self.path)
        folders = [p for p in (*own, *self.path.absolute().parents) if not p.exists()]
        before, summaries = self._starting_files(), _files(self.summaries)
        try:
            yield
        except (ValueError, OSError):
            if _files(self.summaries) == summaries:
                with contextlib.suppress(OSError):
                    self._restore(before)
                _remove_empty(folders)
            raise

    @property
    def experiment(self) -> str:
        """The experiment that the run is of; "" where no run was begun."""
        if not self.config.is_file():
            return ""
        with self.config.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip().removeprefix(_HEADER)

    @property
    def command(self) -> pathlib.Path:
        """The commands that were typed, one a line: the first began the run, the others went on with it."""
        return self.path / "command.txt"

    @property
    def versions(self) -> pathlib.Path:
        """What `versions` said when the last command began."""
        return self.path / "versions.json"

    @property
    def config(self) -> pathlib.Path:
        """Every binding in force; `persona_tf.config.load` takes it."""
        return self.path / "config.gin"

    @property
    def operative_config(self) -> pathlib.Path:
        """The config with the defaults that nothing has bound."""
        return self.path / "operative_config.gin"

    @property
    def pretrained(self) -> pathlib.Path:
        """The table of weights that training began with, where it began with those of others."""
        return self.path / "pretrained.md"

    @property
    def summaries(self) -> pathlib.Path:
        """Folder of TensorBoard's event files."""
        return self.path / "summaries"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of the last and the best checkpoint."""
        return self.path / "checkpoints"

    @property
    def bundle(self) -> pathlib.Path:
        """Folder of all that talking needs."""
        return self.path / "bundle"

    def evaluation(self, split: str, kind: str) -> pathlib.Path:
        """The report on a split, or of a verb such as ``override``; ``kind`` is ``json``, ``csv``, ``md``, ``png``."""
        return self.path / "evaluation" / f"{split}.{kind}"

    def leant_on(self, split: str) -> pathlib.Path:
        """A picture of what the answers to some probes of a split leant on."""
        return self.path / "evaluation" / f"leant_on_{split}.png"

    @property
    def self_chat(self) -> pathlib.Path:
        """Folder of self-chats; the files are named for their seed."""
        return self.path / "self_chat"

    @property
    def chats(self) -> pathlib.Path:
        """The file that keeps conversations."""
        return self.path / "chats.sqlite"

    @property
    def telegram_chats(self) -> pathlib.Path:
        """The file that keeps conversations on Telegram: the web server shows its own to whom it lets in."""
        return self.path / "telegram.sqlite"

    def predictions(self, split: str) -> pathlib.Path:
        """What the bot answered to each target of a split, or in another experiment."""
        return self.path / "predictions" / f"{split}.jsonl"

    def _starting_files(self) -> dict[pathlib.Path, bytes]:
        """What there is of the files that are written before training begins; checkpoints are not read."""
        settings = (self.config, self.command, self.versions, self.operative_config)
        own = [p for p in (*settings, self.pretrained) if p.is_file()]
        return {path: path.read_bytes() for path in own} | dict.fromkeys(_files(self.checkpoints), b"")

    def _restore(self, before: dict[pathlib.Path, bytes]) -> None:
        for path in self._starting_files().keys() - before:
            path.unlink()
        for path, content in before.items():
            if path.parent == self.path and path.read_bytes() != content:
                write_atomically(path, content)

    def _check_empty(self) -> None:
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise ValueError(f"{self.path} exists and holds no run: choose another folder with RUN=...")

    def _check_same(self, config: str) -> None:
        old = self.config.read_text(encoding="utf-8")
        if old == config:
            return
        what_to_do = f"Choose another folder with RUN=..., or delete {self.path} to begin anew"
        name, wanted = (text.partition("\n")[0].removeprefix(_HEADER) for text in (old, config))
        if name != wanted:
            raise ValueError(f"{self.path} holds a run of experiment {name}, not of {wanted}. {what_to_do}")
        raise ValueError(
            f"{self.path} holds a run with another config (- what it has, + what is asked for):\n"
            f"{_differences(old, config)}\n{what_to_do}"
        )


def versions() -> dict[str, str]:
    """What a result may depend on: Python, the machine's kind, the packages, and the commit in a clone."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "cores": str(os.cpu_count())}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return {**found, **_commit()}


def _files(folder: pathlib.Path) -> set[pathlib.Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def _remove_empty(folders: list[pathlib.Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _commit() -> dict[str, str]:
    """The clone's commit, with "+changes" where the working tree differs from it; nothing outside a clone."""
    root = pathlib.Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return {}
    try:
        commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit + ("+changes" if changes else "")}


def _git(root: pathlib.Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _differences(old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
    return "\n".join(f"  {line[0]} {line[1:]}" for line in list(lines)[2:] if not line.startswith("@@"))
