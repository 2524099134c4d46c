//! That nothing of hers is forgotten, and nothing that opens something is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::{
    super::{fixtures, open_writer},
    *,
};

/// Columns of hers that are in no export, each with its reason. `TABLE.*` is a whole table.
const LEFT_OUT: [(&str, &str); 22] = [
    ("devices.token_sha256", "opens the app's calls"),
    ("devices.signing_key", "signs as her phone"),
    ("radios.eid_key", "who has it can follow her phone"),
    (
        "radios.clock_offset_s",
        "half of what her phone's identities are made with",
    ),
    ("enrolments.code_sha256", "of a code that lets a phone in"),
    ("page_links.token_sha256", "of a link that opens her page"),
    ("sessions.token_sha256", "of a cookie that opens her page"),
    ("sessions.csrf", "goes with that cookie"),
    (
        "sessions.staff",
        "a session is a shopper's or a colleague's",
    ),
    ("push_addresses.address_sha256", "of the next"),
    ("push_addresses.address", "who has it can reach her phone"),
    ("push_addresses.p256dh", "a key"),
    ("push_addresses.auth", "a key"),
    (
        "orders.share_sha256",
        "of a link with which somebody else collects",
    ),
    ("cards.taken_by", "is about a colleague"),
    ("staff_addresses.*", "of a colleague's phone"),
    (
        "staff_pushes.*",
        "which colleague's phone was told of her card, without her name",
    ),
    ("rewards.redeemed_by", "is about a colleague, or a till"),
    (
        "deliveries.leased_until_ms",
        "of a worker, for half a minute",
    ),
    (
        "changes.*",
        "which card changed, for open boards: the last of them, without her id",
    ),
    (
        "home_identities.*",
        "at a store's own machine alone: who has them can follow her phone for some hours",
    ),
    (
        "home_words.*",
        "what her phone said in the last ten minutes, on its way to a store's own machine",
    ),
];

/// Keys of her own tables: a column of the same name in another table may be about her, too.
const HER_IDS: [&str; 7] = [
    "customer", "device", "visit", "card", "decision", "delivery", "order",
];

/// Every table with a row about a customer: by a column, or by a foreign key to such a table.
fn about_her(db: &Connection) -> BTreeSet<String> {
    let names = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let tables = names("SELECT name FROM sqlite_master WHERE type = 'table'");
    let mut about = BTreeSet::from(["customers".to_owned()]);
    loop {
        let before = about.len();
        for table in &tables {
            let columns = names(&format!("SELECT name FROM pragma_table_info('{table}')"));
            let points_to = names(&format!(
                "SELECT \"table\" FROM pragma_foreign_key_list('{table}')"
            ));
            let hers = columns
                .iter()
                .any(|column| HER_IDS.contains(&column.as_str()))
                || points_to.iter().any(|other| about.contains(other));
            if hers {
                about.insert(table.clone());
            }
        }
        if about.len() == before {
            return about;
        }
    }
}

fn columns(db: &Connection, table: &str) -> Vec<String> {
    let mut statement = db
        .prepare("SELECT name FROM pragma_table_info(?1)")
        .unwrap();
    let rows = statement.query_map([table], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_column_about_her_is_in_the_export_or_on_the_list_of_those_that_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut db = open_writer(&path).unwrap();
    fixtures::store(&db);
    fixtures::product(&db, "LAMP", None, None, 8_000);
    let anna = fixtures::customer(&db, "anna", 7);
    fixtures::everything_of(&db, anna, 1);
    let known: BTreeMap<String, Vec<String>> = about_her(&db)
        .into_iter()
        .map(|table| (table.clone(), columns(&db, &table)))
        .collect();

    let read = Arc::new(Mutex::new(BTreeSet::new()));
    let reads = read.clone();
    db.authorizer(Some(move |context: AuthContext<'_>| {
        if let AuthAction::Read {
            table_name,
            column_name,
        } = context.action
        {
            reads
                .lock()
                .unwrap()
                .insert(format!("{table_name}.{column_name}"));
        }
        Authorization::Allow
    }))
    .unwrap();
    of(&db, 100, anna).unwrap();

    let read = read.lock().unwrap();
    let left_out = |column: &str| LEFT_OUT.iter().any(|(known, _)| *known == column);
    let mut forgotten = Vec::new();
    for (table, columns) in &known {
        if left_out(&format!("{table}.*")) {
            continue;
        }
        let names = columns.iter().map(|column| format!("{table}.{column}"));
        forgotten.extend(names.filter(|name| !read.contains(name) && !left_out(name)));
    }
    assert_eq!(forgotten, Vec::<String>::new(), "tell them, or say why not");
    for (column, why) in LEFT_OUT {
        let (table, name) = column.split_once('.').unwrap();
        let there = known
            .get(table)
            .is_some_and(|all| name == "*" || all.iter().any(|c| c == name));
        assert!(
            there && !read.contains(column),
            "{column} ({why}) is no exception any more"
        );
    }
}

#[test]
fn the_rows_that_tests_erase_and_export_are_in_every_table_about_her() {
    let dir = tempfile::tempdir().unwrap();
    let db = open_writer(&dir.path().join("db")).unwrap();
    fixtures::store(&db);
    fixtures::product(&db, "LAMP", None, None, 8_000);
    let anna = fixtures::customer(&db, "anna", 7);
    fixtures::everything_of(&db, anna, 1);
    for table in about_her(&db) {
        if LEFT_OUT
            .iter()
            .any(|(known, _)| *known == format!("{table}.*"))
        {
            continue;
        }
        let sql = format!("SELECT count(*) FROM \"{table}\"");
        let rows: u32 = db.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert!(rows > 0, "{table}: add a row to fixtures::everything_of");
    }
}

#[test]
fn an_export_tells_what_is_hers_and_nothing_of_another_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let db = open_writer(&dir.path().join("db")).unwrap();
    fixtures::store(&db);
    fixtures::product(&db, "LAMP", None, None, 8_000);
    let anna = fixtures::customer(&db, "anna", 7);
    let bea = fixtures::customer(&db, "bea", 8);
    fixtures::everything_of(&db, anna, 1);
    let told = serde_json::to_value(of(&db, 100, anna).unwrap()).unwrap();
    for (field, value) in told.as_object().unwrap() {
        let empty = value.as_array().is_some_and(Vec::is_empty) || value.is_null();
        assert!(!empty, "{field} tells nothing");
    }
    let text = told.to_string();
    for secret in [
        hex::encode(fixtures::SECRET),
        "geheim-van-Anna!".into(),
        "colleague".into(),
    ] {
        assert!(!text.contains(&secret), "{secret}: {text}");
    }
    assert_eq!(told["purchases"][0]["lines"][0]["quantity"], 2);
    assert_eq!(told["devices"][0]["radios"][0]["valid_from_ms"], 7);
    assert_eq!(told["walks"][0]["stands"][0]["heard"][0]["sum_dbm"], -350);
    assert_eq!(told["messages"][0]["push"]["attempts"][0]["status"], 200);

    let of_bea = serde_json::to_string(&of(&db, 100, bea).unwrap()).unwrap();
    assert!(!of_bea.contains(fixtures::HERS), "{of_bea}");
    assert!(of_bea.contains("\"online\":[]"), "{of_bea}");
}
