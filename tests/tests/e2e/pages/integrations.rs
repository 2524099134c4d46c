//! The integrations page in a browser: a shop that sends, one whose secret is wrong, a test order
//! that leaves nothing behind, and what only an admin may press.

use std::path::Path;

use demo::stack::STAFF;
use e2e::{
    ask::ask,
    browser::{Page, Reader},
    harness::{Tool, test},
    person::{MESSAGES, person},
};
use firmware_sim::http::Nothing;
use libtest_mimic::Trial;
use reqwest::Method;
use rusqlite::{Connection, types::Value as Cell};
use serde_json::json;

use super::{Shop, log_in, pictures};
use crate::data_in::{HERS, ORDER, ORDER_SIGNED, SECRET, shopify};

const PAGE: &str = "/manage/kade-9/integrations";

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "the_integrations_page_tells_right_from_wrong_signatures_and_what_to_do",
            &[Tool::Chromium],
            signatures,
        ),
        test(
            "a_test_order_tells_each_step_and_leaves_the_database_as_it_was",
            &[Tool::Chromium],
            test_order,
        ),
        test(
            "an_admin_ticks_off_a_request_and_a_manager_has_no_button_for_it",
            &[Tool::Chromium],
            requests,
        ),
        test(
            "the_integrations_page_fits_a_phone_and_a_desk_in_two_languages_by_day_and_by_night",
            &[Tool::Chromium],
            pictured,
        ),
    ]
}

impl Shop {
    pub(super) async fn source(&self) -> anyhow::Result<()> {
        let body = json!({
            "kind": "shopify", "secret": SECRET, "store": "kade-9",
            "locations": {"Kade 9": "kade-9"},
        });
        self.rig
            .stack
            .api
            .put::<Nothing>("/v1/sources/web", &body)
            .await?;
        Ok(())
    }

    /// The page of somebody who runs the store, or the chain.
    pub(super) async fn integrations(&self, role: &str) -> anyhow::Result<Page> {
        let login = format!("noor-{role}");
        self.hire_as("manager", &login, "Noor").await?;
        // No API makes an admin, and the command line asks for the password.
        Connection::open(self.rig.stack.database())?.execute(
            "UPDATE staff SET role = 'admin', store = NULL WHERE login = 'noor-admin'",
            [],
        )?;
        let page = self.page(Reader::default()).await?;
        page.goto(PAGE).await?;
        log_in(&page, &login, STAFF.1).await?;
        page.until(&format!("location.pathname === '{PAGE}'"))
            .await?;
        Ok(page)
    }
}

async fn signatures() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let page = shop.integrations("manager").await?;
    page.until_says("#first", "Begin hier").await?;
    shop.source().await?;
    person(&shop.rig.stack, &format!("alleen-anna-{HERS}"), MESSAGES).await?;
    page.goto(PAGE).await?;
    page.until_says("#source-1", "Nog nooit iets gehoord")
        .await?;
    let address = format!("{}/v1/webhooks/shopify/web", shop.rig.stack.url());
    let shown = page
        .value("document.querySelector('.address').value")
        .await?;
    anyhow::ensure!(shown == address.as_str(), "{shown}");
    page.until_says(
        ".topics",
        "fulfillment_orders/line_items_prepared_for_pickup",
    )
    .await?;

    let outcome = shopify(&shop.rig.stack, "orders/create", ORDER, ORDER_SIGNED).await?;
    anyhow::ensure!(outcome == "applied", "{outcome}");
    page.goto(PAGE).await?;
    page.until_says("#source-1", "Handtekening klopt").await?;
    page.until_says("#source-1 .counts", "1 verwerkt").await?;
    page.until_says("#source-1 .source-state", "zojuist")
        .await?;

    let headers = [
        ("X-Shopify-Topic", "orders/create"),
        ("X-Shopify-Hmac-Sha256", "bm90IHRoZSBzaWduYXR1cmU="),
    ];
    let path = "/v1/webhooks/shopify/web";
    let refused = ask(&shop.rig.stack, &Method::POST, path, &headers, ORDER.into()).await?;
    refused.ensure_problem(401)?;
    page.goto(PAGE).await?;
    page.until_says("#source-1", "Handtekening klopte niet")
        .await?;
    page.until_says("#source-1 .errors", "Neem het over uit de winkel")
        .await?;
    page.until_says("#source-1 .counts", "1 met een verkeerde handtekening")
        .await?;
    anyhow::ensure!(
        !page.text("main").await?.contains(SECRET),
        "the secret is on the page"
    );
    Ok(())
}

/// Every row of every table.
fn dump(database: &Path) -> anyhow::Result<Vec<(String, Vec<Cell>)>> {
    let db = Connection::open(database)?;
    let mut tables =
        db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")?;
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    for table in tables {
        let mut all = db.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let width = all.column_count();
        let found = all.query_map([], |row| (0..width).map(|i| row.get(i)).collect())?;
        for row in found {
            rows.push((table.clone(), row?));
        }
    }
    Ok(rows)
}

async fn test_order() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    shop.source().await?;
    let page = shop.integrations("manager").await?;
    let before = dump(&shop.rig.stack.database())?;
    anyhow::ensure!(before.len() > 30, "{} rows", before.len());
    page.click("#source-1 details:has(form) summary").await?;
    page.click("#source-1 button[value=test]").await?;
    for words in [
        "De handtekening klopt",
        "te lezen: orders/create",
        "Winkel gevonden: Kade 9",
        "Artikel bekend",
        "Het zou worden: bestelling TEST-",
    ] {
        page.until_says("#t-source-1", words).await?;
    }
    page.until("document.querySelectorAll('#t-source-1 .chip.brick').length === 0")
        .await?;
    anyhow::ensure!(
        dump(&shop.rig.stack.database())? == before,
        "something is left of it"
    );

    page.value("document.querySelector('#l-source-1').value = 'Kade 12'")
        .await?;
    page.type_into("#s-source-1", "not-the-secret").await?;
    page.click("#source-1 button[value=test]").await?;
    page.until_says("#t-source-1", "veld secret").await?;
    page.until("document.querySelector('#l-source-1').value === 'Kade 12'")
        .await?;
    page.click("#source-1 button[value=test]").await?;
    page.until_says("#t-source-1", "Zet “Kade 12” in locations")
        .await?;
    anyhow::ensure!(
        dump(&shop.rig.stack.database())? == before,
        "something is left of it"
    );
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn requests() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    shop.source().await?;
    let db = Connection::open(shop.rig.stack.database())?;
    let asked = "INSERT INTO tasks (at_ms, source, kind, external) VALUES (1, 'web', 'data_request', '9999')";
    db.execute(asked, [])?;
    let manager = shop.integrations("manager").await?;
    manager.until_says("#tasks", "verzoek 9999").await?;
    manager
        .until("document.querySelector('#tasks button') === null")
        .await?;
    let admin = shop.integrations("admin").await?;
    admin
        .until_says("#tasks", "We bewaren niets van haar")
        .await?;
    admin.click("#tasks button").await?;
    admin.until_says("#said", "Afgevinkt").await?;
    admin
        .until("document.querySelector('#tasks') === null")
        .await?;
    let open = "SELECT count(*) FROM tasks WHERE done_ms IS NULL";
    let open: i64 = db.query_row(open, [], |row| row.get(0))?;
    anyhow::ensure!(open == 0, "{open} open");
    Ok(())
}

async fn pictured() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    let (folder, _) = pictures::folder(&shop)?;
    pictures::early_afternoon(&shop).await?;
    shop.source().await?;
    let page = shop.integrations("manager").await?;
    for language in ["nl", "en"] {
        page.goto(&format!("{PAGE}?lang={language}")).await?;
        page.value("document.querySelectorAll('details').forEach(one => one.open = true)")
            .await?;
        pictures::picture_still(&page, &folder, "integrations", language).await?;
    }
    Ok(())
}
