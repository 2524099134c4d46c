//! Data in: what shops, their pages and their files tell, over real sockets and after a kill.

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{Options, Stack, until},
};
use e2e::{
    ask::ask,
    harness::test,
    person::{MESSAGES, person},
    rig::Rig,
};
use firmware_sim::{
    http::Nothing,
    load::events::{self, EventsConfig},
};
use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value, json};
use server::{
    cli,
    config::Config,
    import::{self, Import, Kind},
    store::access::KeyRole,
};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "events_that_were_answered_outlive_a_kill_and_come_once",
            &[],
            answered_events_outlive_a_kill,
        ),
        test(
            "a_shopper_whom_the_shop_redacts_leaves_no_byte_behind",
            &[],
            redaction_leaves_no_byte,
        ),
        test(
            "a_file_with_a_bad_line_is_imported_but_for_that_line_and_goes_on_where_it_was",
            &[],
            files_are_imported_line_by_line,
        ),
    ]
}

fn write_key(stack: &Stack) -> anyhow::Result<String> {
    let config = Config::load(&stack.dir.join("welkom.toml"))?;
    cli::make_key_for(&config, "pages", KeyRole::Track)
}

async fn answered_events_outlive_a_kill() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options::default()).await?;
    let track = rig.stack.api.with_write_key(write_key(&rig.stack)?);
    let config = EventsConfig {
        count: 2_000,
        rate_per_s: 0,
        batch: 250,
        connections: 2,
        customers: 50,
        products: 40,
        prefix: "e".into(),
    };
    let report = events::run(&rig.stack.api, &track, config.clone()).await?;
    anyhow::ensure!(report.events == 2_000, "{report:?}");
    rig.stack.kill()?;
    rig.stack.restart().await?;
    let count = |what: &str| {
        let sql = format!("SELECT coalesce(sum(counts ->> '{what}'), 0) FROM source_numbers");
        Audit::open(&rig.stack.database())?.number(&sql)
    };
    anyhow::ensure!(count("kept")? == 2_000, "{} kept", count("kept")?);
    let rows = "SELECT (SELECT count(*) FROM intents) + (SELECT count(*) FROM interests)";
    let before = Audit::open(&rig.stack.database())?.number(rows)?;
    anyhow::ensure!(before > 1_500, "{before} rows");

    // The answer was lost, and all is sent again, at other times by the sender's clock.
    let track = track.with_base(&rig.stack.url());
    let report = events::run(&rig.stack.api.with_base(&rig.stack.url()), &track, config).await?;
    anyhow::ensure!(report.events == 2_000, "{report:?}");
    anyhow::ensure!(
        count("repeated")? == 2_000,
        "{} repeated",
        count("repeated")?
    );
    anyhow::ensure!(Audit::open(&rig.stack.database())?.number(rows)? == before);
    let sources: Value = rig.stack.api.get("/v1/sources").await?;
    anyhow::ensure!(sources["items"][0]["source"] == "track/pages", "{sources}");
    Ok(())
}

pub(crate) const SECRET: &str = "hush-hush-42";
/// What stands in her order and nowhere else.
pub(crate) const HERS: &str = "7Q3X9";
pub(crate) const ORDER: &str = r##"{"id":71,"name":"#WLK-1071-7Q3X9","currency":"EUR","total_price":"79.95","created_at":"2026-11-01T09:00:00Z","updated_at":"2026-11-01T10:00:00Z","customer":{"id":"alleen-anna-7Q3X9"},"line_items":[{"sku":"LAMP-BOOG","title":"Booglamp","quantity":1,"price":"79.95"}],"shipping_lines":[{"code":"Kade 9","delivery_category":"pick_up"}]}"##;
/// By `openssl dgst -sha256 -hmac hush-hush-42 -binary | base64`, as the next.
pub(crate) const ORDER_SIGNED: &str = "RfqlbncEBf7jpTw+hrbsb+hIrdLQR2PxCde75YFW85g=";
const REDACT: &str = r#"{"shop_id":1,"customer":{"id":"alleen-anna-7Q3X9","email":"anna@example.nl"},"orders_to_redact":[71]}"#;
const REDACT_SIGNED: &str = "F6rhEJ9hsfUZzkKDfFHVd5eK+2trcmF5itxbxRP0LGs=";

pub(crate) async fn shopify(
    stack: &Stack,
    topic: &str,
    body: &str,
    signed: &str,
) -> anyhow::Result<String> {
    let headers = [
        ("X-Shopify-Topic", topic),
        ("X-Shopify-Hmac-Sha256", signed),
    ];
    let path = "/v1/webhooks/shopify/web";
    let answer = ask(stack, &Method::POST, path, &headers, body.into()).await?;
    anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
    let outcome = answer.json()?["outcome"].as_str().map(str::to_owned);
    outcome.with_context(|| answer.body.clone())
}

async fn redaction_leaves_no_byte() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    person(stack, &format!("alleen-anna-{HERS}"), MESSAGES).await?;
    let source = json!({"kind": "shopify", "secret": SECRET, "store": "kade-9"});
    let _: Nothing = stack.api.put("/v1/sources/web", &source).await?;
    let outcome = shopify(stack, "orders/create", ORDER, ORDER_SIGNED).await?;
    anyhow::ensure!(outcome == "applied", "{outcome}");
    let orders = Audit::open(&stack.database())?.number("SELECT count(*) FROM orders")?;
    anyhow::ensure!(orders == 1, "{orders} orders");
    anyhow::ensure!(!crate::consent::files_with(stack, HERS.as_bytes())?.is_empty());
    let outcome = shopify(stack, "customers/redact", REDACT, REDACT_SIGNED).await?;
    anyhow::ensure!(outcome == "applied", "{outcome}");
    until("her last byte to be gone", async || {
        Ok(crate::consent::files_with(stack, HERS.as_bytes())?.is_empty())
    })
    .await
}

async fn files_are_imported_line_by_line() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let (stack, folder) = (&rig.stack, rig.folder.path());
    person(stack, "anna", MESSAGES).await?;
    let import = |kind, name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::write(&file, text)?;
        anyhow::Ok(Import {
            kind,
            file,
            server: stack.url(),
            api_key: stack.api_key.clone(),
            ca: stack.ready.ca.clone(),
            dry_run: false,
            json: true,
            from_line: None,
        })
    };
    let number = |sql: &str| Audit::open(&stack.database())?.number(sql);
    for (kind, name, text, done, failed) in [
        (
            Kind::Products,
            "products.csv",
            "\u{feff}sku;name;price;category\nHAT-1;Hoed, zwart;29.95;Hoeden\nHAT-2;Pet;gratis;Hoeden\n\
             HAT-3;Muts;9;Hoeden\n",
            2,
            1,
        ),
        (
            Kind::Stock,
            "stock.jsonl",
            "{\"store\":\"kade-9\",\"sku\":\"HAT-1\",\"quantity\":3}\nnonsense\n\
             {\"store\":\"kade-9\",\"sku\":\"HAT-99\",\"quantity\":3}\n",
            1,
            2,
        ),
        (
            Kind::Placement,
            "placement.csv",
            "store,category,zone,shelf\nkade-9,Hoeden,entree,rek 4\nkade-9,Hoeden,nowhere,\n",
            1,
            1,
        ),
        (
            Kind::Customers,
            "customers.csv",
            "external_id,given_name,family_name,consent\nbea,Bea,Bakker,arrival browsing\n\
             cis,Cis,Bakker,all\n",
            1,
            1,
        ),
        (
            Kind::Wishlists,
            "wishes.csv",
            "customer,sku,at,price\nanna,HAT-1,@AT@,34.95\nnobody,HAT-1,@AT@,\n",
            1,
            1,
        ),
        (
            Kind::Orders,
            "orders.csv",
            "order,customer,store,code,lines\n1042,anna,kade-9,1042,HAT-1:1 HAT-3:2\n\
             1043,anna,kade-9,12,HAT-1:1\n",
            1,
            1,
        ),
        (
            Kind::Receipts,
            "receipts.csv",
            "receipt,customer,store,at,total,lines\nT-1,bea,kade-9,@AT@,29.95,HAT-1:1:29.95\n\
             T-2,bea,kade-9,@AT@,29.95,HAT-1\n",
            1,
            1,
        ),
    ] {
        let text = text.replace("@AT@", &(server::clock::now_ms() - 3_600_000).to_string());
        let report = import::run(import(kind, name, &text)?).await?;
        anyhow::ensure!(
            (report.done, report.failed) == (done, failed),
            "{name}: {report:?}"
        );
    }
    anyhow::ensure!(number("SELECT price_minor FROM products WHERE sku = 'HAT-1'")? == 2_995);
    anyhow::ensure!(number("SELECT quantity FROM stock WHERE sku = 'HAT-1'")? == 3);
    let wish = "SELECT price_minor FROM intents WHERE kind = 'wishlisted'";
    anyhow::ensure!(number(wish)? == 3_495);
    anyhow::ensure!(number("SELECT count(*) FROM order_lines")? == 2);
    anyhow::ensure!(number("SELECT price_minor FROM receipt_lines")? == 2_995);

    // A key that is not let in stops it; the same file goes on there with the right one.
    let lines: String = (0..40).map(|n| format!("P-{n},Muts,9\n")).collect();
    let whole = import(
        Kind::Products,
        "many.csv",
        &format!("sku,name,price\n{lines}"),
    )?;
    let wrong = Import {
        api_key: "wk_wrong".into(),
        ..whole.clone()
    };
    anyhow::ensure!(import::run(wrong).await.is_err());
    let later = Import {
        from_line: Some(31),
        ..whole.clone()
    };
    anyhow::ensure!(import::run(later).await?.done == 11);
    anyhow::ensure!(number("SELECT count(*) FROM products WHERE sku LIKE 'P-%'")? == 11);
    anyhow::ensure!(import::run(whole).await?.done == 40);
    anyhow::ensure!(number("SELECT count(*) FROM products WHERE sku LIKE 'P-%'")? == 40);
    Ok(())
}
