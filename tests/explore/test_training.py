"""Live training: the same as `fit`, and it can be paused, stepped, scrubbed and begun anew."""

import threading
import time

import numpy as np
import pytest
from explore_tiny import make_subject, prepare, small_network

from striate import utils
from striate.explore import views

STEPS = 6  # 84 pictures, 16 a step


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def weights(model):
    return [variable.numpy() for variable in model.variables]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.slow
def test_steps_are_made_one_by_one(session):
    learner = session.learner
    for count in (1, 2, 3):
        learner.act("step")
        wait_for(lambda count=count: learner.steps == count and learner.phase == "paused")
    time.sleep(0.05)
    assert learner.steps == 3 and [step for step, _, _ in learner.status()["points"]] == [1, 2, 3]
    assert learner.status(since=2)["points"][0][0] == 3 and learner.status(since=3)["points"] == []


def test_pause_holds_and_start_goes_on(session):
    learner = session.learner
    learner.act("start")
    wait_for(lambda: learner.steps > 3)
    learner.act("pause")
    wait_for(lambda: not learner._inside)
    held = learner.steps
    time.sleep(0.1)
    assert learner.steps == held and learner.phase == "paused"
    learner.act("start")
    wait_for(lambda: learner.steps > held + 3)


def test_it_is_the_training_of_fit(session):
    utils.set_random_seed(11)
    plain = prepare(small_network())
    data = make_subject().data
    utils.set_random_seed(11)
    plain.fit(data.x, data.y, batch_size=16, epochs=2, verbose=0)
    utils.set_random_seed(11)
    learner = session.learner
    learner.act("start", 2)
    wait_for(lambda: learner.phase == "paused" and len(learner.epochs) == 2)
    assert learner.steps == 2 * STEPS
    assert same(learner.snapshots[2], weights(plain))


def test_views_never_disturb_the_training(session):
    learner = session.learner
    utils.set_random_seed(5)
    learner.act("start", 3)
    while len(learner.epochs) < 3:
        views.overview(session, "sample-0")
        views.layer(session, "0", "sample-1", what="gradients")
    wait_for(lambda: learner.phase == "paused")
    looked = learner.snapshots[3]
    learner.act("restart")
    assert same(weights(session.subject.model), learner.snapshots[0]) and learner.steps == 0
    utils.set_random_seed(5)
    learner.act("start", 3)
    wait_for(lambda: learner.phase == "paused" and len(learner.epochs) == 3)
    assert same(learner.snapshots[3], looked)


def test_epochs_can_be_looked_at_again(session):
    learner = session.learner
    first = views.overview(session, "sample-0")
    learner.act("start", 2)
    wait_for(lambda: learner.phase == "paused" and len(learner.epochs) == 2)
    assert sorted(learner.snapshots) == [0, 1, 2]
    assert views.overview(session, "sample-0", "0")["layers"] == first["layers"]
    assert views.overview(session, "sample-0", "2")["layers"] == views.overview(session, "sample-0")["layers"]
    assert views.overview(session, "sample-0", "1")["layers"] != first["layers"]
    assert "after epoch 1" in views.overview(session, "sample-0", "1")["said"]
    assert views.provenance(session, "0") == session.subject.said


def test_a_view_says_after_how_many_steps_it_was_made(session):
    learner = session.learner
    learner.act("start", 1)
    wait_for(lambda: learner.phase == "paused" and learner.epochs)
    assert views.overview(session, "sample-0")["steps"] == views.verdict(session, "sample-1")["steps"] == STEPS
    assert learner.status(since=STEPS - 2)["points"] == learner.points[-2:]
    learner.act("restart")
    assert views.verdict(session, "sample-0")["steps"] == 0


def test_edits_lie_over_a_running_training(session):
    views.edit(session, "0", 0, 1, np.zeros(9, np.float32))
    session.learner.act("start", 1)
    wait_for(lambda: session.learner.phase == "paused" and session.learner.epochs)
    assert not session.weights("first")[..., 1].any() and session.weights("first")[..., 0].any()
    assert session.subject.model.layers[0].kernel.numpy()[..., 1].any()


def test_losses_are_those_of_single_batches(session):
    learner = session.learner
    learner.act("start", 1)
    wait_for(lambda: learner.epochs)
    losses = [loss for _, loss, _ in learner.points]
    sizes = [16] * 5 + [4]
    # Keras weighs batches by their size; only the last, smaller one makes a difference.
    assert np.average(losses[:5], weights=sizes[:5]) == pytest.approx(np.mean(losses[:5]), rel=1e-6)
    assert all(np.isfinite(losses)) and len(set(losses)) == len(losses)


def test_old_snapshots_are_thinned(session, monkeypatch):
    from striate.explore import learner as module

    monkeypatch.setattr(module, "SNAPSHOT_BYTES", 1)
    session.learner.act("start", 7)
    wait_for(lambda: session.learner.phase == "paused" and len(session.learner.epochs) == 7)
    kept = sorted(session.learner.snapshots)
    assert len(kept) <= 4 and kept[0] == 0 and kept[-1] == 7


def test_a_failed_training_says_why(session):
    session.learner.data = type(session.learner.data)("bad", session.learner.data.x, np.full(84, 99),
                                                      session.learner.data.validation, 16, session.learner.data.prepare)
    session.learner.act("start")
    wait_for(lambda: session.learner.phase == "failed")
    assert "99" in session.learner.problem
    with session.learner.between_steps():
        pass


def test_closing_ends_the_thread(session):
    session.learner.act("start")
    wait_for(lambda: session.learner.steps > 1)
    session.learner.close()
    assert not any(thread.name == "striate-explore-training" for thread in threading.enumerate())


def test_routes_of_the_training(client, session):
    assert client.post("/api/train", json={"action": "step"}).status_code == 200
    wait_for(lambda: session.learner.steps == 1)
    assert client.get("/api/training").json()["steps"] == 1
    assert client.post("/api/train", json={"action": "restart"}).json()["steps"] == 0
