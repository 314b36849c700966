"""One of several processes that make the trials of a study: `python worker.py FOLDER STORAGE TRIALS SECONDS`.

Each trial that begins and each that ends is a line of FOLDER/../trials; what the study holds is said in the end.
"""

import json
import os
import sys
import time
from pathlib import Path

from striate.tune import Search, Space
from striate.tune.with_optuna import optuna_search

LOST_AFTER = 8.0


def note(folder, word, place):
    with (folder.parent / "trials").open("a") as file:
        file.write(f"{word} {place.stem} {os.getpid()}\n")


def main(folder, storage, trials, seconds):
    def objective(settings, epochs, place):
        note(folder, "begin", place)
        time.sleep(seconds)
        note(folder, "end", place)
        return -abs(settings["rate"] - 4.0)
    search = Search(folder, Space.parsed({"rate": "1.0..10.0", "kind": "a|b"}), objective, seed=3,
                    say=lambda text: print(text, file=sys.stderr, flush=True))
    optuna_search(search, trials, 1, storage, lost_after=LOST_AFTER)
    print(json.dumps(search.data()["trials"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
