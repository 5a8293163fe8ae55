"""When each citizen comes: arrivals of a non-homogeneous Poisson process, drawn once and for all before the run.

Of a Poisson process with cumulative rate N(t) two things are known: the number of arrivals is Poisson with mean
N(T), and given their number, they lie like independent uniform values u on (0, N(T)), taken back through the inverse:

    n ~ Poisson(N(T))        t_i = N^-1(u_i),  u_i ~ U(0, N(T)),  sorted

The seed alone fixes every instant. Every worker draws all arrivals and starts its own (`loadtests.schedule`), so the
arrivals of a run do not depend on the number of processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loadtests.shapes import Floats, Shape

Spacing = Literal["poisson", "even"]


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Arrivals in order: when (`instants`, seconds from the start), for what (`kinds`).

    `kinds` are indexes into the list of shapes that they were drawn from. The place of an arrival is its number.
    """

    instants: Floats
    kinds: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.instants)

    def digest(self) -> str:
        """Return the SHA-256 of every instant and kind, to show that two runs replay the same arrivals."""
        little = self.instants.astype("<f8").tobytes() + self.kinds.astype("<i2").tobytes()
        return hashlib.sha256(little).hexdigest()


def draw(shapes: Sequence[Shape], seed: int, spacing: Spacing = "poisson") -> Arrivals:
    """Draw the arrivals of every shape and merge them in order of time.

    Each shape has a random stream of its own, so changing one leaves the arrivals of the others as they were.
    `even` spacing puts the i-th arrival where N(t) = i - 1/2, without chance.
    """
    streams = np.random.SeedSequence(seed).spawn(len(shapes))
    drawn = [
        _even(shape) if spacing == "even" else _poisson(shape, np.random.Generator(np.random.PCG64(stream)))
        for shape, stream in zip(shapes, streams, strict=True)
    ]
    instants = np.concatenate(drawn) if drawn else np.empty(0)
    kinds = np.repeat(np.arange(len(drawn), dtype=np.int16), [len(part) for part in drawn])
    order = np.argsort(instants, kind="stable")
    return Arrivals(instants[order], kinds[order])


def _poisson(shape: Shape, generator: np.random.Generator) -> Floats:
    number = generator.poisson(shape.total)
    return np.sort(shape.instant_of(generator.random(number) * shape.total))


def _even(shape: Shape) -> Floats:
    return shape.instant_of(np.arange(round(shape.total), dtype=np.float64) + 0.5)
