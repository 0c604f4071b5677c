"""A training loop of one's own, on a series: the next value of a sine, with GateProbe attached.

Run it with `PYTHONPATH=. .venv/bin/python examples/sine.py`; it takes a few seconds.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer import GateProbe

ROWS, STEPS_T, BATCHES = 32, 50, 200


class Forecast(nn.Module):
    """A GRU and a linear head: the next value at every step."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(1, hidden, batch_first=True), nn.Linear(hidden, 1)

    def forward(self, x_BT1: Tensor) -> Tensor:
        """The forecasts, _BT1."""
        h_BTH, _ = self.rnn(x_BT1)
        forecast_BT1: Tensor = self.head(h_BTH)
        return forecast_BT1


def waves() -> tuple[Tensor, Tensor]:
    """Sines of different phases and periods, and the same one step on: each _BT1."""
    phase_B1, period_B1 = 2 * math.pi * torch.rand(ROWS, 1), 10 + 30 * torch.rand(ROWS, 1)
    wave_BT1 = torch.sin(2 * math.pi * torch.arange(STEPS_T + 1) / period_B1 + phase_B1).unsqueeze(2)
    return wave_BT1[:, :-1], wave_BT1[:, 1:]


def main() -> GateProbe:
    """Train, and print what the probe has to say."""
    torch.manual_seed(0)
    model = Forecast()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    with GateProbe(model, every=20) as probe:
        for _ in range(BATCHES):
            x_BT1, y_BT1 = waves()
            loss = F.mse_loss(model(x_BT1), y_BT1)
            loss.backward()
            probe.clip_grad_norm_(model.parameters(), max_norm=0.5)
            optimizer.step()
            optimizer.zero_grad()
    print(probe.diagnose())
    print(probe.frame("steps").tail(3).to_string(index=False))
    gates = probe.frame("gates")
    print(gates[gates["step"] == gates["step"].max()].groupby("gate")[["mean", "saturated"]].mean().to_string())
    flow = probe.frame("flow")
    print(flow[(flow["step"] == flow["step"].max()) & (flow["lag"] % 10 == 0)].to_string(index=False))
    return probe


if __name__ == "__main__":
    main()
