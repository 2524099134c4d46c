//! The messages' desk in a browser: without a mouse, and as pictures; and every page through axe-core.

use demo::stack::STAFF;
use e2e::{
    browser::{Page, Reader},
    harness::{Tool, test},
};
use firmware_sim::{http::Nothing, phone::Consent};
use libtest_mimic::Trial;
use serde_json::{Value, json};

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
            "keys_alone_say_when_and_for_whom_and_end_a_message",
            &[Tool::Chromium],
            keys_narrow,
        ),
        test(
            "a_trial_opens_on_another_phone_without_a_row_and_under_no_other_address",
            &[Tool::Chromium],
            trial,
        ),
        test(
            "a_manager_makes_messages_for_her_store_and_looks_at_those_of_the_chain",
            &[Tool::Chromium],
            stores,
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

/// Of the whole chain: it came with the database.
const USUAL: &str = "/manage/kade-9/campaigns/019a0000-0000-7000-8000-000000000001";

impl Shop {
    async fn desk(&self, reader: Reader) -> anyhow::Result<Page> {
        self.desk_of("manager", "noor", reader).await
    }

    async fn desk_of(&self, role: &str, login: &str, reader: Reader) -> anyhow::Result<Page> {
        self.hire_as("manager", login, "Noor").await?;
        // Admins are made on the server alone.
        rusqlite::Connection::open(self.rig.stack.database())?
            .execute("UPDATE staff SET role = ?1 WHERE login = ?2", [role, login])?;
        let page = self.page(reader).await?;
        page.goto(LIST).await?;
        log_in(&page, login, STAFF.1).await?;
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
    nothing_was_told(&shop)
}

fn nothing_was_told(shop: &Shop) -> anyhow::Result<()> {
    let rows: i64 = rusqlite::Connection::open(shop.rig.stack.database())?.query_row(
        "SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM decisions)
              + (SELECT count(*) FROM campaign_counts) + (SELECT count(*) FROM campaign_ends)",
        [],
        |row| row.get(0),
    )?;
    anyhow::ensure!(rows == 0, "{rows} rows of what was only tried");
    Ok(())
}

async fn keys_narrow() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let tiers = json!([{"tier": "goud", "name": {"nl": "Goud", "en": "Gold"}, "moments_min": 5}]);
    let api = &shop.rig.stack.api;
    let _: Nothing = api
        .put("/v1/loyalty/tiers", &json!({ "tiers": tiers }))
        .await?;
    let page = shop.desk(Reader::default()).await?;
    page.goto("/manage/kade-9/campaigns/new").await?;
    write(&page, "#f-name", "Lampenavond").await?;
    tab_to(&page, "#f-about").await?;
    page.keys("Een bel").await?;
    write(&page, "#f-within", "3,5").await?;
    tab_to(&page, "summary").await?;
    page.keys(ENTER).await?;
    page.until("document.querySelector('.when-whom').open")
        .await?;
    // What the fields of a browser take depends on its language: day and month are the same.
    tab_to(&page, "#f-from").await?;
    page.keys("12122030").await?;
    tab_to(&page, "#f-day-4").await?;
    page.keys(" ").await?;
    write(&page, "#f-vfrom", "3").await?;
    write(&page, "#f-vuntil", "2").await?;
    tab_to(&page, "#f-tier").await?;
    page.keys("Goud").await?;
    write(&page, "#f-prio", "7").await?;
    write(&page, "#f-cool", "2").await?;
    write(&page, "#f-rel", "61").await?;
    write(&page, "#f-tnl", "Dag {given_name}").await?;
    tab_to(&page, "button[value=save]").await?;
    page.keys(ENTER).await?;
    page.until_says("#e-visit_until", "Niet lager").await?;
    page.until_says("#e-relevant", "van 0,17 tot 60").await?;
    // Nothing that was typed is lost.
    let typed = "['#f-within', '#f-from', '#f-tier', '#f-prio', '#f-cool', '#f-rel']\
        .map(field => document.querySelector(field).value).join(' ')";
    page.until(&format!("{typed} === '3,5 2030-12-12 goud 7 2 61'"))
        .await?;
    page.until("document.querySelector('#f-day-4').checked")
        .await?;
    write(&page, "#f-vuntil", "4").await?;
    write(&page, "#f-rel", "1,5").await?;
    tab_to(&page, "button[value=save]").await?;
    page.keys(ENTER).await?;
    page.until_says("#h-edit + span", "versie 1, ").await?;
    page.until(&format!("{typed} === '3,5 2030-12-12 goud 7 2 1,5'"))
        .await?;
    let id = page.path().await?;
    let id = id.rsplit('/').next().unwrap_or_default().to_owned();
    let saved: Value = api.get(&format!("/v1/campaigns/{id}")).await?;
    let about = json!({"about": "reward", "expires_within_ms": 302_400_000});
    anyhow::ensure!(saved["about"] == about, "{saved}");
    anyhow::ensure!(saved["audience"]["tiers"] == json!(["goud"]), "{saved}");
    anyhow::ensure!(saved["audience"]["visit_max"] == 4, "{saved}");
    anyhow::ensure!(saved["schedule"]["weekdays"] == json!([4]), "{saved}");
    anyhow::ensure!(saved["trigger"]["stores"] == json!(["kade-9"]), "{saved}");
    // For good, and only after a second step.
    tab_to(&page, ".end summary").await?;
    page.keys(ENTER).await?;
    tab_to(&page, "button[value=end]").await?;
    page.keys(ENTER).await?;
    page.until_says(".notice", "afgelopen").await?;
    page.until("document.querySelector('#f-name').matches(':disabled')")
        .await?;
    let saved: Value = api.get(&format!("/v1/campaigns/{id}")).await?;
    anyhow::ensure!(saved["state"] == "ended", "{saved}");
    Ok(())
}

async fn trial() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let eva = shop.customer(&EVA).await?;
    let app = shop.app(eva).await?;
    app.set_consent(Consent::ALL, "2026-11", "nl").await?;
    shop.wish(eva, "SCHOEN-39").await?;
    let page = shop.desk(Reader::default()).await?;
    page.goto(USUAL).await?;
    page.type_into("#f-as", "c-Niemand").await?;
    page.click("button[value=phone]").await?;
    page.until_says("#e-external_id", "kennen we niet").await?;
    page.value("document.querySelector('#f-as').value = 'c-Eva'")
        .await?;
    page.value("document.querySelector('#f-in').value = 'schoenen'")
        .await?;
    page.click("button[value=phone]").await?;
    page.until_says(".trial-link", "gaat naar niemand").await?;
    page.until("document.querySelector('.trial-link .qr path') !== null")
        .await?;
    let url = page.text(".trial-link a").await?;
    let base = shop.rig.stack.url();
    let path = url.strip_prefix(&base).unwrap_or_default().to_owned();
    anyhow::ensure!(
        path.starts_with("/proef/wt_"),
        "{url} does not begin with {base}"
    );
    // Another phone, which nobody logged in.
    let phone = shop.page(Reader::default()).await?;
    phone.goto(&path).await?;
    phone
        .until_says(".notice", "Proef: dit bericht gaat naar niemand")
        .await?;
    phone.until_says("article", "Wandelschoen 39").await?;
    phone.until_says(".said", "Schoenen, rek 4").await?;
    phone.click(".why summary").await?;
    phone.until_says(".timeline", "verlanglijst").await?;
    phone.goto(&format!("{path}?lang=en")).await?;
    phone
        .until_says(".notice", "this message goes to nobody")
        .await?;
    // Without a shopper the catalogue gives the example.
    page.value("document.querySelector('#f-as').value = ''")
        .await?;
    page.click("button[value=phone]").await?;
    page.until(&format!(
        "(other => !!other && other !== '{url}')(document.querySelector('.trial-link a')?.textContent)"
    ))
    .await?;
    phone
        .goto("/proef/wt_000000000000000000000000000000000000000000000000?lang=nl")
        .await?;
    phone.until_says("body", "Deze pagina is er niet").await?;
    let status = "fetch(location.href).then(answer => answer.status)";
    anyhow::ensure!(phone.value(status).await? == 404);
    nothing_was_told(&shop)
}

async fn stores() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let page = shop.desk(Reader::default()).await?;
    page.until_says("tbody", "alle winkels").await?;
    page.goto(USUAL).await?;
    page.until_says(".notice", "geldt voor alle winkels")
        .await?;
    page.until(
        "document.querySelector('#f-name').matches(':disabled')\
         && !document.querySelector('[value=save], [value=pause], [value=end]')",
    )
    .await?;
    // A form that was made by hand does no more than the page.
    let refused = page
        .value(
            "(async () => { const form = new URLSearchParams(new FormData(document.querySelector('form.cols')));\
             form.set('do', 'pause');\
             return (await fetch(location.href, { method: 'POST', body: form })).status; })()",
        )
        .await?;
    anyhow::ensure!(refused == 403, "{refused}");
    // Who runs the chain chooses; a manager then makes that her own.
    let chain = shop.desk_of("admin", "ada", Reader::default()).await?;
    chain.goto(USUAL).await?;
    chain.click("#f-store-kade-9").await?;
    chain.click("button[value=save]").await?;
    // What runs still runs in all stores: a draft gives a manager nothing to stop.
    page.goto(USUAL).await?;
    page.until_says(".notice", "geldt voor alle winkels")
        .await?;
    page.until("!document.querySelector('[value=pause]')")
        .await?;
    chain.click("button[value=publish]").await?;
    chain.until_says("#h-edit + span", "versie 2, ").await?;
    chain
        .until("document.querySelector('#f-store-kade-9').checked")
        .await?;
    page.goto(USUAL).await?;
    page.until_says(".cols-edit", "alleen voor").await?;
    page.until("document.querySelector('[value=pause]') !== null")
        .await?;
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
            "/h/kade-9",
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
            "/manage/kade-9/poster",
        ] {
            desk.goto(path).await?;
            desk.value(UNFOLD).await?;
            flaws.extend(looked_at(&desk, path, dark).await?);
        }
        desk.goto(USUAL).await?;
        desk.click("button[value=phone]").await?;
        desk.until_says(".trial-link", "niemand").await?;
        flaws.extend(looked_at(&desk, "a message of the chain with a trial", dark).await?);
        let trial = desk.text(".trial-link a").await?;
        let trial = trial
            .split_at(trial.find("/proef/").unwrap_or(0))
            .1
            .to_owned();
        phone.goto(&trial).await?;
        phone.until_says("article", "").await?;
        phone.click(".why summary").await?;
        flaws.extend(looked_at(&phone, "a trial", dark).await?);
        desk.goto("/manage/kade-9/campaigns/new").await?;
        desk.click("#when-whom").await?;
        flaws.extend(looked_at(&desk, "when and for whom", dark).await?);
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
