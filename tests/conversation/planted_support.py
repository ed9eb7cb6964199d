"""Threads in which repair, support, pile-on, advice and shared words are planted, or not, by seed."""

from __future__ import annotations

import numpy as np
from planted_conversations import Said, logistic, word

VERBS = ("want", "hope", "plan", "feel", "worry", "intend")


def talks(
    seed: int, *, asked: float = 0.0, comfort: float = 0.0, lift: float = 0.0, pile: float = 0.0, brings: float = 0.0,
    advise: float = 0.0, echo: float = 0.0, agents: int = 60, threads: int = 240, turns: int = 14,
) -> list[Said]:  # fmt: skip
    """Draw threads of agents with habits of their own; posts in distress are low by chance.

    Parameters
    ----------
    seed
        Seed.
    asked
        Log weight that a clarification request gains when its target chooses what to answer next.
    comfort
        Log odds of a supportive reply to a post in distress.
    lift
        Valence that the author of a post in distress gains after a supportive reply.
    pile
        Log odds of an accusation right after an accusation of the same target by another.
    brings, advise
        Log odds of evidence in an accusation, and of advice in a reply that names a state.
    echo
        Probability that a named state is one of the post.
    agents, threads, turns
        Sizes.
    """
    rng = np.random.default_rng(seed)
    temper, lean, habit = (rng.normal(0, 0.6, agents) for _ in range(3))
    said: list[Said] = []
    for t in range(threads):
        at = 20_000.0 * t
        group = rng.choice(agents, 6, replace=False)
        op, heat = int(group[0]), rng.normal(-1.0, 0.6)
        mood = float(lean[op] + rng.normal())
        is_low = bool(rng.random() < logistic(-1.5 * mood))
        verb = VERBS[int(rng.integers(len(VERBS)))]
        root = Said(f"p{t:04d}", f"u{op:02d}", at=at, text=f"i {verb} it", tokens=int(rng.integers(8, 60)),
                    scores={"sad": int(is_low), "joy": int(not is_low), "valence": 2 * mood})  # fmt: skip
        here, speaker_of, target_of, is_supported = [root], [op], [-1], False
        last: dict[int, tuple[int, bool]] = {}  # of each target: who replied last, and whether it accused
        for i in range(turns):
            speaker = int(rng.choice(group))
            weights = np.array([
                0.0 if speaker_of[k] == speaker
                else 3.0 * np.exp(asked * ("clarify" in here[k].scores)) if k and speaker_of[target_of[k]] == speaker
                else 1.0
                for k in range(len(here))
            ])  # fmt: skip
            if not weights.any():
                continue
            k = int(rng.choice(len(here), p=weights / weights.sum()))
            at += float(rng.exponential(120))
            target, asks = speaker_of[k], bool(rng.random() < 0.4)
            by, was = last.get(target, (-1, False))
            accuses = bool(rng.random() < logistic(heat + pile * (was and by != speaker)))
            last[target] = (speaker, accuses)
            names = bool(rng.random() < logistic(-0.5 + habit[speaker]))
            named = verb if rng.random() < echo else VERBS[int(rng.integers(len(VERBS)))]
            comforts = bool(rng.random() < logistic(-1.2 + temper[speaker] + comfort * (is_low and k == 0)))
            raised = lift * (speaker == op and is_low and is_supported)
            scores: dict[str, float] = {
                "support": int(comforts), "accuse": int(accuses), "minds": int(names),
                "evidence": int(rng.random() < logistic(-0.5 + temper[speaker] + brings * accuses)),
                "must": int(rng.random() < logistic(-0.5 + temper[speaker] + advise * names)),
                "valence": 2 * float(lean[speaker] + rng.normal() + raised),
            }  # fmt: skip
            if asks and rng.random() < 0.5:
                scores["clarify"] = 1
            is_supported |= comforts and k == 0
            text = (f"you {named} this" if names else "well") + ("?" if asks else ".")
            here.append(Said(f"r{t:04d}-{i:02d}", f"u{speaker:02d}", here[k].name, root.name, at, text,
                             tokens=int(rng.integers(8, 60)), scores=scores))  # fmt: skip
            speaker_of.append(speaker)
            target_of.append(k)
        said += here
    return said


def dyads(seed: int, growth: float = 0.0, threads: int = 80, turns: int = 9) -> list[Said]:
    """Draw threads of two agents whose words are taken from the turn before, `growth` more of them each turn."""
    rng = np.random.default_rng(seed)
    said: list[Said] = []
    for t in range(threads):
        before = rng.integers(0, 400, 12)
        for i in range(turns):
            taken = rng.random(12) < 0.1 + growth * i
            words = np.where(taken, rng.permutation(before), rng.integers(0, 400, 12))
            said.append(
                Said(f"m{t:03d}-{i:02d}", f"{'ab'[i % 2]}{t % 40:02d}", f"m{t:03d}-{i - 1:02d}" if i else None,
                     f"m{t:03d}-00", 1000.0 * t + i, " ".join(word(int(w)) for w in words))
            )  # fmt: skip
            before = words
    return said
