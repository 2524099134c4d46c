//! The board: log-in, a card that comes by itself, taps of two colleagues, the handover.

use demo::stack::STAFF;
use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use firmware_sim::phone::Consent;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::{EVA, Shop, choose, log_in, now_ms};

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_wrong_password_says_how_many_tries_are_left_and_the_right_one_opens_the_board",
            &[Tool::Chromium],
            tries_are_told,
        ),
        test(
            "a_customer_who_says_she_is_here_is_taken_and_handed_her_order_on_every_screen",
            &[Tool::Chromium],
            served,
        ),
        test(
            "what_is_for_adults_is_handed_over_once_a_colleague_says_that_she_looked",
            &[Tool::Chromium],
            adults,
        ),
    ]
}

async fn adults() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let body = json!({
        "external_id": "1042-18", "store": shop.rig.stack.store, "customer": eva,
        "lines": [{ "sku": "SCHOEN-39", "quantity": 1 }, { "sku": "LAMP-BOOG", "quantity": 1 }],
        "state": "ready", "code": "7419", "age_checked": true, "lines_ready": 1,
    });
    shop.rig
        .stack
        .api
        .post::<Value>("/v1/orders", &body)
        .await?;
    let app = shop.app(eva).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    let here = app.here(now_ms(), &shop.rig.stack.store);
    app.send_here(&here).await?;
    let board = shop.board(Reader::default(), STAFF).await?;
    board.until_says(".card", "1 van 2 regels klaar").await?;
    board.until_says(".card", "Leeftijd controleren").await?;
    board.click("[data-do=take]").await?;
    board.type_into(".code-field", "7419").await?;
    board.click("[data-do=hand-over]").await?;
    board
        .until_says(".code-entry output", "Kijk nu naar het ID")
        .await?;
    board.click(".age input").await?;
    board.click("[data-do=hand-over]").await?;
    board.until_says(".card .state", "Overhandigd").await
}

async fn tries_are_told() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let page = shop.page(Reader::default()).await?;
    page.goto("/staff/kade-9").await?;
    page.until("location.pathname === '/login'").await?;
    log_in(&page, STAFF.0, "welkom-in-de-keuken").await?;
    page.until_says("[role=alert]", "na nog 4 keer wachten we even")
        .await?;
    page.type_into("#password", STAFF.1).await?;
    page.click("button[type=submit]").await?;
    page.until("location.pathname === '/staff/kade-9'").await?;
    page.until_says("#main", "Niemand wacht").await
}

async fn served() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    shop.hire("daan", "Daan").await?;
    let eva = shop.customer(&EVA).await?;
    shop.ready_order(eva, "1042-7731", "B12", "SCHOEN-39")
        .await?;
    let sanne = shop.board(Reader::default(), STAFF).await?;
    let daan = shop.board(Reader::default(), ("daan", STAFF.1)).await?;
    let phone = shop.phone(Reader::default(), eva).await?;
    phone
        .until_says("#bestellingen", "Je bestelling ligt klaar")
        .await?;

    // Nobody may know of her before she says so.
    phone.click("form.here button").await?;
    phone
        .until_says("#said", "Zet hieronder “Aankomst voor mijn bestelling” aan")
        .await?;
    choose(&phone, "arrival", "yes").await?;
    phone.until_says("#choices-said", "staat aan").await?;

    // A mark on the page goes with any reload.
    sanne.value("window.opened_once = true").await?;
    phone.click("form.here button").await?;
    sanne
        .until_says("[data-cards=now] .card", "Mevrouw De Vries")
        .await?;
    let card = sanne.text("[data-cards=now] .card").await?;
    for fact in ["B12", "1042-7731", "Is er", "Entree"] {
        anyhow::ensure!(card.contains(fact), "no {fact} on the card: {card}");
    }
    sanne.until("window.opened_once === true").await?;
    phone.until_says("#bestellingen", "Gezien om").await?;

    sanne.click("[data-do=take]").await?;
    sanne.until_says(".card .state", "Jij gaat").await?;
    daan.until_says("[data-cards=taken] .card", "Sanne gaat")
        .await?;

    sanne.type_into(".code-field", "0000").await?;
    sanne.click("[data-do=hand-over]").await?;
    sanne.until_says(".code-entry output", "Nog 4 keer").await?;
    sanne
        .until(
            "document.activeElement.matches('.code-field') && document.activeElement.selectionEnd - \
             document.activeElement.selectionStart === 4",
        )
        .await?;
    sanne.keys("7419").await?;
    sanne.click("[data-do=hand-over]").await?;
    // The card stays under the finger, with the way back.
    sanne.until_says(".card .state", "Overhandigd").await?;
    sanne.until_says("#strip", "vandaag overhandigd\n1").await?;
    phone
        .until_says("#bestellingen", "Niets om op te halen")
        .await?;
    sanne.click("[data-do=undo]").await?;
    sanne.until_says(".card .state", "Jij gaat").await?;
    sanne.until_says("#strip", "vandaag overhandigd\n0").await?;
    phone.until_says("#bestellingen", "Gezien om").await?;
    sanne.type_into(".code-field", "7419").await?;
    sanne.click("[data-do=hand-over]").await?;
    sanne.until_says(".card .state", "Overhandigd").await?;
    daan.until_says("[data-cards=done] .card", "Overhandigd")
        .await?;
    phone
        .until_says("#bestellingen", "Niets om op te halen")
        .await?;
    let said = phone.text("body").await?;
    anyhow::ensure!(!said.contains("Er komt iemand"), "nobody comes: {said}");
    sanne.until("window.opened_once === true").await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}
