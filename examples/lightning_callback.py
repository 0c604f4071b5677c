"""GateProbe as a callback of Lightning: `Trainer(callbacks=[Watched("my experiment")])`, and the run is live on the page Train.

Lightning clips by itself; to have the norm after clipping, and to be told of a threshold that is never reached, let the probe
do it in your module:

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        self.trainer.callbacks[0].probe.clip_grad_norm_(self.parameters(), gradient_clip_val)
"""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback

from explorer import GateProbe


class Watched(Callback):
    """Watches the recurrent layers of the module from the first step of a fit to the last, or to what it raised."""

    def __init__(self, run: str | None = None, every: int = 20) -> None:
        self.run, self.every = run, every

    def on_train_start(self, trainer: Any, module: Any) -> None:  # noqa: D102 (Lightning's)
        self.probe = GateProbe(module, run=self.run, every=self.every).__enter__()

    def on_train_end(self, trainer: Any, module: Any) -> None:  # noqa: D102
        self.probe.__exit__(None, None, None)

    def on_exception(self, trainer: Any, module: Any, error: BaseException) -> None:  # noqa: D102
        self.probe.__exit__(type(error), error, None)
