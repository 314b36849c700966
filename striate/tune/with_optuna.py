"""The same search with Optuna choosing the settings (extra `tune`).

The trials are kept in an Optuna storage: a journal in the folder of the search, or whatever `--storage` names. All
ranks work on it, and so may processes of other machines (`striate.tune.shared`).
"""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from striate.errors import ArgumentError, FileError, received
from striate.parallel import map_tasks
from striate.ranks import ranks
from striate.tune.search import JOURNAL, Search, Trial, as_json
from striate.tune.shared import LOST_AFTER, Worker
from striate.tune.space import Choice, Range

STUDY = "striate"
_SQLITE_SECONDS = 60
"""How long a worker waits while others write to SQLite's file."""
_TRIES, _PAUSE_SECONDS = 5, 0.5
"""Workers that open a new data base at the same time stand in each other's way while its tables are made."""
_ABOUT = "search"
_MAX_BYTES = 1 << 30
"""Of a journal, which Optuna reads line by line; a result takes some thousand bytes."""


def optuna_search(search: Search, trials: int, epochs: int, storage: str | None = None, study: str = STUDY,
                  lost_after: float = LOST_AFTER) -> Trial:
    """Sees to it that a study has the results of so many settings that Optuna's TPE sampler proposes; gives the best.

    Every rank makes one trial at a time. Processes that are given the same storage and study share the trials as well.

    Args:
        search: its folder holds the models of the trials made here, and `tune.json` with all results.
        trials: how many results.
        epochs: of every training.
        storage: URL of a data base, or path of a journal; FOLDER/study.journal unless given.
        study: the name of the study in the storage.
        lost_after: seconds without a sign of life after which the trial of another worker is made again.

    Raises:
        ArgumentError: Optuna is not installed, or the storage cannot be opened.
        FileError: the study or the folder is of another search.

    Example:
        >>> optuna_search(search, trials=20, epochs=5, storage="sqlite:///study.db").settings  # doctest: +SKIP
        {'learning_rate': 0.0016, 'batch_size': 64, 'optimizer': 'adam'}
    """
    optuna = _optuna()

    def work(rank: int) -> None:
        with _without_remarks(optuna):
            kept = _opened(optuna, storage or str(search.folder / JOURNAL))
            Worker(optuna, _joined(optuna, kept, study, search, epochs), kept, search, _suggest(search), lost_after
                   ).work(trials, epochs, rank)
    map_tasks(work, range(ranks().size))
    return search.best()


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ArgumentError("This search needs the package optuna: pip install 'striate[tune]'.") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextmanager
def _without_remarks(optuna: Any):
    """Optuna calls journals and its sampler for several workers experimental, at every use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def _opened(optuna: Any, place: str) -> Any:
    """The storage at a URL or path.

    Raises:
        ArgumentError: it cannot be opened.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return _storage(optuna, place)
        except Exception as error:  # Each data base's driver has errors of its own.
            if isinstance(error, ArgumentError):
                raise
            if tries == _TRIES or isinstance(error, ImportError):
                # A URL may hold a password, so it is not repeated here.
                said = "".join(str(error).splitlines()[:1])
                raise ArgumentError("The storage of the study cannot be opened: it must be the path of a file, or a "
                                    "URL such as sqlite:///study.db, mysql://... or postgresql://... (whose driver "
                                    f"must be installed). {type(error).__name__}: {said}") from None
        time.sleep(_PAUSE_SECONDS)


def _storage(optuna: Any, place: str) -> Any:
    if place.startswith("sqlite:"):
        return optuna.storages.RDBStorage(place, engine_kwargs={"connect_args": {"timeout": _SQLITE_SECONDS}})
    if "://" in place:
        return optuna.storages.get_storage(place)
    path = Path(place).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not (path.is_file() and path.stat().st_nlink == 1 and path.stat().st_size <= _MAX_BYTES):
        raise ArgumentError("A journal must be a regular file of one name, of at most 1 GiB: it grows in place. "
                            + received(storage=place))
    journal = optuna.storages.journal
    return optuna.storages.JournalStorage(
        journal.JournalFileBackend(str(path), lock_obj=journal.JournalFileOpenLock(str(path))))


def _joined(optuna: Any, storage: Any, name: str, search: Search, epochs: int) -> Any:
    """The study of this name, new or with what all workers have done so far.

    Raises:
        FileError: it is one of another search.
    """
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    wanted = as_json({**search.about, "epochs": epochs})
    if _ABOUT not in study.user_attrs and not study.get_trials(deepcopy=False):
        study.set_user_attr(_ABOUT, wanted)
    if (found := study.user_attrs.get(_ABOUT)) != wanted:
        raise FileError("This study is of another search: name a new one, or repeat the same. "
                        + received(study=name, found=found, wanted=wanted))
    return study


def _suggest(search: Search) -> Any:
    """A function: trial of Optuna -> settings."""
    return lambda trial: {name: _suggested(trial, name, own) for name, own in sorted(search.space.names.items())}


def _suggested(trial: Any, name: str, own: Range | Choice) -> Any:
    if isinstance(own, Choice):
        return trial.suggest_categorical(name, own.values)
    if own.whole:
        return trial.suggest_int(name, int(own.low), int(own.high), log=own.log)
    return trial.suggest_float(name, own.low, own.high, log=own.log)
