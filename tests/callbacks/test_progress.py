"""The progress bar, character by character, and the plain lines where nothing can be redrawn."""

import pytest

from striate.callbacks import CallbackList, Progbar, progress


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(progress, "can_redraw", lambda: True)


def bar_of(target, verbose=1):
    clock = Clock()
    return Progbar(target, verbose=verbose, clock=clock), clock


def test_bar_is_drawn_and_redrawn_as_keras_does(terminal, capsys):
    bar, clock = bar_of(4)
    clock.now += 1.0
    bar.update(1, [("accuracy", 0.5), ("loss", 0.0001)], finalize=False)
    first = capsys.readouterr().out
    assert first == ("\r\x1b[1m1/4\x1b[0m \x1b[32m━━━━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━\x1b[0m \x1b[1m3s\x1b[0m 1s/step"
                     " - accuracy: 0.5000 - loss: 1.0000e-04")
    clock.now += 0.01
    bar.update(4, [("accuracy", 0.75), ("loss", 2.0)], finalize=True)
    last = capsys.readouterr().out
    width = len("1/4 ━━━━━━━━━━━━━━━━━━━━ 3s 1s/step - accuracy: 0.5000 - loss: 1.0000e-04")
    assert last.startswith("\b" * width + "\r\x1b[1m4/4\x1b[0m \x1b[32m" + "━" * 20)
    assert last.rstrip(" \n").endswith(" \x1b[1m1s\x1b[0m 3ms/step - accuracy: 0.7500 - loss: 2.0000")
    assert last.endswith("\n")


def test_bar_is_not_drawn_more_often_than_the_interval(terminal, capsys):
    bar, clock = bar_of(100)
    clock.now += 1.0
    bar.update(1, finalize=False)
    capsys.readouterr()
    clock.now += 0.04
    bar.update(2, finalize=False)
    assert capsys.readouterr().out == ""
    clock.now += 0.02
    bar.update(3, finalize=False)
    assert "\x1b[1m  3/100\x1b[0m" in capsys.readouterr().out


def test_unknown_target_shows_a_count(terminal, capsys):
    bar, clock = bar_of(None)
    clock.now += 1.0
    bar.update(7, finalize=False)
    assert "      7/Unknown \x1b[1m1s\x1b[0m" in capsys.readouterr().out


@pytest.mark.parametrize("seconds, text", [(4000, "1:06:40"), (75, "1:15"), (59.9, "59s")])
def test_remaining_time(seconds, text):
    assert progress._clock_time(seconds) == text


def test_verbose_2_prints_one_line(terminal, capsys):
    bar, clock = bar_of(5, verbose=2)
    bar.update(3, [("loss", 1.0)], finalize=False)
    clock.now += 10.0
    bar.update(5, [("loss", 0.25)], finalize=True)
    assert capsys.readouterr().out == "5/5 - 10s - 2s/step - loss: 0.2500\n"


def run_epochs(verbose):
    calls = CallbackList(add_history=True, add_progbar=True, verbose=verbose, epochs=2, steps=3)
    calls.on_train_begin()
    for epoch in range(2):
        calls.on_epoch_begin(epoch)
        for batch in range(3):
            calls.on_train_batch_end(batch, {"loss": 1.0})
        calls.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.75})
    calls.on_train_end()
    return calls


def test_without_a_terminal_each_epoch_is_one_plain_line(capsys):
    run_epochs(verbose="auto")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2 - 3/3 - 0s - ") and lines[0].endswith(" - loss: 0.5000 - val_loss: 0.7500")
    assert not any(mark in "".join(lines) for mark in "\b\r\x1b")


def test_verbose_2_has_the_epoch_on_a_line_of_its_own(capsys):
    run_epochs(verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[1].startswith("3/3 - 0s - ")


def test_interrupted_bar_ends_its_line(terminal, capsys):
    calls = CallbackList(add_progbar=True, verbose=1, epochs=1, steps=3)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    calls.on_train_batch_end(0, {"loss": 1.0})
    calls.on_train_end()
    assert capsys.readouterr().out.endswith("\n")
