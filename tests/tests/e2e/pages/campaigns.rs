//! The messages' desk in a browser: without a mouse, and as pictures; and every page through axe-core.

use demo::stack::STAFF;
use e2e::{
    browser::{Page, Reader},
    harness::{Tool, test},
};
use firmware_sim::{http::Nothing, phone::Consent};
use libtest_mimic::Trial;
use serde_json::json;

use super::{EVA, Shop, figures, keys::tab_to, log_in, pictures};

const LIST: &str = "/manage/kade-9/campaigns";
/// What is folded is looked at, too.
const UNFOLD: &str = "document.querySelectorAll('details').forEach(one => one.open = true)";
const ENTER: &str = "\u{e007}";
/// A form of twenty fields, and what stands around it.
const SELECT_ALL: &str = "\u{e009}a\u{e000}";

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "keys_alone_write_a_message_mend_it_and_publish_it",
            &[Tool::Chromium],
            keys_alone,
        ),
        test(
            "the_messages_desk_tries_and_replays_without_sending",
            &[Tool::Chromium],
            tries,
        ),
        test(
            "the_messages_desk_fits_a_phone_and_a_desk_in_two_languages_by_day_and_by_night",
            &[Tool::Chromium],
            pictured,
        ),
        test(
            "no_page_keeps_anybody_out",
            &[Tool::Chromium, Tool::Axe],
            nobody_kept_out,
        ),
    ]
}

impl Shop {
    async fn desk(&self, reader: Reader) -> anyhow::Result<Page> {
        self.hire_as("manager", "noor", "Noor").await?;
        let page = self.page(reader).await?;
        page.goto(LIST).await?;
        log_in(&page, "noor", STAFF.1).await?;
        page.until(&format!("location.pathname === '{LIST}'"))
            .await?;
        Ok(page)
    }
}

async fn write(page: &Page, field: &str, words: &str) -> anyhow::Result<()> {
    tab_to(page, field).await?;
    page.keys(SELECT_ALL).await?;
    page.keys(words).await
}

async fn keys_alone() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let page = shop.desk(Reader::default()).await?;
    page.until_says("tbody tr", "Van je verlanglijst, hier op voorraad")
        .await?;
    tab_to(&page, "a[href$=\"campaigns/new\"]").await?;
    page.keys(ENTER).await?;
    page.until("location.pathname.endsWith('/campaigns/new')")
        .await?;
    write(&page, "#f-name", "Lampen bij de lampen").await?;
    write(&page, "#f-sec", "0").await?;
    write(&page, "#f-tnl", "Dag {voornaam}").await?;
    tab_to(&page, "button[value=save]").await?;
    page.keys(ENTER).await?;
    // What is wrong stands beside its field, and nothing that was typed is lost.
    page.until_says("[role=alert]", "2 velden kloppen nog niet")
        .await?;
    page.until_says("#e-seconds", "minstens 1").await?;
    page.until_says("#e-title_nl", "{voornaam} bestaat niet")
        .await?;
    page.until("document.querySelector('#f-name').value === 'Lampen bij de lampen'")
        .await?;
    write(&page, "#f-sec", "20").await?;
    write(&page, "#f-tnl", "Dag {given_name}").await?;
    write(&page, "#f-bnl", "{product}: {place}.").await?;
    tab_to(&page, "button[value=save]").await?;
    page.keys(ENTER).await?;
    page.until("/campaigns\\/[0-9a-f-]{36}$/.test(location.pathname)")
        .await?;
    page.until_says("#h-edit + span", "versie 1, ").await?;
    tab_to(&page, "button[value=publish]").await?;
    page.keys(ENTER).await?;
    page.until_says("#h-edit + span", "loopt").await?;
    page.goto(LIST).await?;
    page.until_says("tbody", "na 20 s: elke zone").await?;
    page.until("[...document.querySelectorAll('.chip.ok')].length === 2")
        .await?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn tries() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let app = shop.app(eva).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    shop.wish(eva, "SCHOEN-39").await?;
    let page = shop.desk(Reader::default()).await?;
    page.click("tbody th a").await?;
    page.type_into("#f-as", "c-Niemand").await?;
    page.click("button[value=try]").await?;
    page.until_says("#e-external_id", "kennen we niet").await?;
    page.value("document.querySelector('#f-as').value = 'c-Eva'")
        .await?;
    page.value("document.querySelector('#f-in').value = 'schoenen'")
        .await?;
    page.click("button[value=try]").await?;
    page.until_says(".handset", "Wandelschoen 39: Schoenen, rek 4.")
        .await?;
    page.value("document.querySelector('#f-in').value = 'tassen'")
        .await?;
    page.click("button[value=try]").await?;
    page.until_says(".handset", "Geen bericht: staat niet in deze zone")
        .await?;
    page.click("button[value=replay]").await?;
    page.until_says(".replay .result", "0 verstuurd, 0 tegengehouden")
        .await?;
    let sent: i64 = rusqlite::Connection::open(shop.rig.stack.database())?.query_row(
        "SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM decisions)",
        [],
        |row| row.get(0),
    )?;
    anyhow::ensure!(sent == 0, "{sent} rows of what was only tried");
    Ok(())
}

async fn pictured() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let (folder, _) = pictures::folder(&shop)?;
    pictures::early_afternoon(&shop).await?;
    let page = shop.desk(Reader::default()).await?;
    for language in ["nl", "en"] {
        page.goto(&format!("{LIST}?lang={language}")).await?;
        pictures::picture_still(&page, &folder, "campaigns", language).await?;
        page.click("tbody th a").await?;
        page.until("document.querySelector('#f-name')?.value.length > 0")
            .await?;
        pictures::picture_still(&page, &folder, "campaign", language).await?;
    }
    Ok(())
}

async fn nobody_kept_out() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.eva_waits().await?;
    shop.wish(eva, "SCHOEN-39").await?;
    let rule = json!({
        "counts": ["visit"], "every": 1, "valid_days": 30,
        "name": {"nl": "een koffie", "en": "a coffee"},
    });
    let api = &shop.rig.stack.api;
    let _: Nothing = api.put("/v1/loyalty/rules/coffee", &rule).await?;
    shop.app(eva).await?.join("2026-11", "nl").await?;
    let phone = shop.phone(Reader::default(), eva).await?;
    phone.until_says(".link-state", "Live").await?;
    phone.until_says("#stempels .pass", "een koffie").await?;
    phone.until_says("#wandeling", "Wandelschoen").await?;
    let desk = shop.desk(Reader::default()).await?;
    figures::twenty_came(&shop).await?;
    shop.source().await?;
    let mut flaws = Vec::new();
    for dark in [false, true] {
        for path in [
            "/ik",
            "/ik/zoek?q=lamp",
            "/ik/gegevens",
            "/ik/gegevens/wissen",
            "/tot-ziens",
        ] {
            phone.goto(path).await?;
            phone.value(UNFOLD).await?;
            flaws.extend(looked_at(&phone, path, dark).await?);
        }
        for path in [
            "/er-is-hier-niets",
            "/staff/kade-9",
            "/staff/kade-9/rewards",
            LIST,
            "/manage/kade-9/campaigns/new",
            "/manage/kade-9/campaigns/019a0000-0000-7000-8000-000000000001",
            "/manage/kade-9/figures",
            "/manage/kade-9/map",
            "/manage/kade-9/fleet",
            "/manage/kade-9/walk",
            "/manage/kade-9/integrations",
        ] {
            desk.goto(path).await?;
            desk.value(UNFOLD).await?;
            flaws.extend(looked_at(&desk, path, dark).await?);
        }
        desk.goto("/manage/kade-9/campaigns/new").await?;
        desk.type_into("#f-name", "Half").await?;
        desk.click("button[value=save]").await?;
        desk.until_says("[role=alert]", "nog niet").await?;
        flaws.extend(looked_at(&desk, "a form that is wrong", dark).await?);
    }
    anyhow::ensure!(flaws.is_empty(), "{flaws:#?}");
    Ok(())
}

/// By day or by night; what is found says on which page.
async fn looked_at(page: &Page, what: &str, dark: bool) -> anyhow::Result<Vec<String>> {
    page.picture(1_280, dark).await?;
    let flaws = page.flaws().await?;
    let scheme = if dark { "dark" } else { "light" };
    Ok(flaws
        .into_iter()
        .map(|flaw| format!("{what}, {scheme}: {flaw}"))
        .collect())
}
