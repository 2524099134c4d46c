//! What gateways are to do otherwise than their files say, for shop systems.
//!
//! In: settings of a store or of one gateway, with the version that they were made from. Out: the
//! same with a number; per gateway the version wanted, the version in force, or why it is refused.
//! Promises: of two that change the same version one wins, and the other hears of it (`If-Match`).
//! Invariant: what is plainly wrong does not go out; whether it works, the gateway alone can say.

use std::fmt;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use garde::Validate;
use protocol::{
    GatewayId, StoreId,
    air::Namespace,
    settings::{ADAPTERS_MAX, SILENCES_S, TEXT_LEN_MAX, WINDOWS_MS},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    App,
    access::{AdminKey, ShopKey},
    problem::{At, Body, Problem},
};
use crate::store::{
    StoreError, beacons,
    settings::{self, Answer, Settings, SettingsRow},
    shop,
};

/// Settings under the keys of a gateway's file. What is left out is as the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(custom(checked))]
pub struct SettingsBody {
    /// Of the chain's iBeacons and AltBeacons; takes the place of the file's list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    #[schema(value_type = Option<Vec<String>>)]
    pub chain_uuids: Option<Vec<Uuid>>,
    /// Of the chain's Eddystone beacons, 20 hexadecimal digits each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub chain_namespaces: Option<Vec<String>>,
    /// Takes the place of the file's table, whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub source: Option<SourceBody>,
    /// How sightings are gathered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    pub aggregate: Option<AggregateBody>,
}

/// Where advertisements come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceBody {
    /// Through BlueZ, or over raw sockets.
    pub kind: SourceKind,
    /// `hci0`, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<String>,
    /// Several, of kind hci, in the place of `adapter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapters: Option<Vec<String>>,
    /// Silence after which the scan is started anew, 2 to 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_s: Option<u64>,
}

/// A kind of radio that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Through BlueZ.
    Btleplug,
    /// Over raw HCI sockets.
    Hci,
}

/// How sightings are gathered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AggregateBody {
    /// How long a window is, 100 to 60,000; 500 if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
}

/// As the gateway would say it; what the machine has, only the gateway knows.
fn checked(body: &SettingsBody, _: &()) -> garde::Result {
    let wrong = |what: String| Err(garde::Error::new(what));
    for text in body.chain_namespaces.iter().flatten() {
        if text.parse::<Namespace>().is_err() {
            return wrong(format!(
                "chain_namespaces: {text:?} is not 20 hexadecimal digits"
            ));
        }
    }
    let window_ms = body.aggregate.as_ref().and_then(|table| table.window_ms);
    if let Some(window_ms) = window_ms
        && !WINDOWS_MS.contains(&window_ms)
    {
        return wrong(must_be("aggregate.window_ms", &WINDOWS_MS));
    }
    if let Some(source) = &body.source {
        check_source(source).or_else(wrong)?;
    }
    let len = serde_json::to_string(body).map_or(usize::MAX, |text| text.len());
    if len > TEXT_LEN_MAX {
        return wrong(format!("{len} bytes, at most {TEXT_LEN_MAX} are taken"));
    }
    Ok(())
}

fn check_source(source: &SourceBody) -> Result<(), String> {
    if source.silence_s.is_some_and(|s| !SILENCES_S.contains(&s)) {
        return Err(must_be("source.silence_s", &SILENCES_S));
    }
    let several = source.adapters.as_deref();
    if several.is_some() && source.kind != SourceKind::Hci {
        return Err("source.adapters: a source of kind \"btleplug\" has no adapters".into());
    }
    if several.is_some() && source.adapter.is_some() {
        return Err("source.adapters: there is an adapter as well; keep one of the two".into());
    }
    if several.is_some_and(|all| !(1..=ADAPTERS_MAX).contains(&all.len())) {
        return Err(format!("source.adapters: must be 1 to {ADAPTERS_MAX}"));
    }
    let named = source.adapter.iter().chain(several.into_iter().flatten());
    for name in named {
        let number = name.strip_prefix("hci").map(str::parse::<u16>);
        if !matches!(number, Some(Ok(_))) {
            return Err(format!("source: {name:?} is not an adapter such as hci0"));
        }
    }
    Ok(())
}

fn must_be<T: fmt::Display>(key: &str, range: &std::ops::RangeInclusive<T>) -> String {
    format!("{key}: must be {} to {}", range.start(), range.end())
}

impl SettingsBody {
    pub(crate) fn to_settings(&self) -> Settings {
        match serde_json::to_value(self) {
            Ok(Value::Object(settings)) => settings,
            _ => Settings::new(),
        }
    }

    /// What is kept was checked when it came.
    pub(crate) fn of(settings: &Settings) -> Result<Self, StoreError> {
        serde_json::from_value(Value::Object(settings.clone()))
            .map_err(|e| StoreError::Damaged(format!("settings of a gateway: {e}")))
    }
}

/// How far a gateway is with what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Nothing is wanted: its file alone counts.
    OfTheFile,
    /// It has not answered yet.
    Waiting,
    /// It listens to another radio, which is in force once it was heard.
    Trying,
    /// As wanted.
    InForce,
    /// It stays with the version in force.
    Refused,
}

/// A version that a gateway did not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusedView {
    /// Which.
    pub version: u64,
    /// A word for programs: `heard_nothing`, `no_adapter`, `wrong`, `signature`, `older`, …
    pub why: String,
    /// For people.
    pub detail: String,
}

/// A gateway and its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GatewaySettingsView {
    /// Which.
    pub gateway: String,
    /// What is other for this one.
    pub settings: SettingsBody,
    /// The store's with its own: what it is told.
    pub wanted: SettingsBody,
    /// Their version; none: nobody ever said anything.
    pub wanted_version: Option<u64>,
    /// How far it is.
    pub progress: Progress,
    /// In force; none: what its file says.
    pub version_in_force: Option<u64>,
    /// Since when, as far as this server saw.
    pub since_ms: Option<u64>,
    /// The last version that it did not take.
    pub refused: Option<RefusedView>,
    /// What it was told could not be read from its disk when it started.
    pub damaged: bool,
}

/// A store's settings, and how far its gateways are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoreSettingsView {
    /// 0: nobody ever said anything. Also in `ETag`.
    version: u64,
    changed_ms: Option<u64>,
    settings: SettingsBody,
    gateways: Vec<GatewaySettingsView>,
}

impl GatewaySettingsView {
    pub(crate) fn read(
        db: &rusqlite::Connection,
        store: &StoreId,
        gateway: &GatewayId,
        answer: Option<Answer>,
    ) -> Result<Self, StoreError> {
        let own = settings::get(db, store, Some(gateway))?;
        let wanted = settings::wanted(db, store, gateway)?;
        let wanted_version = wanted.as_ref().map(|(version, _)| *version);
        let since_ms = answer.as_ref().map(|answer| answer.since_ms);
        let state = answer.map(|answer| answer.state).unwrap_or_default();
        let progress = match (wanted_version, &state.refused) {
            (None, _) => Progress::OfTheFile,
            (wanted, _) if wanted == state.version => Progress::InForce,
            (wanted, _) if wanted == state.trying => Progress::Trying,
            (Some(_), Some(refused)) if wanted_version == Some(refused.version) => {
                Progress::Refused
            }
            _ => Progress::Waiting,
        };
        Ok(Self {
            gateway: gateway.to_string(),
            settings: SettingsBody::of(&own.settings)?,
            wanted: SettingsBody::of(&wanted.map(|(_, all)| all).unwrap_or_default())?,
            wanted_version,
            progress,
            version_in_force: state.version,
            since_ms: since_ms.filter(|_| state.version.is_some()),
            refused: state.refused.map(|refused| RefusedView {
                version: refused.version,
                why: refused.why.slug(),
                detail: refused.why.to_string(),
            }),
            damaged: state.damaged,
        })
    }
}

fn store_view(db: &rusqlite::Connection, store: &StoreId) -> Result<StoreSettingsView, StoreError> {
    shop::store(db, store)?;
    let SettingsRow {
        version,
        settings,
        changed_ms,
    } = settings::get(db, store, None)?;
    let mut answers = settings::answers(db, store)?;
    let gateways = beacons::gateways(db, store)?.into_iter();
    let gateways = gateways.map(|row| {
        let answer = answers.remove(&row.gateway);
        GatewaySettingsView::read(db, store, &row.gateway, answer)
    });
    Ok(StoreSettingsView {
        version,
        changed_ms: (version > 0).then_some(changed_ms),
        settings: SettingsBody::of(&settings)?,
        gateways: gateways.collect::<Result<_, _>>()?,
    })
}

fn gateway_view(
    db: &rusqlite::Connection,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<(u64, GatewaySettingsView), StoreError> {
    if shop::gateway_password(db, store, gateway)?.is_none() {
        return Err(StoreError::NotFound("gateway"));
    }
    let own = settings::get(db, store, Some(gateway))?;
    let answer = settings::answers(db, store)?.remove(gateway);
    let view = GatewaySettingsView::read(db, store, gateway, answer)?;
    Ok((own.version, view))
}

fn tagged(version: u64, view: impl Serialize) -> Response {
    ([(header::ETAG, format!("\"{version}\""))], Json(view)).into_response()
}

/// None: whatever is there is to be replaced.
fn from_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    let number = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    match number.map(str::parse) {
        _ if text == "*" => Ok(None),
        Some(Ok(version)) => Ok(Some(version)),
        _ => Err(Problem::invalid(
            "If-Match: the ETag of what these settings were made from, such as \"3\"",
        )),
    }
}

/// Puts them in the place of the version that they were made from.
pub(crate) async fn change(
    app: &App,
    store: StoreId,
    gateway: Option<GatewayId>,
    from: Option<u64>,
    body: &SettingsBody,
) -> Result<u64, Problem> {
    let wanted = body.to_settings();
    let put = app.pipeline.write(move |txn| {
        let now = settings::get(txn.db, &store, gateway.as_ref())?.version;
        if from.is_some_and(|from| from != now) {
            return Ok(Err(now));
        }
        let version = settings::put(txn.db, txn.now_ms, &store, gateway.as_ref(), &wanted)?;
        txn.gateways_changed(&store);
        Ok(Ok(version))
    });
    put.await?.map_err(|now| {
        Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "changed-meanwhile",
            "Somebody else changed it",
            format!("these were not made from version {now}: read it again"),
        )
    })
}

/// A store's settings for its gateways, and how far each is.
#[utoipa::path(get, path = "/v1/stores/{store}/gateways/settings", tag = "fleet",
    params(("store" = String, Path)),
    responses((status = 200, body = StoreSettingsView), (status = "default", body = Problem)))]
pub(super) async fn get_store(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
) -> Result<Response, Problem> {
    let view = app.readers.read(move |db| store_view(db, &store)).await?;
    Ok(tagged(view.version, view))
}

/// Changes what all gateways of a store are to do otherwise than their files say. They take it
/// within seconds, or say why not.
#[utoipa::path(put, path = "/v1/stores/{store}/gateways/settings", tag = "fleet",
    request_body = SettingsBody,
    params(("store" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = StoreSettingsView), (status = "default", body = Problem)))]
pub(super) async fn put_store(
    _: AdminKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    headers: HeaderMap,
    Body(body): Body<SettingsBody>,
) -> Result<Response, Problem> {
    let from = from_version(&headers)?;
    change(&app, store.clone(), None, from, &body).await?;
    let view = app.readers.read(move |db| store_view(db, &store)).await?;
    Ok(tagged(view.version, view))
}

/// What is other for one gateway, and how far it is. `ETag` is the version of what is its own.
#[utoipa::path(get, path = "/v1/stores/{store}/gateways/{gateway}/settings", tag = "fleet",
    params(("store" = String, Path), ("gateway" = String, Path)),
    responses((status = 200, body = GatewaySettingsView), (status = "default", body = Problem)))]
pub(super) async fn get_gateway(
    _: ShopKey,
    State(app): State<App>,
    At((store, gateway)): At<(StoreId, GatewayId)>,
) -> Result<Response, Problem> {
    let read = app
        .readers
        .read(move |db| gateway_view(db, &store, &gateway));
    let (version, view) = read.await?;
    Ok(tagged(version, view))
}

/// Changes what is other for one gateway: its keys take the place of the store's. `{}` leaves it with
/// the store's.
#[utoipa::path(put, path = "/v1/stores/{store}/gateways/{gateway}/settings", tag = "fleet",
    request_body = SettingsBody,
    params(("store" = String, Path), ("gateway" = String, Path),
        ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = GatewaySettingsView), (status = "default", body = Problem)))]
pub(super) async fn put_gateway(
    _: AdminKey,
    State(app): State<App>,
    At((store, gateway)): At<(StoreId, GatewayId)>,
    headers: HeaderMap,
    Body(body): Body<SettingsBody>,
) -> Result<Response, Problem> {
    let from = from_version(&headers)?;
    change(&app, store.clone(), Some(gateway.clone()), from, &body).await?;
    let read = app
        .readers
        .read(move |db| gateway_view(db, &store, &gateway));
    let (version, view) = read.await?;
    Ok(tagged(version, view))
}

#[cfg(test)]
mod tests;
