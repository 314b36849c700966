"""What a run tells: times of launches."""

from __future__ import annotations

from dataclasses import dataclass

from striate.plan.ir import Launch, Step


@dataclass(frozen=True)
class LaunchTime:
    """Seconds that one launch (or, when `launch` is None, one NumPy reference) took."""

    step: Step
    launch: Launch | None
    seconds: float

    @property
    def gflops(self) -> float:
        """Billions of floating-point operations a second."""
        return self.launch.flops / self.seconds / 1e9 if self.launch else 0.0

    def __str__(self) -> str:
        name = self.launch.kernel if self.launch else f"reference {self.step.node.op}"
        return f"{self.seconds * 1e6:9.1f} us {self.gflops:7.1f} GFLOP/s  {name:32s} {self.step.node.scope}"
