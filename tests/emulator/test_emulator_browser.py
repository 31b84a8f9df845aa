"""The page in a real browser: the system's Chromium, by its path. `nox -s browser` runs it."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from raw_api import ACCOUNT, Api, code, vector

from cf_vectorize_emulator import Settings, Visibility, serve

playwright = pytest.importorskip("playwright.sync_api", reason="the page is tried in a browser by `nox -s browser`")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path: apt-get install chromium")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

NARROW, WIDE = {"width": 420, "height": 860}, {"width": 1280, "height": 900}
LONG = "an-index-whose-name-is-as-long-as-a-name-may-be-which-is-64-char"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    settings = getattr(request, "param", Settings(visibility=Visibility.parse("immediately")))
    with (
        serve(settings) as server,
        httpx.Client(base_url=server.base_url.removesuffix("/client/v4"), timeout=60) as client,
    ):
        yield Api(client, "i", emulator=server.emulator, token=settings.token or "any-token")


@pytest.fixture(params=[WIDE, NARROW], ids=["wide", "narrow"])
def page(browser: Browser, api: Api, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport=request.param, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    mistakes: list[str] = []
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    page.on("console", lambda message: mistakes.append(message.text) if "Content Security" in message.text else None)
    page.goto(str(api.client.base_url))
    yield page
    context.close()
    assert mistakes == []


def expect(locator: Locator) -> Any:
    return playwright.expect(locator)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def rows(page: Page) -> Locator:
    return page.locator("#requests tbody tr")


def too_wide(page: Page) -> list[str]:
    """Name what needs a scrollbar across: the page itself, or a part of it that scrolls."""
    return page.evaluate(  # type: ignore[no-any-return]
        "[document.documentElement, ...document.querySelectorAll('.scroll, dialog[open], #vector, pre')]"
        ".filter(item => item.scrollWidth > item.clientWidth).map(item => item.id || item.tagName)"
    )


def test_nothing_is_wider_than_the_window(page: Page, api: Api) -> None:
    api.index = LONG
    api.insert(*(vector(f"{number}" + "x" * 60, metadata={"a": "b" * 200}) for number in range(30)))
    api.emulator.set_visibility("held")  # type: ignore[union-attr]
    api.insert(vector("held"))
    api.post("metadata_index/create", content=b"")
    api.client.post("/__emulator__/faults", json={"status": 500, "message": "m" * 300})
    expect(page.locator("#indexes tbody tr")).to_have_count(1)
    expect(page.locator("#vector svg")).to_be_visible()
    expect(page.locator("#pending")).to_contain_text("when released")
    assert too_wide(page) == []
    rows(page).first.click()
    expect(page.locator("#opened")).to_be_visible()
    assert too_wide(page) == []


def test_a_failing_loader_is_understood_from_the_page_alone(page: Page, api: Api) -> None:
    api.client.post("/__emulator__/faults", json=[{"status": 503, "html": True, "message": "Away <b>"}])
    bad = b'{"id":"first","values":[' + b"1," * 31 + b'1]}\n{"id":"<i>","values":[1,null]}\n'
    for _ in range(2):
        api.send(bad)
    expect(rows(page)).to_have_count(2)
    expect(rows(page).nth(0)).to_contain_text("40023")
    expect(rows(page).nth(1)).to_contain_text("503")
    rows(page).nth(0).click()
    opened = page.locator("#opened")
    expect(opened).to_contain_text("line Some(1) was not expected format")
    expect(opened.locator("#line")).to_have_text("Line 2: values[1] is not a number")
    expect(opened.locator("pre")).to_have_text('{"id":"<i>","values":[1,null]}')
    expect(opened).to_contain_text("application/x-ndjson")
    expect(opened).to_contain_text("(hidden)")
    expect(opened.locator("#attempts")).to_contain_text("503")
    opened.get_by_role("button", name="#1").click()
    expect(opened).to_contain_text("Away <b>")
    expect(opened).to_contain_text("made by an injected fault")
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()


def test_only_failed_requests_are_shown_where_asked_for(page: Page, api: Api) -> None:
    api.insert(vector("a"))
    api.send(b"{")
    expect(rows(page)).to_have_count(2)
    page.get_by_role("checkbox", name="failed only").check()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("40023")


def test_vectors_are_held_and_released(page: Page, api: Api) -> None:
    button(page, "Hold").click()
    expect(page.locator("#visibility")).to_contain_text("when released (held)")
    api.insert(vector("a"), vector("b"))
    expect(page.locator("#pending tbody tr")).to_have_count(1)
    expect(page.locator("#vector")).to_contain_text("accepted, not readable yet")
    assert api.get("a").json()["result"] == []
    button(page, "Release").click()
    expect(page.locator("#pending")).to_contain_text("everything that was accepted can be read")
    assert set(api.found("a", "b")) == {"a", "b"}
    page.get_by_label("Seconds until readable").fill("60")
    page.locator("#set-visibility").get_by_role("button", name="Set").click()
    expect(page.locator("#visibility")).to_contain_text("after 60 s")
    button(page, "Immediately").click()
    expect(page.locator("#visibility")).to_contain_text("immediately")


def test_faults_are_injected_and_cleared(page: Page, api: Api) -> None:
    page.get_by_label("Kind of fault").select_option("429, throttled")
    button(page, "Inject").click()
    expect(page.locator("#faults")).to_contain_text('{"status":429,"code":971,"headers":{"retry-after":"5"}}')
    answer = api.insert(vector("a"))
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, 971, "5")
    expect(page.locator("#faults")).to_contain_text("None is waiting")
    page.get_by_label("Fault as JSON").fill('{"status": 599, "times": null}')
    button(page, "Inject").click()
    expect(page.locator("#faults")).to_contain_text('{"times":null,"status":599}')
    assert api.insert(vector("a")).status_code == 599
    button(page, "Clear").click()
    expect(page.locator("#faults")).to_contain_text("None is waiting")
    assert api.insert(vector("a")).status_code == 200


def test_every_kind_of_fault_that_is_offered_is_one(page: Page, api: Api) -> None:
    kinds = page.locator("#preset option").all_inner_texts()
    assert len(kinds) > 9
    for number, kind in enumerate(kinds, 1):
        page.get_by_label("Kind of fault").select_option(kind)
        button(page, "Inject").click()
        expect(page.locator("#faults li")).to_have_count(number)
        expect(page.locator("#said")).to_be_hidden()
    assert len(api.client.get("/__emulator__/faults").json()) == len(kinds)


def test_what_is_refused_is_said(page: Page) -> None:
    page.get_by_label("Fault as JSON").fill('{"statsu": 500}')
    button(page, "Inject").click()
    expect(page.get_by_role("alert")).to_contain_text("fault 0: unknown statsu; known: endpoint")
    page.get_by_label("Fault as JSON").fill("{")
    button(page, "Inject").click()
    expect(page.get_by_role("alert")).to_contain_text("The fault is not JSON")
    page.get_by_label("Requests per seconds").fill("many")
    page.locator("#set-rate").get_by_role("button", name="Set").click()
    expect(page.get_by_role("alert")).to_contain_text("rate 'many' is not REQUESTS/SECONDS")
    button(page, "Hold").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_rate_limit_is_set_and_lifted(page: Page, api: Api) -> None:
    page.get_by_label("Requests per seconds").fill("1/300")
    page.locator("#set-rate").get_by_role("button", name="Set").click()
    expect(page.locator("#rate")).to_contain_text("1 requests in 300 s")
    assert [api.insert(vector("a")).status_code for _ in range(2)] == [200, 429]
    button(page, "Lift").click()
    expect(page.locator("#rate")).to_contain_text("None is kept")
    assert api.insert(vector("a")).status_code == 200


def test_an_index_is_reset_after_a_question_and_only_then(page: Page, api: Api) -> None:
    api.insert(vector("a"), vector("b"))
    other = Api(api.client, "other")
    other.insert(vector("c"))
    row = page.locator("#indexes tbody tr", has=page.get_by_role("button", name="i", exact=True))
    row.get_by_role("button", name="Reset").click()
    expect(page.locator("#question")).to_have_text(f"Delete the index i of account {ACCOUNT} with its 2 vectors?")
    button(page, "Cancel").click()
    assert set(api.found("a")) == {"a"}
    row.get_by_role("button", name="Reset").click()
    page.locator("#confirm").get_by_role("button", name="Reset").click()
    expect(page.locator("#indexes tbody tr")).to_have_count(1)
    assert code(api.get("a")) == 3000
    assert set(other.found("c")) == {"c"}


def test_everything_is_reset_after_a_question_and_only_then(page: Page, api: Api) -> None:
    api.insert(vector("a"))
    api.client.put("/__emulator__/rate-limit", json={"rate": "500/60"})
    expect(page.locator("#indexes tbody tr")).to_have_count(1)
    button(page, "Reset everything").click()
    page.keyboard.press("Escape")
    assert set(api.found("a")) == {"a"}
    button(page, "Reset everything").click()
    expect(page.locator("#question")).to_contain_text("Delete 1 indexes with 1 vectors")
    page.locator("#confirm").get_by_role("button", name="Reset").click()
    expect(page.locator("#indexes")).to_contain_text("None yet")
    expect(page.locator("#requests")).to_contain_text("None yet")
    expect(page.locator("#rate")).to_contain_text("None is kept")
    assert code(api.get("a")) == 3000


def test_ids_are_searched_paged_and_shown(page: Page, api: Api) -> None:
    api.insert(*(vector(f"doc-{number:02}", number, metadata={"n": number}) for number in range(60)))
    ids = page.locator("#ids button")
    expect(ids).to_have_count(24)
    button(page, "Next").click()
    expect(ids.first).to_have_text("doc-24")
    button(page, "Next").click()
    expect(ids).to_have_count(12)
    expect(button(page, "Next")).to_be_hidden()
    button(page, "First").click()
    expect(ids.first).to_have_text("doc-00")
    page.get_by_label("Search ids").fill("-5")
    button(page, "Search").click()
    expect(ids).to_have_count(10)
    ids.nth(3).click()
    expect(page.locator("#vector")).to_contain_text('{"n":53}')
    expect(page.locator("#vector")).to_contain_text("32 values, 53 to 53")
    page.get_by_label("Search ids").fill("nobody")
    button(page, "Search").click()
    expect(page.locator("#vector")).to_have_text("No id holds this text.")


def test_the_three_variables_are_copied(page: Page, api: Api) -> None:
    button(page, "Copy variables").click()
    expect(button(page, "Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").splitlines() == [
        f"export CLOUDFLARE_BASE_URL={str(api.client.base_url).rstrip('/')}/client/v4",
        f"export CLOUDFLARE_ACCOUNT_ID={ACCOUNT}",
        "export CLOUDFLARE_API_TOKEN=any-token",
    ]


def test_what_clients_send_becomes_text_never_markup(page: Page, api: Api) -> None:
    evil = "<img src=x onerror=document.title=1>"
    api.insert(vector(evil, metadata={"k": evil}, namespace=evil))
    api.post("insert", content=b"", headers={"X-Evil": evil, "Content-Type": evil})
    api.client.get(f"/client/v4/{evil}")
    expect(page.locator("#vector dd code").first).to_have_text(evil)
    expect(rows(page)).to_have_count(3)
    for number in range(3):
        rows(page).nth(number).click()
        expect(page.locator("#opened")).to_be_visible()
        page.keyboard.press("Escape")
    assert page.locator("img").count() == 1, "the page's own"
    expect(page).to_have_title("Local Vectorize")


def test_browsers_fill_the_list_with_nothing(page: Page) -> None:
    expect(page.locator("#live")).to_contain_text("live")
    page.reload()
    expect(page.locator("#requests")).to_contain_text("None yet")
    expect(page.locator("#count")).to_have_text("0 since the start")


@pytest.mark.parametrize("api", [Settings(token="s3cret/token=")], indirect=True)
@pytest.mark.parametrize("page", [WIDE], indirect=True)
def test_the_page_asks_for_the_token_and_keeps_it_for_the_tab(page: Page, api: Api) -> None:
    assert api.insert(vector("a")).is_success
    field = page.get_by_label("This emulator was started with a token.")
    expect(field).to_be_visible()
    expect(page.locator("#main")).to_be_hidden()
    field.fill("wrong")
    button(page, "Open").click()
    expect(page.locator("#refused")).to_have_text("Invalid access token")
    field.fill("s3cret/token=")
    button(page, "Open").click()
    expect(page.locator("#indexes tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("#indexes tbody tr")).to_have_count(1)
    button(page, "Hold").click()
    expect(page.locator("#visibility")).to_contain_text("held")


@pytest.mark.parametrize("api", [Settings(token="s3cret/token=")], indirect=True)
def test_the_printed_address_opens_the_page_and_the_token_leaves_the_address(browser: Browser, api: Api) -> None:
    page = browser.new_page()
    page.goto(f"{api.client.base_url}#token=s3cret%2Ftoken%3D")
    expect(page.locator("#main")).to_be_visible()
    expect(page.locator("#rate")).to_contain_text("None is kept")
    assert page.url.rstrip("/") == str(api.client.base_url)
    assert json.loads(page.evaluate("JSON.stringify(sessionStorage)")) == {"token": "s3cret/token="}
    page.close()
    other = browser.new_page()
    other.goto(str(api.client.base_url))
    expect(other.locator("#unlock")).to_be_visible()
    other.close()


def test_a_server_that_is_gone_is_told(browser: Browser) -> None:
    page = browser.new_page()
    with serve() as server:
        page.goto(server.base_url.removesuffix("client/v4"))
        expect(page.locator("#live")).to_contain_text("live")
    expect(page.locator("#live")).to_have_text("the server does not answer")
    expect(page.locator("#live")).to_have_class(re.compile("lost"))
    page.close()
