//! A store's figures: on the page, as JSON, as a sheet; who is counted, and who not.
//!
//! In: visits of past weeks, written as a server of that time did; nobody can come in last month.

use anyhow::Context;
use demo::stack::STAFF;
use e2e::{
    browser::Reader,
    harness::{Tool, test},
};
use firmware_sim::phone::{Consent, Phone};
use libtest_mimic::Trial;
use protocol::{CustomerId, VisitId};
use reqwest::Method;
use rusqlite::params;
use serde_json::{Value, json};

use super::{Person, Shop, log_in, pictures};
use crate::floor::ask_api;

const PAGE: &str = "/manage/kade-9/figures";
const JSON: &str = "/v1/stores/kade-9/figures";
const DAY_MS: u64 = 86_400_000;

pub(super) fn tests() -> Vec<Trial> {
    vec![test(
        "figures_tell_of_ten_who_agreed_and_of_nobody_when_one_of_them_takes_it_back",
        &[Tool::Chromium],
        figures_told,
    )]
}

/// A past visit: who, for what, when.
fn visit(shop: &Shop, n: u8, who: CustomerId, purpose: &str, at_ms: u64) -> anyhow::Result<()> {
    let db = rusqlite::Connection::open(shop.rig.stack.database())?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    let visit = VisitId::at(at_ms, [n; 10]);
    let at_ms = i64::try_from(at_ms)?;
    db.execute(
        "INSERT INTO visits (visit, store, customer, entered_ms, left_ms, purpose, late)
         VALUES (?1, 'kade-9', ?2, ?3, ?3 + 600000, ?4, 0)",
        params![visit.0, who.0, at_ms, purpose],
    )?;
    db.execute(
        "INSERT INTO zone_stays (visit, from_ms, zone, to_ms) VALUES (?1, ?2, 'schoenen', ?3)",
        params![visit.0, at_ms, at_ms + 192_000],
    )?;
    Ok(())
}

async fn told(shop: &Shop) -> anyhow::Result<Value> {
    Ok(shop.rig.stack.api.get(JSON).await?)
}

async fn shopper(shop: &Shop, n: u8, consent: Consent) -> anyhow::Result<(CustomerId, Phone)> {
    let customer = shop
        .customer(&Person {
            given_name: &format!("P{n}"),
            family_name: "Bakker",
            salutation: None,
        })
        .await?;
    let app = shop.app(customer).await?;
    app.set_consent(consent, "2026-11", "nl").await?;
    Ok((customer, app))
}

/// When last week ended, as the server says.
async fn until_ms(shop: &Shop) -> anyhow::Result<u64> {
    let figures = told(shop).await?;
    figures["until_ms"].as_u64().context("the end of last week")
}

/// Twenty who agree to everything came 40 days before last week ended, and the first ten of them
/// again 20 days later.
pub(super) async fn twenty_came(shop: &Shop) -> anyhow::Result<Vec<Phone>> {
    let until_ms = until_ms(shop).await?;
    let mut apps = Vec::new();
    for n in 0..20 {
        let (who, app) = shopper(shop, n, Consent::ALL).await?;
        visit(shop, n, who, "statistics", until_ms - 40 * DAY_MS)?;
        if n < 10 {
            visit(shop, n, who, "statistics", until_ms - 20 * DAY_MS)?;
        }
        apps.push(app);
    }
    Ok(apps)
}

async fn figures_told() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let stack = &shop.rig.stack;
    shop.hire_as("manager", "noor", "Noor").await?;
    let page = shop.page(Reader::default()).await?;
    page.goto(PAGE).await?;
    log_in(&page, "noor", STAFF.1).await?;
    page.until(&format!("location.pathname === '{PAGE}'"))
        .await?;
    page.until_says("main", "Nog niet genoeg gegevens").await?;

    let until_ms = until_ms(&shop).await?;
    let apps = twenty_came(&shop).await?;
    // Three more came, for their order alone.
    let for_order = Consent {
        arrival: true,
        ..Consent::NONE
    };
    for n in 20..23 {
        let (who, _) = shopper(&shop, n, for_order).await?;
        visit(&shop, n, who, "arrival", until_ms - 20 * DAY_MS)?;
    }
    let figures = told(&shop).await?;
    let back = json!({ "of": 20, "part": 10, "percent": 50 });
    anyhow::ensure!(figures["came_back"] == back, "{figures:#}");
    let visits = |figures: &Value| -> Vec<Value> {
        let weeks = figures["weeks"].as_array().into_iter().flatten();
        weeks.map(|week| week["of"].clone()).collect()
    };
    let some: Vec<Value> = visits(&figures)
        .into_iter()
        .filter(|of| !of.is_null())
        .collect();
    anyhow::ensure!(some == [20, 10], "{figures:#}");
    anyhow::ensure!(figures["zones"][0]["median_s"] == 190, "{figures:#}");

    page.goto(PAGE).await?;
    page.until_says("#f-visits", "Een op de twee komt terug")
        .await?;
    page.until("document.querySelectorAll('figure svg').length >= 4")
        .await?;
    let folder = shop.rig.folder.path().join("figures");
    std::fs::create_dir_all(&folder)?;
    pictures::picture_still(&page, &folder, "figures", "nl").await?;
    page.click("figure details summary").await?;
    page.until_says("figure details[open] tbody", "20").await?;
    let saved = page
        .value(&format!(
            "(() => {{ const ask = new XMLHttpRequest(); ask.open('GET', '{PAGE}.csv?weeks=12', false); \
             ask.send(); return ask.responseText; }})()"
        ))
        .await?;
    let sheet = ask_api(stack, Method::GET, &format!("{JSON}.csv"), &json!({})).await?;
    anyhow::ensure!(saved == sheet.body.as_str(), "{saved} {}", sheet.body);
    anyhow::ensure!(sheet.media_type().starts_with("text/csv"), "{sheet:?}");
    anyhow::ensure!(
        sheet.body.contains("came_back,,came_back,10,people"),
        "{}",
        sheet.body
    );

    // Of nine who came back nothing is told, and ten are not told by what is left.
    let counted_no_more = Consent {
        statistics: false,
        ..Consent::ALL
    };
    apps[0]
        .set_consent(counted_no_more, "2026-11", "nl")
        .await?;
    let figures = told(&shop).await?;
    let back = json!({ "of": 20, "part": null, "percent": null });
    anyhow::ensure!(figures["came_back"] == back, "{figures:#}");
    page.goto(PAGE).await?;
    page.until_says("#f-visits", "Bezoeken per week").await?;

    for query in ["weeks=5", "weeks=0", "weeks=x"] {
        let path = format!("{JSON}?{query}");
        let answer = ask_api(stack, Method::GET, &path, &json!({})).await?;
        anyhow::ensure!(matches!(answer.status, 400 | 422), "{query}: {answer:?}");
    }
    let nowhere = ask_api(stack, Method::GET, "/v1/stores/kade-1/figures", &json!({})).await?;
    nowhere.ensure_problem(404)?;
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}
