//! Consent: what a no takes away, and what never gets in without a yes. Looked for byte by byte.

use std::{fs, path::Path};

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{Options, Stack, until},
};
use e2e::{
    ask::ask,
    hand::{Hand, Run, STANDS_S},
    harness::test,
    person::{CONSENT_TEXT, MESSAGES, Person, person},
    rig::Rig,
};
use firmware_sim::{http::Nothing, phone::Consent};
use libtest_mimic::Trial;
use protocol::{Eid, Transmitter};
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::now_ms;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_withdrawal_ends_the_visit_and_what_she_did_online_is_gone",
            &[],
            withdrawal_during_a_visit,
        ),
        test(
            "an_erased_customer_leaves_no_byte_behind",
            &[],
            erasure_leaves_no_byte,
        ),
        test(
            "who_did_not_agree_never_reaches_the_disk",
            &[],
            strangers_never_reach_the_disk,
        ),
    ]
}

/// Something that she looked at and that nothing else in the store is called.
const HER_SKU: &str = "ALLEEN-ANNA-7Q3X9";

/// The files that hold one of these bytes, in the server's folder and among the logs.
pub(crate) fn files_with(stack: &Stack, wanted: &[u8]) -> anyhow::Result<Vec<String>> {
    fn look(dir: &Path, wanted: &[u8], found: &mut Vec<String>) -> anyhow::Result<()> {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                look(&path, wanted, found)?;
            } else if fs::read(&path)?.windows(wanted.len()).any(|w| w == wanted) {
                found.push(path.display().to_string());
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    look(&stack.dir, wanted, &mut found)?;
    Ok(found)
}

/// Stands at the door, until the engine must be sure that it is the door.
async fn seen(hand: &mut Hand, run: &mut Run, who: &Person) -> anyhow::Result<()> {
    hand.stands(run, &[who], &"door".parse()?).await
}

/// Rows of a table whose blob or text columns hold her id, as bytes or as text.
fn rows_with(stack: &Stack, table: &str, columns: &[&str], who: &Person) -> anyhow::Result<u64> {
    let (text, bytes) = (who.customer.to_string(), hex::encode(who.customer.0));
    let holds = |column: &&str| {
        format!("instr({column}, x'{bytes}') > 0 OR instr(CAST({column} AS TEXT), '{text}') > 0")
    };
    let conditions: Vec<String> = columns.iter().map(holds).collect();
    Audit::open(&stack.database())?.number(&format!(
        "SELECT count(*) FROM {table} WHERE {}",
        conditions.join(" OR ")
    ))
}

async fn withdrawal_during_a_visit() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let anna = person(stack, "anna", MESSAGES).await?;
    let daan = person(stack, "daan", MESSAGES).await?;
    anna.did_online(stack, "carted", HER_SKU).await?;
    let door = &rig.credentials[0];
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    seen(&mut hand, &mut run, &daan).await?;
    seen(&mut hand, &mut run, &anna).await?;
    let audit = Audit::open(&stack.database())?;
    anyhow::ensure!(audit.visits("kade-9")?.len() == 2);
    let decided = "SELECT count(*) FROM decisions WHERE instr(body, 'ALLEEN-ANNA') > 0";
    anyhow::ensure!(audit.number(decided)? == 1, "no decision has looked at it");
    anyhow::ensure!(!files_with(stack, HER_SKU.as_bytes())?.is_empty());

    anna.phone
        .set_consent(Consent::NONE, CONSENT_TEXT, "nl")
        .await?;
    seen(&mut hand, &mut run, &anna).await?;
    seen(&mut hand, &mut run, &daan).await?;
    let visits = audit.visits("kade-9")?;
    anyhow::ensure!(
        visits.len() == 1 && visits[0].external_id == "daan",
        "{visits:#?}"
    );
    let hers = |table, columns| rows_with(stack, table, columns, &anna);
    anyhow::ensure!(hers("intents", &["customer"])? == 0);
    let logged = audit.sightings()?;
    anyhow::ensure!(logged.iter().all(|s| s.customer == daan.customer));
    anyhow::ensure!(!logged.is_empty());
    drop(audit);
    // A reader may hold the old pages; the next transaction wipes them.
    until("the last byte to go", async || {
        Ok(files_with(stack, HER_SKU.as_bytes())?.is_empty())
    })
    .await?;
    rig.stack.stop().await?;
    let left = files_with(&rig.stack, HER_SKU.as_bytes())?;
    anyhow::ensure!(left.is_empty(), "{left:#?}");
    Ok(())
}

async fn erasure_leaves_no_byte() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let bearer = format!("Bearer {}", stack.api_key);
    // A shop that sends a key with its post has the answer kept, which names her.
    let body = json!({
        "external_id": "cleo-1", "given_name": "Cleopatra-Q7", "family_name": "de Vries",
        "salutation": null, "language": "nl",
    });
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "cleo"),
    ];
    let body = body.to_string().into_bytes();
    let made = ask(stack, &Method::POST, "/v1/customers", &headers, body).await?;
    anyhow::ensure!(made.status == 201, "{}", made.body);
    let cleo = person(stack, "cleo-1", Consent::ALL).await?;
    anyhow::ensure!(made.body.contains(&cleo.customer.to_string()));
    cleo.did_online(stack, "carted", HER_SKU).await?;
    cleo.did_online(stack, "carted", "SJAAL-ROOD").await?;
    let order = json!({
        "external_id": "77-1", "store": "kade-9", "customer": cleo.customer,
        "lines": [{"sku": "LAMP-BOOG", "quantity": 1}], "state": "ready", "bay": "B1",
        "code": "4821",
    });
    let door = &rig.credentials[0];
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    seen(&mut hand, &mut run, &cleo).await?;
    let database = stack.database();
    until("an offer", async || {
        let sent = "SELECT count(*) FROM deliveries WHERE state = 'sent'";
        Ok(Audit::open(&database)?.number(sent)? == 1)
    })
    .await?;
    // Whoever waits for her order is offered nothing, so it comes after.
    let _: Nothing = stack.api.post("/v1/orders", &order).await?;
    // The offer, "your order is ready", and "we know that you are here".
    until("a visit, a card, three messages", async || {
        let audit = Audit::open(&database)?;
        Ok(audit.visits("kade-9")?.len() == 1
            && audit.cards("kade-9")?.len() == 1
            && audit.number("SELECT count(*) FROM deliveries WHERE state = 'sent'")? == 3)
    })
    .await?;

    let path = format!("/v1/customers/{}", cleo.customer);
    let erased = ask(stack, &Method::DELETE, &path, &headers[..1], Vec::new()).await?;
    anyhow::ensure!(erased.status == 204, "{}", erased.body);
    seen(&mut hand, &mut run, &cleo).await?;
    let me = cleo.phone.consent().await;
    anyhow::ensure!(me.is_err(), "her token still opens something");
    let traces = [
        cleo.customer.0.as_bytes().to_vec(),
        cleo.customer.to_string().into_bytes(),
        b"Cleopatra-Q7".to_vec(),
        HER_SKU.as_bytes().to_vec(),
    ];
    for running in [true, false] {
        for trace in &traces {
            let gone = async || Ok(files_with(&rig.stack, trace)?.is_empty());
            let what = format!("{:?} to go", String::from_utf8_lossy(trace));
            let waited = until(&what, gone).await;
            waited.with_context(|| format!("{:?}", files_with(&rig.stack, trace)))?;
        }
        if running {
            rig.stack.stop().await?;
        }
    }
    Ok(())
}

async fn strangers_never_reach_the_disk() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let bob = person(stack, "bob", Consent::NONE).await?;
    let daan = person(stack, "daan", MESSAGES).await?;
    let foreign = Eid([0xf0, 0x0d, 0xca, 0xfe, 0x13, 0x37, 0x5a, 0xa5]);
    let door = &rig.credentials[0];
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    let anchor = "door".parse()?;
    let mut stranger = bob.seen_at(&anchor, now_ms());
    stranger.transmitter = Transmitter::Eid(foreign);
    let batch = vec![
        stranger,
        bob.seen_at(&anchor, now_ms()),
        daan.seen_at(&anchor, now_ms()),
    ];
    hand.deliver(&run.batch(batch)).await?;
    seen(&mut hand, &mut run, &bob).await?;
    // She said yes and no again: what was heard since is not hers to be found.
    bob.phone.set_consent(MESSAGES, CONSENT_TEXT, "nl").await?;
    bob.phone
        .set_consent(Consent::NONE, CONSENT_TEXT, "nl")
        .await?;
    seen(&mut hand, &mut run, &bob).await?;

    for (table, columns) in [
        ("inputs", &["body"][..]),
        ("snapshots", &["state"]),
        ("visits", &["customer"]),
        ("cards", &["customer", "body"]),
        ("decisions", &["customer", "body"]),
        ("deliveries", &["customer"]),
    ] {
        let rows = rows_with(stack, table, columns, &bob)?;
        anyhow::ensure!(rows == 0, "{rows} rows of {table} name him");
    }
    // Her withdrawal took the log before it along: what came after shows that this looks right.
    hand.deliver(&run.batch(vec![daan.seen_at(&anchor, now_ms())]))
        .await?;
    anyhow::ensure!(rows_with(stack, "inputs", &["body"], &daan)? > 0);
    let server: Value = stack.api.get("/v1/server").await?;
    let counts = &server["counts"];
    anyhow::ensure!(counts["unresolved_total"] == 1, "{counts}");
    let his = 1 + 2 * STANDS_S;
    anyhow::ensure!(counts["no_consent_total"] == his, "{counts}");
    for trace in [foreign.0.to_vec(), foreign.to_string().into_bytes()] {
        let left = files_with(stack, &trace)?;
        anyhow::ensure!(left.is_empty(), "{left:#?}");
    }
    rig.stack.stop().await?;
    let left = files_with(&rig.stack, &foreign.0)?;
    anyhow::ensure!(left.is_empty(), "{left:#?}");
    Ok(())
}
