import contextlib
import dataclasses
import errno
import io
import resource

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import plugin_data_pb2

from persona_tf.training.summaries import SummaryWriter


@dataclasses.dataclass(frozen=True)
class _Config:
    width: int = 3
    rate: float = 0.5
    fast: bool = True
    kinds: tuple[str, ...] = ("a", "b")


def _read(folder):
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def _events(folder):
    return [event for file in sorted(folder.glob("events.*")) for event in EventFileLoader(str(file)).Load()]


def test_scalars(tmp_path):
    writer = SummaryWriter(tmp_path / "new" / "folder")
    writer.scalars({"train/loss": 2.5, "train/rate": 1}, 1)
    writer.scalars({"train/loss": 0.5}, 4)
    writer.close()
    read = _read(tmp_path / "new" / "folder")
    assert [(s.step, s.value) for s in read.Scalars("train/loss")] == [(1, 2.5), (4, 0.5)]
    assert [(s.step, s.value) for s in read.Scalars("train/rate")] == [(1, 1.0)]


def test_text(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.text("samples/0", "**Привет** 🐉\n\n* a", 3)
    writer.close()
    read = _read(tmp_path)
    [event] = read.Tensors("samples/0")
    assert (event.step, event.tensor_proto.string_val[0].decode()) == (3, "**Привет** 🐉\n\n* a")
    assert read.SummaryMetadata("samples/0").plugin_data.plugin_name == "text"


def test_a_picture(tmp_path):
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    Figure(figsize=(2, 1)).savefig(buffer, format="png", dpi=100)
    writer = SummaryWriter(tmp_path)
    writer.picture("attention", buffer.getvalue(), 2)
    writer.close()
    [image] = _read(tmp_path).Images("attention")
    assert (image.step, image.width, image.height) == (2, 200, 100)
    assert image.encoded_image_string == buffer.getvalue()


def test_hyperparameters(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.hyperparameters({"model": _Config(), "train": _Config(rate=0.25)}, 0)
    writer.close()
    values = {}
    for event in _events(tmp_path):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                data = plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
                values |= data.session_start_info.hparams
    assert values["model.width"].number_value == 3
    assert values["model.rate"].number_value == 0.5
    assert values["train.rate"].number_value == 0.25
    assert values["model.fast"].bool_value is True
    assert values["model.kinds"].string_value == "('a', 'b')"


def test_what_a_killed_process_wrote_too_much_is_dropped(tmp_path):
    killed = SummaryWriter(tmp_path, 0)
    for step in range(1, 6):
        killed.scalars({"loss": float(step)}, step)
    killed.close()
    again = SummaryWriter(tmp_path, 3)
    for step in range(4, 8):
        again.scalars({"loss": 10.0 * step}, step)
    again.close()
    points = [(s.step, s.value) for s in _read(tmp_path).Scalars("loss")]
    assert points == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0), (5, 50.0), (6, 60.0), (7, 70.0)]


def test_what_comes_on_top_drops_nothing(tmp_path):
    trained = SummaryWriter(tmp_path)
    trained.scalars({"loss": 1.0}, 5)
    trained.close()
    later = SummaryWriter(tmp_path, begins=False)
    later.scalars({"other": 2.0}, 3)
    later.close()
    read = _read(tmp_path)
    assert [(s.step, s.value) for tag in ("loss", "other") for s in read.Scalars(tag)] == [(5, 1.0), (3, 2.0)]


def test_what_was_written_survives_a_kill(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.scalars({"loss": 2.0}, 1)
    assert [(s.step, s.value) for s in _read(tmp_path).Scalars("loss")] == [(1, 2.0)]
    writer.close()


def test_not_a_number_can_be_written(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.scalars({"loss": float("nan")}, 1)
    writer.close()
    [point] = _read(tmp_path).Scalars("loss")
    assert point.value != point.value


@contextlib.contextmanager
def _disk_of(room):
    """No file grows beyond ``room`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


WRITE = {
    "scalars": lambda writer: writer.scalars({"x" * 200_000: 1.0}, 1),
    "text": lambda writer: writer.text("a", "x" * 200_000, 1),
    "hyperparameters": lambda writer: writer.hyperparameters({"x" * 200_000: _Config()}, 1),
}


@pytest.mark.parametrize("what", WRITE)
def test_a_full_disk_is_an_oserror_that_names_the_file(tmp_path, what, capfd):
    writer = SummaryWriter(tmp_path)
    [file] = tmp_path.iterdir()
    with _disk_of(100_000), pytest.raises(OSError, match="cannot write summaries") as caught:
        WRITE[what](writer)
    assert (caught.value.filename, caught.value.errno) == (str(file), errno.EFBIG)
    writer.close()
    assert capfd.readouterr().err == "", "no thread of its own fails beside"


def test_closing_twice_does_no_harm(tmp_path):
    writer = SummaryWriter(tmp_path)
    writer.close()
    writer.close()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("step", "first"), [(0, 0), (5, 6)])
def test_a_file_begins_with_the_start_of_a_session(tmp_path, step, first):
    SummaryWriter(tmp_path, step).close()
    starts = [event for event in _events(tmp_path) if event.HasField("session_log")]
    assert [event.step for event in starts] == [first]
