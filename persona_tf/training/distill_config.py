"""The part of the control panel that says who teaches, and how."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DistillConfig:
    """From which trained bot a run learns, and by what of it. See `training.distillation`.

    ``teacher``: the folder of its run, such as ``runs/quickstart/0``; "": none, and all else here says nothing. The
    student takes its vocabulary.
    ``temperature``: both are as unsure as this makes them when the student is told what the teacher would say.
    ``soft_weight``: how much that counts; each head has its own weight besides, of TrainConfig. ``hidden_weight``: how
    much it counts that the teacher's states can be read off the student's. ``gold_weight``: how much the data's own
    answers count, times the weights of TrainConfig. With ``soft_weight`` and ``hidden_weight`` 0 nothing of the teacher
    but its vocabulary and what it writes is used.
    ``written_share``: of the examples of training whose answers the teacher writes anew, before training begins.
    """

    teacher: str = ""
    temperature: float = 2.0
    soft_weight: float = 1.0
    hidden_weight: float = 1.0
    gold_weight: float = 0.5
    written_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("soft_weight", "hidden_weight", "gold_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"DistillConfig.{name} must not be negative, got {getattr(self, name)!r}")
        if not self.soft_weight and not self.gold_weight:
            raise ValueError(
                "DistillConfig.soft_weight and gold_weight are both 0: nothing would teach the student what to say; "
                "set one of them"
            )
        if self.temperature <= 0:
            raise ValueError(f"DistillConfig.temperature must be above 0, got {self.temperature!r}")
        if not 0 <= self.written_share <= 1:
            raise ValueError(f"DistillConfig.written_share must lie in [0, 1], got {self.written_share!r}")

    @property
    def accompanies(self) -> bool:
        """Whether the teacher is asked at every step."""
        return bool(self.teacher) and (self.soft_weight > 0 or self.hidden_weight > 0)

    @property
    def writes(self) -> bool:
        """Whether the teacher writes answers to learn from."""
        return bool(self.teacher) and self.written_share > 0
