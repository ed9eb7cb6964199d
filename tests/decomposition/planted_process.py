"""The process that a generated world follows, in standard deviations of its scores, with nothing estimated."""

from __future__ import annotations

import numpy as np

from pipeline.decomposition.forward import Process
from pipeline.simulation.coevolution import CoevolutionWorld


def planted(world: CoevolutionWorld, weeks: int | None = None) -> Process:
    """Return the process of the truth from the first observed week; all agents have the mean rate."""
    truth, y = world.truth, world.latent
    mean, sd = float(y.mean()), float(y.std())
    shot, n = world.ties.at(world.panel.first_week), truth.n_agents
    return Process(
        level=(1 - truth.rho) * (world.level - mean) / sd,
        trend=np.zeros(truth.n_weeks - 1 if weeks is None else weeks),
        rho=np.array([truth.rho]),
        gap=truth.beta_i,
        innovation=truth.innovation_sd / sd,
        rate=np.full(n, truth.lam),
        similarity=truth.beta_s * sd,
        reciprocity=truth.b_rec,
        two_paths=truth.b_tri,
        popularity=truth.b_pop,
        alter=truth.b_alt * sd,
        alter_square=0.0,
        community=truth.b_com,
        end=truth.d0,
        end_distance=truth.d_s * sd,
        end_mutual=-truth.d_rec,
        group=np.full(n, -1),
        source=shot.source,
        target=shot.target,
        scores=((y[:, :1] - mean) / sd).T,
    )
