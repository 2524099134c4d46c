//! Somebody else collects what she shared; and the door's short link.

use demo::stack::STAFF;
use e2e::{
    browser::{Page, Reader},
    harness::{Tool, axe, test},
};
use firmware_sim::phone::Consent;
use libtest_mimic::Trial;
use serde::Deserialize;
use serde_json::json;

use super::{EVA, Shop, now_ms};

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "somebody_with_her_link_says_that_he_is_here_and_is_handed_her_order_by_a_code_of_its_own",
            &[Tool::Chromium],
            collected,
        ),
        test(
            "an_app_shares_an_order_once_and_takes_it_back",
            &[Tool::Chromium],
            by_app,
        ),
        test(
            "the_doors_link_says_nothing_until_its_button_is_pressed",
            &[Tool::Chromium],
            at_the_door,
        ),
    ]
}

async fn no_flaws(page: &Page, what: &str) -> anyhow::Result<()> {
    if axe().is_ok() {
        let flaws = page.flaws().await?;
        anyhow::ensure!(flaws.is_empty(), "{what}: {flaws:#?}");
    }
    Ok(())
}

/// From the address of a link what is behind the host.
fn path_of(link: &str) -> &str {
    link.find("/ophalen/").map_or("", |at| &link[at..])
}

async fn collected() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let number = "1042-7731";
    shop.ready_order(eva, number, "B12", "SCHOEN-39").await?;
    let app = shop.app(eva).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    let page = shop.phone(Reader::default(), eva).await?;
    let board = shop.board(Reader::default(), STAFF).await?;

    page.click("form.share button[value=share]").await?;
    page.until("location.pathname === '/ik/ophalen'").await?;
    no_flaws(&page, "her link").await?;
    let link = page.value("document.querySelector('#link').value").await?;
    let path = path_of(link.as_str().unwrap_or_default()).to_owned();

    // Another phone, which knows nobody.
    let his = shop.page(Reader::default()).await?;
    his.goto(&path).await?;
    his.until_says("h1", "Eva").await?;
    let said = his.text("main").await?;
    anyhow::ensure!(
        said.contains(number) && !said.contains("Wandelschoen"),
        "{said}"
    );
    anyhow::ensure!(!said.contains("B12") && !said.contains("7419"), "{said}");
    no_flaws(&his, "his page").await?;
    board.until("!document.querySelector('.card')").await?;
    let code = his.text(".code [aria-hidden]").await?;
    his.click("form.here button").await?;
    his.until_says(".seen", "Er komt iemand naar je toe")
        .await?;
    no_flaws(&his, "his page, seen").await?;

    let card = "[data-cards=now] .card";
    board.until_says(card, "Iemand anders haalt op").await?;
    page.goto("/ik").await?;
    page.until_says("#bestellingen", "kwam er iemand voor je bestelling")
        .await?;
    board.click("[data-do=take]").await?;
    board.until_says(".card .state", "Jij gaat").await?;
    board.type_into(".code-field", code.trim()).await?;
    board.click("[data-do=hand-over]").await?;
    board.until_says(".card .state", "Overhandigd").await?;
    board
        .until_says(".card", "opgehaald door iemand anders")
        .await?;
    his.goto(&path).await?;
    his.until_says("h1", "werkt niet meer").await?;
    no_flaws(&his, "a link that is over").await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn by_app() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    #[derive(Deserialize)]
    struct Made {
        order: String,
    }
    let body = json!({
        "external_id": "1042-1", "store": shop.rig.stack.store, "customer": eva,
        "lines": [{ "sku": "SCHOEN-39", "quantity": 1 }], "state": "ready", "code": "7419",
    });
    let Made { order } = shop.rig.stack.api.post("/v1/orders", &body).await?;
    let app = shop.app(eva).await?;
    let refused = app.send_share(&app.share(now_ms(), &order)).await;
    let said = format!(
        "{:#}",
        refused
            .err()
            .map(anyhow::Error::from)
            .unwrap_or_else(|| anyhow::anyhow!("not refused"))
    );
    anyhow::ensure!(said.contains("A switch is off"), "{said}");
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    let share = app.share(now_ms() + 1_000, &order);
    let shared = app.send_share(&share).await?;
    let again = app.send_share(&share).await;
    anyhow::ensure!(again.is_err(), "one signature, two links");
    let his = shop.page(Reader::default()).await?;
    his.goto(&shared.path).await?;
    his.until_says(".code", &shared.code).await?;
    app.send_unshare(&app.unshare(now_ms() + 2_000, &order))
        .await?;
    his.goto(&shared.path).await?;
    his.until_says("h1", "werkt niet meer").await
}

async fn at_the_door() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    shop.ready_order(eva, "1042-7731", "B12", "SCHOEN-39")
        .await?;
    let app = shop.app(eva).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    let door = "/h/kade-9";
    let nobody = shop.page(Reader::default()).await?;
    nobody.goto(door).await?;
    nobody.until_says("h2", "kennen we nog niet").await?;
    no_flaws(&nobody, "the door, of nobody").await?;

    let page = shop.phone(Reader::default(), eva).await?;
    let board = shop.board(Reader::default(), STAFF).await?;
    page.goto(door).await?;
    page.until_says("button", "Ik ben er").await?;
    no_flaws(&page, "the door").await?;
    board.until("!document.querySelector('.card')").await?;
    page.click("main form button").await?;
    page.until_says(".notice", "Gezien").await?;
    board
        .until_says("[data-cards=now] .card", "De Vries")
        .await?;

    shop.hire_as("manager", "noor", "Noor").await?;
    let desk = shop.board(Reader::default(), ("noor", STAFF.1)).await?;
    desk.goto("/manage/kade-9/fleet").await?;
    desk.click(".poster-way a").await?;
    desk.until_says(".poster-link", door).await?;
    no_flaws(&desk, "the poster").await
}
