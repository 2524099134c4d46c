//! The whole API over a database of its own, asked without a socket: for the tests of its rooms.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
};
use protocol::{CustomerId, StoreId};
use rusqlite::{Connection, types::ValueRef};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tower::ServiceExt;

use super::{App, Parts, app::consent::set_consent};
use crate::{
    clock,
    fleet::Fleet,
    identity::Identity,
    live::Live,
    maps::Maps,
    pipeline::{Counts, Outlets, Pipeline, Txn},
    secret,
    store::{
        Readers, StoreError,
        access::{self, KeyRole},
        fixtures, open_reader, open_writer, shop,
    },
};

/// The keys that are known.
pub(crate) const ADMIN: (&str, &str) = ("authorization", "Bearer admin");
pub(crate) const SHOP: (&str, &str) = ("authorization", "Bearer shop");
pub(crate) const TRACK_AS_BEARER: (&str, &str) = ("authorization", "Bearer track");
/// base64 of `track:`.
pub(crate) const TRACK: (&str, &str) = ("authorization", "Basic dHJhY2s6");
/// base64 of `shop:`.
pub(crate) const SHOP_AS_BASIC: (&str, &str) = ("authorization", "Basic c2hvcDo=");

/// A server without sockets: a store, a lamp, and three customers.
pub(crate) struct Rig {
    router: Router,
    pipeline: Pipeline,
    /// Agreed to everything.
    pub(crate) anna: CustomerId,
    /// Agreed to all but browsing and statistics.
    pub(crate) bea: CustomerId,
    pub(crate) store: StoreId,
    dir: TempDir,
    _stop: watch::Sender<bool>,
}

impl Rig {
    pub(crate) async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let db = open_writer(&path).unwrap();
        for (key, role) in [
            ("admin", KeyRole::Admin),
            ("shop", KeyRole::Shop),
            ("track", KeyRole::Track),
        ] {
            access::add_key(&db, 1, &format!("key-{key}"), role, &secret::sha256(key)).unwrap();
        }
        let store = fixtures::store(&db);
        fixtures::product(&db, "LAMP", None, Some("lamps"), 8_000);
        crate::store::seals::keep(&db, 1).unwrap();
        let anna = fixtures::customer(&db, "anna", 7);
        let bea = fixtures::customer(&db, "bea", 8);
        drop(db);

        let (live, counts) = (Arc::new(Live::default()), Arc::new(Counts::default()));
        let identity = Arc::new(Identity::load(&[], clock::now_ms()));
        let fleet = Arc::new(Fleet::new(counts.clone()).0);
        let outlets = Outlets {
            journal: Arc::default(),
            live: live.clone(),
            identity: identity.clone(),
            outbox: Arc::new(Notify::new()),
            fleet: fleet.clone(),
            committed: mpsc::unbounded_channel().0,
            counts: counts.clone(),
        };
        let (pipeline, _) = Pipeline::start(&path, outlets, 60_000, None).unwrap();
        let (stop, shutdown) = watch::channel(false);
        let app = App::new(Parts {
            pipeline: pipeline.clone(),
            readers: Readers::new(&path),
            live,
            identity,
            seals: Arc::default(),
            fleet,
            maps: Maps::new(pipeline.clone()),
            credentials: Arc::default(),
            counts,
            mqtt_host: "localhost".into(),
            mqtt_port: 1883,
            trust: Default::default(),
            wrong_codes: Default::default(),
            secure_cookies: false,
            public_url: None,
            feeds: Default::default(),
            logins: Default::default(),
            trials: Default::default(),
            refusals: Default::default(),
            providers: Default::default(),
            private_addresses: false,
            hashing: Semaphore::new(1),
            line: None,
            shutdown,
        });
        let rig = Self {
            router: super::router(app),
            pipeline,
            anna,
            bea,
            store,
            dir,
            _stop: stop,
        };
        rig.consent(anna, [true; 4]).await;
        rig.consent(bea, [true, true, false, false]).await;
        rig
    }

    pub(crate) async fn consent(&self, customer: CustomerId, switches: [bool; 4]) {
        let switches = switches.map(Some);
        self.pipeline
            .write(move |txn| set_consent(txn, customer, switches, "1", "nl", "app"))
            .await
            .unwrap();
    }

    /// A store gets a gateway at its door, so that people can be in it.
    pub(crate) async fn hears(&self, store: &StoreId) {
        let store = store.clone();
        self.write(move |txn| {
            let anchor = shop::AnchorRow {
                anchor: "door".parse().unwrap(),
                zone: "door".parse().unwrap(),
                kind: shop::AnchorKind::Gateway("door".parse().unwrap()),
                enter_rssi_dbm: -75,
            };
            let gateway = "door".parse().unwrap();
            shop::put_gateway(txn.db, txn.now_ms, &store, &gateway, &[1; 32])?;
            shop::put_anchor(txn.db, &store, &anchor)?;
            txn.layout_changed(&store)
        })
        .await;
    }

    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnMut(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.pipeline.write(write).await.unwrap()
    }

    /// Status and body of an answer; null if it is no JSON.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (u16, Value) {
        let (status, _, body) = self.answer(method, path, headers, body).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Headers and text of an answer.
    pub(crate) async fn page(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (HeaderMap, String) {
        let (_, headers, body) = self.answer(method, path, headers, body).await;
        (headers, String::from_utf8(body).unwrap())
    }

    async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (u16, HeaderMap, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX)
            .await
            .unwrap();
        (status, headers, body.to_vec())
    }

    /// Sends JSON.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        key: (&str, &str),
        body: &Value,
    ) -> (u16, Value) {
        let headers = [key, ("content-type", "application/json")];
        self.ask(method, path, &headers, body.to_string()).await
    }

    /// A number from the database.
    pub(crate) fn number(&self, sql: &str) -> u32 {
        self.db().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// A text from the database; empty if there is no row.
    pub(crate) fn text(&self, sql: &str) -> String {
        let found = self.db().query_row(sql, [], |row| row.get(0));
        found.unwrap_or_default()
    }

    pub(crate) fn db(&self) -> Connection {
        open_reader(&self.dir.path().join("db")).unwrap()
    }

    /// Every row of every table, as text.
    pub(crate) fn dump(&self) -> Vec<String> {
        let db = self.db();
        let mut tables = db
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
            .unwrap();
        let tables: Vec<String> = tables
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut rows = Vec::new();
        for table in tables {
            let mut all = db.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let width = all.column_count();
            let mut found = all.query([]).unwrap();
            while let Some(row) = found.next().unwrap() {
                let cells = (0..width).map(|i| match row.get_ref(i).unwrap() {
                    ValueRef::Blob(bytes) => hex::encode(bytes),
                    ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    other => format!("{other:?}"),
                });
                rows.push(format!(
                    "{table}: {}",
                    cells.collect::<Vec<_>>().join(" | ")
                ));
            }
        }
        rows.sort();
        rows
    }

    /// Whether any row holds these bytes, as they are or as text.
    pub(crate) fn in_a_row(&self, wanted: &[u8]) -> bool {
        let (text, coded) = (
            String::from_utf8_lossy(wanted).into_owned(),
            hex::encode(wanted),
        );
        self.dump()
            .iter()
            .any(|row| row.contains(&text) || row.contains(&coded))
    }

    /// Whether any of the database's files holds these bytes.
    pub(crate) fn names(&self, wanted: &[u8]) -> bool {
        let files = std::fs::read_dir(self.dir.path()).unwrap();
        files.into_iter().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(wanted.len()).any(|window| window == wanted)
        })
    }
}
