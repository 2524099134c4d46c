//! Her list as a walk, the search, the stamp card, and the till that takes its code.

use demo::stack::STAFF;
use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use firmware_sim::{http::Nothing, phone::Consent};
use libtest_mimic::Trial;
use serde_json::json;

use super::{EVA, Shop, keys::tab_to, now_ms};

const ENTER: &str = "\u{e007}";

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "her_wishlist_is_a_walk_from_where_she_stands_and_anything_can_be_looked_up",
            &[Tool::Chromium],
            walks_and_looks,
        ),
        test(
            "what_a_visit_earns_stands_on_her_open_page",
            &[Tool::Chromium],
            earns_before_her_eyes,
        ),
        test(
            "keys_alone_join_the_programme_and_redeem_at_the_till_once",
            &[Tool::Chromium],
            joins_and_redeems,
        ),
    ]
}

async fn walks_and_looks() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let app = shop.app(eva).await?;
    let page = shop.phone(Reader::default(), eva).await?;
    page.until("!document.querySelector('#wandeling')").await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    for sku in ["SCHOEN-39", "LAMP-BOOG"] {
        shop.wish(eva, sku).await?;
    }
    shop.stand_at(&app, "schoenen").await?;
    page.until_says("#berichten article", "Wandelschoen 39")
        .await?;
    page.goto("/ik").await?;
    page.until_says("#wandeling", "2 van 2 hier").await?;
    page.until_says("#wandeling .lit", "Schoenen: hier ben je, denken we")
        .await?;
    page.until_says("#wandeling .lit", "Wandelschoen 39")
        .await?;
    page.until_says("#wandeling .lit ~ li", "Booglamp").await?;

    tab_to(&page, "a[href=\"/ik/zoek\"]").await?;
    page.keys(ENTER).await?;
    page.until("document.activeElement.matches('#q')").await?;
    page.keys(&format!("boog lamp{ENTER}")).await?;
    page.until_says(".found", "Booglamp").await?;
    page.until("document.querySelectorAll('.found li').length === 1")
        .await?;
    page.until("document.querySelector('#q').value === 'boog lamp'")
        .await?;
    page.goto("/ik/zoek?q=eenhoorn").await?;
    page.until_says("[role=status]", "Niets gevonden met “eenhoorn”")
        .await?;
    // Nobody who is a stranger looks into the shop's stock by her page.
    let stranger = shop.page(Reader::default()).await?;
    stranger.goto("/ik/zoek?q=lamp").await?;
    stranger.until("!document.querySelector('.found')").await
}

async fn earns_before_her_eyes() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let api = &shop.rig.stack.api;
    let eva = shop.customer(&EVA).await?;
    let rule = json!({
        "counts": ["visit"], "every": 1, "valid_days": 30,
        "name": {"nl": "een koffie", "en": "a coffee"},
    });
    let _: Nothing = api.put("/v1/loyalty/rules/coffee", &rule).await?;
    let app = shop.app(eva).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    app.join("2026-11", "nl").await?;
    let page = shop.phone(Reader::default(), eva).await?;
    page.until_says(".link-state", "Live").await?;
    page.until_says("#stempels", "Nog geen stempel.").await?;
    shop.stand_at(&app, "schoenen").await?;
    page.until_says("#stempels .pass", "een koffie").await
}

async fn joins_and_redeems() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let api = &shop.rig.stack.api;
    let eva = shop.customer(&EVA).await?;
    let rule = json!({
        "counts": ["purchase_online", "purchase_store"], "every": 2, "valid_days": 30,
        "name": {"nl": "een koffie", "en": "a coffee"},
    });
    let _: Nothing = api.put("/v1/loyalty/rules/coffee", &rule).await?;
    let page = shop.phone(Reader::default(), eva).await?;
    page.until_says(
        "#stempels",
        "Bij elke 2 aankopen, in de winkel of online: een koffie.",
    )
    .await?;
    tab_to(&page, "#stempels [value=join]").await?;
    page.keys(ENTER).await?;
    page.until_says("#stempels", "Nog geen stempel.").await?;
    for number in ["1", "2"] {
        let receipt = json!({
            "receipt": number, "store": null, "at_ms": now_ms(), "total_minor": 2_000,
            "currency": "EUR", "lines": [],
        });
        let _: Nothing = api
            .post(&format!("/v1/customers/{eva}/receipts"), &receipt)
            .await?;
    }
    page.goto("/ik").await?;
    page.until_says("#stempels .pass", "een koffie").await?;
    page.until("document.querySelector('#stempels .qr svg') !== null")
        .await?;
    let code = page.text("#stempels .code [aria-hidden]").await?;

    let till = shop.board(Reader::default(), STAFF).await?;
    tab_to(&till, "a[href=\"/staff/kade-9/rewards\"]").await?;
    till.keys(ENTER).await?;
    till.until("document.activeElement.matches('#code')")
        .await?;
    till.keys(&format!("0000{ENTER}")).await?;
    till.until_says("[role=status]", "Deze code kennen we niet")
        .await?;
    till.until("document.querySelector('#code').value === '0000'")
        .await?;
    for words in [
        "Ingewisseld. Geef: een koffie",
        "een koffie is al ingewisseld",
    ] {
        till.goto("/staff/kade-9/rewards").await?;
        till.keys(&format!("{}{ENTER}", code.to_lowercase()))
            .await?;
        till.until_says("[role=status]", words).await?;
    }
    page.goto("/ik").await?;
    page.until("!document.querySelector('#stempels .pass')")
        .await?;
    page.click("#stempels summary").await?;
    page.click("#stempels [value=leave]").await?;
    page.until("document.querySelector('#stempels [value=join]') !== null")
        .await
}
