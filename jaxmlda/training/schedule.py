"""Schedules as pure functions, known before the run: the learning rate, and the steps that science keeps."""

import optax

from jaxmlda.config.run import Every, Schedule, Steps
from jaxmlda.errors import UserError


def learning_rate(settings: Schedule, steps: int) -> optax.Schedule:
    """Linear warm-up (step s of w at peak · s/w, so that none is lost), then constant, cosine, linear, or stable
    with a linear decay at the end.
    """
    after = max(steps - settings.warmup_steps, 1)
    peak, final = settings.peak, settings.final
    if final > peak:
        raise UserError(f"training.schedule.final ({final:g}) is above its peak ({peak:g}); lower it")
    if settings.name == "constant":
        main = optax.constant_schedule(peak)
    elif settings.name == "cosine":
        main = optax.cosine_decay_schedule(peak, after, alpha=final / peak)
    elif settings.name == "linear":
        main = optax.linear_schedule(peak, final, after)
    else:
        stable = max(after - settings.decay_steps, 0)
        decay = optax.linear_schedule(peak, final, max(settings.decay_steps, 1))
        main = optax.join_schedules([optax.constant_schedule(peak), decay], [stable])
    if not settings.warmup_steps:
        return main
    warm = optax.linear_schedule(peak / settings.warmup_steps, peak, settings.warmup_steps - 1)
    return optax.join_schedules([warm, main], [settings.warmup_steps])


def science_steps(policy: str | Every | Steps, last: int) -> list[int]:
    """The steps whose checkpoints are kept for ever; 0 and the last are always among them.

    `published`: 1..10, 20..100 by 10, 200..1000 by 100, then every 1000. `log`: 1, 2, 5 x powers of ten.
    """
    if isinstance(policy, Steps):
        beyond = [step for step in policy.steps if step > last]
        if beyond:
            raise UserError(f"checkpoints.science: steps {beyond} lie beyond the last step, {last}")
        wanted = policy.steps
    elif isinstance(policy, Every):
        wanted = range(0, last, policy.every)
    elif policy == "published":
        wanted = [*range(1, 11), *range(20, 101, 10), *range(200, 1001, 100), *range(2000, last, 1000)]
    else:
        wanted = [digit * 10**power for power in range(len(str(last))) for digit in (1, 2, 5)]
    return sorted({0, last, *(step for step in wanted if step <= last)})
