"""The data room's part of the control panel."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which source, and how much of it.

    ``source`` names an entry of `data.sources.SOURCES`; ``options`` are handed to its reader (for ``convai2``
    ``{"persona": "self", "version": "original"}``, for ``world`` its sizes ...). ``train_examples`` 0 means all.
    """

    source: str
    options: dict = dataclasses.field(default_factory=dict)
    train_examples: int = 0
    train_split: str = "train"
    valid_split: str = "valid"
