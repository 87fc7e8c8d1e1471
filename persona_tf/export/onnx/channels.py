"""How wide a head is in the graphs."""

CHANNEL_STEP = 8
"""The channels of a head are padded with zeros to a multiple of this: the runtime's operators want that."""


def padded_channels(channels: int) -> int:
    """The next multiple of `CHANNEL_STEP`."""
    return channels + -channels % CHANNEL_STEP
