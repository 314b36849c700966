"""The same search with Optuna choosing the settings (extra `tune`)."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError
from striate.tune.search import Search, Trial
from striate.tune.space import Choice


def optuna_search(search: Search, trials: int, epochs: int) -> Trial:
    """Trains so many settings that Optuna's TPE sampler proposes; trials that are written down are told to it first.

    Raises:
        ArgumentError: Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ArgumentError("This search needs the package optuna: pip install 'striate[tune]'.") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=search.seed))
    distributions = {name: _distribution(optuna, own) for name, own in search.space.names.items()}
    for number in range(trials):
        if number in search.trials:
            known = search.trials[number]
            score = search.judge(known, epochs)
            study.add_trial(optuna.trial.create_trial(params=known.settings, distributions=distributions, value=score))
            continue
        asked = study.ask(distributions)
        study.tell(asked, search.judge(search.trial(number, asked.params), epochs))
    return search.best()


def _distribution(optuna, own) -> Any:
    if isinstance(own, Choice):
        return optuna.distributions.CategoricalDistribution(own.values)
    if own.whole:
        return optuna.distributions.IntDistribution(int(own.low), int(own.high), log=own.log)
    return optuna.distributions.FloatDistribution(own.low, own.high, log=own.log)
