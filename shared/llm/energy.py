"""What a run took: seconds, work, energy and carbon. Met in week 9's explore notebook on responsible models.

    with Meter() as meter:
        …                                   # the run
    meter.seconds, meter.core_seconds, meter.joules      # joules is None where nobody counts them
    training_carbon(n_parameters, n_tokens, flops_per_joule, grams_per_kwh)

Sources: Kaplan et al., "Scaling Laws for Neural Language Models" (2001.08361), section 2.1, for 6 · N · D; Patterson et
al., "Carbon Emissions and Large Neural Network Training" (2104.10350), for the way from energy to carbon.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil

RAPL = Path("/sys/class/powercap")


def training_carbon(
    n_parameters: float,
    n_tokens: float,
    flops_per_joule: float,
    grams_per_kwh: float,
    pue: float = 1.0,
) -> tuple[float, float]:
    """(kWh, grams of CO2) of a training: 6 · parameters · tokens operations, on a machine that does so many per joule.

    grams_per_kwh: of the electricity   pue: what the whole building draws for each kWh that the machine draws
    """
    joules = 6 * n_parameters * n_tokens / flops_per_joule
    kwh = pue * joules / 3.6e6
    return kwh, kwh * grams_per_kwh


class Meter:
    """Measures what happens inside its `with`.

    seconds: on the clock   core_seconds: of this process, over all cores
    joules: what the processor's own counter says (Intel's and AMD's RAPL, on Linux, where it may be read), for the
            whole processor, whatever else ran on it; None where there is none, and `why` says why
    """

    seconds = core_seconds = 0.0
    joules: float | None = None

    def __init__(self, folder: Path = RAPL) -> None:
        self._packages = sorted(folder.glob("intel-rapl:[0-9]")) if folder.is_dir() else []
        self.why = "" if self._packages else "this machine shows no energy counter"

    def __enter__(self) -> Meter:
        self._energy = self._read()
        self._cores = _own_core_seconds()
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self.core_seconds = _own_core_seconds() - self._cores
        now = self._read()
        if self._energy is not None and now is not None:
            self.joules = sum(
                (after - before) % span  # a counter that is full begins again at 0
                for (before, span), (after, _) in zip(self._energy, now)
            )

    def _read(self) -> list[tuple[float, float]] | None:
        """(joules so far, at which the counter begins again) of each processor; None where nothing can be read."""
        if not self._packages:
            return None
        try:
            return [
                tuple(
                    float((package / name).read_text(encoding="ascii")) / 1e6
                    for name in ("energy_uj", "max_energy_range_uj")
                )
                for package in self._packages
            ]
        except (OSError, ValueError) as error:
            self.why = f"the energy counter cannot be read: {error}"
            return None


def _own_core_seconds() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system
