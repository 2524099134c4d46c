//! The store goes on without the internet: a machine in it has the desk.

use anyhow::Context;
use demo::stack::{Options, STAFF, Stack, until};
use e2e::{
    hand::{Hand, Run},
    harness::test,
    home::Home,
    person::{MESSAGES, Person, person},
    rig::Rig,
};
use firmware_sim::http::Nothing;
use libtest_mimic::Trial;
use protocol::{AnchorId, OrderId, message::Ack};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::json;
use server::clock::now_ms;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_store_goes_on_without_the_internet_and_both_sides_agree_after",
            &[],
            goes_on,
        ),
        test(
            "a_second_machine_ends_the_first_and_its_journal_is_refused",
            &[],
            one_machine,
        ),
    ]
}

#[derive(Deserialize)]
struct Made {
    order: OrderId,
}

async fn order(stack: &Stack, of: &Person, number: &str, code: &str) -> anyhow::Result<OrderId> {
    let body = json!({
        "external_id": number, "store": stack.store, "customer": of.customer, "state": "ready",
        "bay": "B12", "code": code, "lines": [{"sku": "LAMP-BOOG", "quantity": 1}],
    });
    let made: Made = stack.api.post("/v1/orders", &body).await?;
    Ok(made.order)
}

/// Cards and orders of a database, in words that can be compared.
fn desk(db: &Connection) -> anyhow::Result<Vec<String>> {
    let mut rows = db.prepare(
        "SELECT hex(card) || journey || arrived_ms || ' ' || since_ms || coalesce(hex(taken_by), '-')
         FROM cards WHERE journey NOT IN ('created', 'withdrawn')
         UNION ALL SELECT external_id || state || coalesce(bay, '-') FROM orders ORDER BY 1",
    )?;
    let rows = rows.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The next acknowledgement of this kind on the gateway's connection.
async fn hears(hand: &mut Hand, wanted: impl Fn(&Ack) -> bool) -> anyhow::Result<()> {
    loop {
        let packet = hand.next().await?.context("the broker closed the line")?;
        if let e2e::hand::Packet::Publish(payload) = packet
            && wanted(&Ack::from_json(&payload)?)
        {
            return Ok(());
        }
    }
}

/// How often the central engine was told that nobody listens at the door.
const DEAF: &str = "SELECT count(*) FROM inputs
    WHERE CAST(body AS TEXT) LIKE '{\"kind\":\"deaf\"%door%'";

async fn goes_on() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let (anna, bea) = (
        person(stack, "anna", MESSAGES).await?,
        person(stack, "bea", MESSAGES).await?,
    );
    let carla = person(stack, "carla", MESSAGES).await?;
    order(stack, &anna, "1042-1", "1111").await?;
    let beas = order(stack, &bea, "1042-2", "2222").await?;
    let mut home = Home::start(stack).await?;
    home.has_desk().await?;
    until("the machine to know both phones", async || {
        Ok(home.number("SELECT count(*) FROM home_identities")? == 2)
    })
    .await?;
    anyhow::ensure!(
        home.number("SELECT count(*) FROM radios")? == 0,
        "a key came along"
    );
    let names = home.number("SELECT count(*) FROM customers")?;
    anyhow::ensure!(
        names == 2,
        "who has no order here is none of its business: {names}"
    );

    // With a line: Anna comes in, and the central server hears of it from the machine in the store.
    let credentials = home.credentials(&rig.credentials[0])?;
    let door: AnchorId = credentials.gateway.as_str().parse()?;
    let mut hand = Hand::connect(&stack.store, &credentials).await?;
    let mut run = Run::new(&stack.store, &credentials.gateway);
    hand.stands(&mut run, &[&anna, &carla], &door).await?;
    let central = || Connection::open(stack.database()).context("open the central database");
    let count =
        |sql: &str| -> anyhow::Result<i64> { Ok(central()?.query_row(sql, [], |row| row.get(0))?) };
    until("Anna's card on both sides", async || {
        let there = count("SELECT count(*) FROM cards WHERE journey = 'arrived'")?;
        Ok(there == 1 && home.number("SELECT count(*) FROM cards")? == 1)
    })
    .await?;
    until(
        "the central server to know that both women are here",
        async || Ok(count("SELECT count(*) FROM visits")? == 2),
    )
    .await?;
    let told = count("SELECT count(*) FROM deliveries WHERE cause LIKE 'arrival:%'")?;
    anyhow::ensure!(told == 1, "\"we know that you are here\": {told}");

    // Without: Bea comes in and is handed her order; the power fails on the way.
    let deaf = count(DEAF)?;
    home.wire.cut();
    let seen = vec![bea.seen_at(&door, now_ms())];
    let batch = run.batch(seen);
    let topic = protocol::Topic::new(
        &batch.store,
        &batch.gateway,
        protocol::topic::Channel::Sightings,
    );
    let bytes = hand.publish_bytes(&topic.to_string(), &protocol::message::to_json(&batch));
    hand.send(&bytes).await?;
    hears(&mut hand, |ack| ack.held.contains(batch.seq)).await?;
    until("Bea's card in the store", async || {
        Ok(home.number("SELECT count(*) FROM cards WHERE journey = 'arrived'")? == 2)
    })
    .await?;
    let sanne = home.log_in(STAFF.0, STAFF.1).await?;
    let card: String = {
        let db = server::store::open_reader(&home.database())?;
        let id: uuid::Uuid = db.query_row(
            "SELECT card FROM cards WHERE customer = ?1",
            [bea.customer.0],
            |row| row.get(0),
        )?;
        id.to_string()
    };
    let store = stack.store.as_str();
    let (status, said) = home.tap(&sanne, store, &card, "take", "").await?;
    anyhow::ensure!(status == 204, "{status} {said}");
    let (status, said) = home.tap(&sanne, store, &card, "hand-over", "1234").await?;
    anyhow::ensure!(status == 409, "a wrong code: {status} {said}");
    let (status, said) = home.tap(&sanne, store, &card, "hand-over", "2222").await?;
    anyhow::ensure!(status == 204, "{status} {said}");
    home.lose_power()?;
    for entry in std::fs::read_dir(home.disk.path())? {
        let path = entry?.path();
        let bytes = std::fs::read(&path)?;
        for word in [&b"de Vries"[..], b"2222", b"1042-2"] {
            let clear = bytes.windows(word.len()).any(|part| part == word);
            anyhow::ensure!(!clear, "{} says it in clear", path.display());
        }
    }
    home.restart().await?;
    let served = home.number("SELECT count(*) FROM cards WHERE journey = 'served'")?;
    anyhow::ensure!(served == 1, "what was handed over is forgotten");
    let (status, board) = home.get(&format!("/staff/{store}"), &sanne).await?;
    anyhow::ensure!(
        status == 200 && board.contains("Anna de Vries"),
        "{status} {board}"
    );
    // Meanwhile the shop cancels what Bea is carrying out of the door.
    let path = format!("/v1/orders/{beas}/state");
    let _: Nothing = stack
        .api
        .put(&path, &json!({ "state": "cancelled" }))
        .await?;
    until("the hand-over to be final", async || {
        Ok(home.number("SELECT count(*) FROM orders WHERE state = 'completed'")? == 1)
    })
    .await?;

    let told_deaf = count(DEAF)? > deaf;
    anyhow::ensure!(
        told_deaf,
        "the central server takes the cut for people who leave"
    );

    // And back: both sides agree, and the gateway is asked for what only the store has used.
    let mut hand = Hand::connect(&stack.store, &credentials).await?;
    hand.send(&bytes).await?;
    hears(&mut hand, |ack| ack.held.contains(batch.seq)).await?;
    home.wire.mend();
    hears(&mut hand, |ack| ack.again).await?;
    hand.deliver(&batch).await?;
    until("both sides to agree", async || {
        let here = desk(&server::store::open_reader(&home.database())?)?;
        Ok(here == desk(&central()?)? && home.number("SELECT count(*) FROM home_journal")? == 0)
    })
    .await?;
    let states = desk(&central()?)?;
    anyhow::ensure!(
        states.iter().any(|row| row.starts_with("1042-2completed")),
        "{states:?}"
    );
    anyhow::ensure!(
        count("SELECT count(*) FROM cards")? == 2,
        "nothing twice: {states:?}"
    );
    Ok(())
}

async fn one_machine() -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let path = format!("/v1/stores/{}/home", stack.store);
    let Token { token } = stack.api.put(&path, &json!({})).await?;
    let mut first = Home::start_with(stack, &token).await?;
    first.has_desk().await?;
    let second = Home::start_with(stack, &token).await?;
    second.has_desk().await?;
    let process = first.server.as_mut().context("the first machine")?;
    until("the first machine to stop", async || {
        Ok(process.still_runs().is_err())
    })
    .await?;
    let log = std::fs::read_to_string(first.disk.path().join("home.log"))?;
    anyhow::ensure!(log.contains("has the desk of its store no more"), "{log}");
    Ok(())
}
