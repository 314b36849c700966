"""The page in a real browser: clicks, keys, training, edits; the numbers on it are the engine's."""

import time

import numpy as np
import pytest

from striate.explore import views

pytestmark = pytest.mark.slow
SIZES = {"lecture": (1920, 1080), "laptop": (1280, 800), "phone": (390, 844)}


def open_layer(page, name):
    page.click(f".row-name:has-text('{name}')")
    page.wait_for_selector(".piece.engine")


def on_page(page):
    return float(page.get_attribute(".piece.engine b >> xpath=..", "data-value"))


def index_on_page(page):
    return tuple(int(i) for i in page.inner_text(".neuron h3").split("[")[1].split("]")[0].split(","))


def wait(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_from_the_network_to_one_number(page, served, pictures_folder):
    session = served[1]
    assert page.inner_text("h1") == "tiny" and page.locator(".row").count() == 1 + len(session.nodes)
    page.screenshot(path=pictures_folder / "network.png")
    page.click(".row:nth-child(2) canvas.strip", position={"x": 60, "y": 20})
    page.wait_for_selector(".piece.engine")
    index = index_on_page(page)
    assert index[-1] == 1, "the second map was clicked"
    expected = views.number(session, "0", index, "sample-0")
    assert on_page(page) == expected["engine"]
    weights = [float(cell.input_value()) for cell in page.locator("input.cell").all()]
    kernel = session.subject.model.layers[0].kernel.numpy()[:, :, 0, 1]
    assert np.allclose(weights, kernel.ravel(), atol=5e-3)
    page.click(".plane canvas.picking", position={"x": 20, "y": 20})
    wait(lambda: index_on_page(page) == (1, 1, 1))
    wait(lambda: on_page(page) == views.number(session, "0", (1, 1, 1), "sample-0")["engine"])
    page.screenshot(path=pictures_folder / "neuron.png", full_page=True)


def test_by_keyboard_alone(page, served):
    page.focus(".row:nth-child(2) .row-name")
    page.keyboard.press("Enter")
    page.wait_for_selector(".piece.engine")
    page.focus(".tile[aria-pressed='true']")
    channel = index_on_page(page)[-1]
    page.keyboard.press("ArrowRight" if channel < 3 else "ArrowLeft")
    page.keyboard.press("Enter")
    wait(lambda: index_on_page(page)[-1] != channel)
    page.focus("canvas.picking")
    before = index_on_page(page)
    page.keyboard.press("ArrowDown" if before[0] < 11 else "ArrowUp")
    wait(lambda: index_on_page(page)[0] != before[0])
    said = page.inner_text("[role=status]")
    assert said.startswith("first ") and str(index_on_page(page)[0]) in said
    page.keyboard.press("Escape")
    page.wait_for_selector(".layers")


def test_an_address_can_be_shared(page, served):
    open_layer(page, "second")
    page.locator(".tile").nth(3).click()
    wait(lambda: index_on_page(page)[-1] == 3)
    number, address = on_page(page), page.url
    assert "token" not in address
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector(".piece.engine")
    assert on_page(other) == number and index_on_page(other) == index_on_page(page)
    other.go_back()
    other.close()


def test_a_kernel_is_edited_and_reset(page, served, pictures_folder):
    session = served[1]
    open_layer(page, "first")
    before = on_page(page)
    page.locator("input.cell").nth(4).fill("1.5")
    page.locator("input.cell").nth(4).press("Tab")
    page.wait_for_selector(".edited-note:not([hidden])")
    wait(lambda: on_page(page) != before)
    index = index_on_page(page)
    assert session.weights("first")[1, 1, 0, index[-1]] == 1.5
    assert on_page(page) == views.number(session, "0", index, "sample-0")["engine"]
    page.screenshot(path=pictures_folder / "edited.png", full_page=True)
    page.select_option(".grids select", "all zero")
    wait(lambda: not session.weights("first")[..., index[-1]].any())
    page.click("text=Reset all")
    page.wait_for_selector(".edited-note", state="hidden")
    wait(lambda: on_page(page) == before)


def test_training_moves_the_page(page, served, pictures_folder):
    session = served[1]
    learner = session.learner
    open_layer(page, "second")
    index, before = index_on_page(page), on_page(page)
    page.click("aside button:has-text('Step')")
    wait(lambda: learner.steps == 1)
    wait(lambda: on_page(page) != before)
    page.click("button.main:has-text('Go on')")
    try:
        wait(lambda: len(learner.epochs) >= 2)
        page.wait_for_selector(".chart svg .smooth")
        page.click("button.main:has-text('Pause')")
    finally:  # A training that runs on would slow the tests behind this one.
        learner.act("pause")
    wait(lambda: learner.phase == "paused")
    wait(lambda: on_page(page) == views.number(session, "2", index, "sample-0")["engine"])
    wait(lambda: "Paused" in page.inner_text("aside"))
    page.screenshot(path=pictures_folder / "training.png", full_page=True)
    # Back through the epochs: the first weights give the first number again.
    page.focus("input[aria-label^='Weights']")
    page.keyboard.press("Home")
    wait(lambda: on_page(page) == pytest.approx(before, abs=0))
    assert "at=0" in page.url
    page.keyboard.press("End")
    wait(lambda: on_page(page) != before)
    page.select_option(".compare select", "0")
    wait(lambda: page.locator(".tile").first.bounding_box()["height"] > 90)
    assert page.locator(".answer-row").count() == 3


COUNTING = """
    window.counted = {messages: 0, views: 0, painted: 0};
    const Source = EventSource, ask = fetch, put = CanvasRenderingContext2D.prototype.putImageData;
    window.EventSource = class extends Source {
        set onmessage(take) { super.onmessage = (event) => { counted.messages++; take(event); }; }
    };
    window.fetch = (address, ...rest) => {
        counted.views += /overview|verdict/.test(address);
        return ask(address, ...rest);
    };
    CanvasRenderingContext2D.prototype.putImageData = function (...all) { counted.painted++; put.apply(this, all); };
"""


def test_a_young_training_is_left_alone_and_what_is_out_of_sight_is_not_painted(chromium, served):
    """Drawings, requests and messages are counted while the page's clock stands still."""
    address, session = served
    learner = session.learner
    learner.act("restart")
    context = chromium.new_context(viewport={"width": 1280, "height": 100})
    tab = context.new_page()
    tab.add_init_script(COUNTING)
    tab.clock.install()
    tab.goto(address)
    tab.wait_for_selector("main[aria-busy=false]")

    def counted():
        return tab.evaluate("({...counted})")

    def step(to):
        wait(lambda: learner.steps >= to)
        before = counted()["messages"]
        wait(lambda: counted()["messages"] > before)
    tab.clock.pause_at(tab.evaluate("Date.now() + 1000"))
    wait(lambda: counted()["messages"] > 0)
    first = counted()
    assert first["views"] == 1, "one view for all that is shown at first"
    learner.act("start")
    try:
        for more in (1, 10, 20):
            step(learner.steps + more)
        assert "Learning" in tab.inner_text("aside")
        assert {**counted(), "messages": 0} == {**first, "messages": 0}, "nothing is asked for or painted"
        tab.clock.run_for(2500)
        step(learner.steps + 10)
        wait(lambda: counted()["views"] == first["views"] + 1)
    finally:
        learner.act("pause")
    wait(lambda: learner.phase == "paused")
    wait(lambda: "Paused" in tab.inner_text("aside"))
    tab.wait_for_selector("main[aria-busy=false]")
    renewed, rows = counted(), tab.locator(".row canvas").count()
    hidden = tab.evaluate("[...document.querySelectorAll('.row canvas')].filter((one) => "
                          "one.getBoundingClientRect().top > innerHeight + 200).length")
    assert hidden, "the window is too large for this test"
    # The rows in sight, and never the input, which stays the same. A row begins above its canvas.
    assert renewed["painted"] - first["painted"] <= (renewed["views"] - first["views"]) * (rows - hidden + 1)
    tab.evaluate("document.querySelector('.row:last-child').scrollIntoView()")
    wait(lambda: counted()["painted"] > renewed["painted"])
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert renewed["painted"] + hidden - 1 <= counted()["painted"] <= renewed["painted"] + hidden
    context.close()


def test_the_lab(page, pictures_folder):
    page.click("header nav button:has-text('Lab')")
    page.wait_for_selector(".formulas code")
    assert "= 12" in page.inner_text(".formulas")
    page.focus(".slider:has-text('stride') input")
    page.keyboard.press("ArrowRight")
    wait(lambda: "/ 2⌋ + 1 = 6" in page.inner_text(".formulas"))
    page.click("text=“valid”")
    wait(lambda: "= 5" in page.inner_text(".formulas"))
    page.screenshot(path=pictures_folder / "lab.png")


def test_own_images(page, served, tmp_path):
    from PIL import Image

    session = served[1]
    picture = tmp_path / "mine.png"
    Image.new("L", (30, 30), 200).save(picture)
    count = len(session.samples)
    page.set_input_files("input[type=file]", picture)
    wait(lambda: len(session.samples) == count + 1)
    wait(lambda: "mine.png" in page.inner_text("aside"))
    added = list(session.samples.values())[-1]
    assert added.values.shape == (12, 12, 1) and np.allclose(added.values, 200 / 255)
    page.click("text=Draw …")
    box = page.locator(".drawing").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 140)
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 140, steps=5)
    page.mouse.up()
    wait(lambda: len(session.samples) == count + 2)
    page.click("text=Done")
    drawn = list(session.samples.values())[-1].values[..., 0]
    assert drawn[5:7, 3:9].min() > 0.5 and drawn[0].max() == 0


def test_the_exported_page_works_alone(page, served, chromium, tmp_path, pictures_folder):
    open_layer(page, "first")
    page.click(".plane canvas.picking", position={"x": 30, "y": 30})
    wait(lambda: index_on_page(page)[:2] == (1, 1))
    number = on_page(page)
    with page.expect_download() as found:
        page.click("text=Save as HTML")
    file = tmp_path / "page.html"
    found.value.save_as(file)
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    alone, complaints = context.new_page(), []
    alone.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    alone.on("pageerror", lambda error: complaints.append(str(error)))
    alone.goto(file.as_uri())
    alone.wait_for_selector(".answer-row")
    assert alone.inner_text(".answer") == page.inner_text(".answer")
    open_layer(alone, "first")
    alone.click(f".tile[aria-label='map {index_on_page(page)[-1]}']")
    alone.click(".plane canvas.picking", position={"x": 30, "y": 30})
    wait(lambda: alone.locator(".piece.engine").count() and on_page(alone) == number)
    alone.screenshot(path=pictures_folder / "exported.png", full_page=True)
    context.close()
    assert not complaints


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(page, served, pictures_folder, size, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(dict(zip(("width", "height"), SIZES[size], strict=True)))
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 29)"
    assert dark == (scheme == "dark")
    for view in ("network", "first", "scores", "Lab"):
        if view == "Lab":
            page.click("header nav button:has-text('Lab')")
            page.wait_for_selector(".formulas code")
        elif view != "network":
            open_layer(page, view)
        page.wait_for_timeout(150)
        wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] <= wide[1], view
        page.screenshot(path=pictures_folder / f"{size}-{scheme}-{view}.png", full_page=True)
        if view not in ("network", "Lab"):
            page.click(".crumbs > button")
            page.wait_for_selector(".layers")


def test_roles_and_names(page):
    for view in ("network", "layer", "lab"):
        if view == "layer":
            open_layer(page, "first")
        elif view == "lab":
            page.click("header nav button:has-text('Lab')")
            page.wait_for_selector(".formulas code")
        nameless = page.evaluate("""() => [...document.querySelectorAll('button, input, select, canvas[tabindex]')]
            .filter(e => e.offsetParent && !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
            .map(e => e.outerHTML)""")
        assert nameless == []
        assert page.locator("main").count() == 1 and page.locator("h1").count() == 1
        assert page.locator("[aria-live=polite][role=status]").count() == 1


def test_markup_in_names_stays_text(chromium):
    """A hostile model: names of the model, of classes and of images that would be scripts as markup."""
    from explore_tiny import make_subject, pictures, serving

    from striate.explore.session import Session
    from striate.explore.subject import Sample

    evil = "<img src=x onerror=\"document.title='owned'\">"
    sample = Sample(evil, (pictures(1)[0][0] / 255).astype(np.float32))
    session = Session(make_subject(None, False, samples=(sample,), classes=(evil, "b", "c"), said=evil, why_not=evil))
    with serving(session) as address:
        tab = chromium.new_page()
        tab.goto(address)
        tab.wait_for_selector(".answer-row")
        tab.wait_for_timeout(200)
        assert tab.title() == "tiny · striate explore" and tab.locator("img").count() == 0
        assert evil in tab.inner_text("header")
        tab.close()


def test_other_pages_get_nothing(chromium, served, tmp_path):
    """A page of another origin in the same browser, which even has the cookie: no read, no write, no frame."""
    import http.server
    import threading

    address, session = served
    home = address.split("/?")[0]
    (tmp_path / "index.html").write_text("<!doctype html><title>other</title>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path))

        def log_message(self, *arguments):
            pass
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    context = chromium.new_context()
    tab = context.new_page()
    tab.goto(address)
    tab.wait_for_selector(".answer-row")
    tab.goto(f"http://127.0.0.1:{other.server_address[1]}/")
    steps = session.learner.steps
    read = tab.evaluate("""home => fetch(home + '/api/state', {credentials: 'include'})
        .then(answer => answer.text(), error => 'refused')""", home)
    assert read == "refused"
    tab.evaluate("""home => fetch(home + '/api/train', {method: 'POST', mode: 'no-cors', credentials: 'include',
        headers: {'content-type': 'text/plain'}, body: '{"action":"step"}'}).catch(() => 0)""", home)
    framed = tab.evaluate("""home => new Promise(done => { const frame = document.createElement('iframe');
        frame.src = home + '/'; frame.onload = () => { try { done(String(frame.contentDocument?.title ?? 'blocked')) }
        catch { done('blocked') } }; document.body.append(frame); setTimeout(() => done('blocked'), 3000) })""", home)
    assert framed in ("blocked", "")
    time.sleep(0.2)
    assert session.learner.steps == steps
    context.close()
    other.shutdown()
    other.server_close()
