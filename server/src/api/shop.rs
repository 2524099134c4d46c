//! Stores, gateways, staff: what the operator sets up.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use protocol::{GatewayId, StaffId, StoreId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::AdminKey,
    fresh,
    problem::{At, Body, Problem},
};
use crate::{
    clock, secret,
    store::{
        access::{self, StaffRow},
        plan::{self, Certainty},
        radios, seals,
        shop::{self, Names, StoreRow},
    },
};

/// A name in both languages.
#[derive(Debug, Clone, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamesBody {
    /// Dutch.
    #[garde(length(min = 1, max = 120))]
    nl: String,
    /// English.
    #[garde(length(min = 1, max = 120))]
    en: String,
}

impl From<Names> for NamesBody {
    fn from(Names { nl, en }: Names) -> Self {
        Self { nl, en }
    }
}

impl From<NamesBody> for Names {
    fn from(NamesBody { nl, en }: NamesBody) -> Self {
        Self { nl, en }
    }
}

/// A store.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreBody {
    /// As people call it: `Kade 9 Utrecht`.
    #[garde(length(min = 1, max = 120))]
    name: String,
    /// IANA time zone: `Europe/Amsterdam`.
    #[garde(custom(time_zone))]
    timezone: String,
    /// `HH:MM`.
    #[garde(custom(time_of_day))]
    opens: String,
    /// `HH:MM`.
    #[garde(custom(time_of_day))]
    closes: String,
    /// No marketing from this time, `HH:MM` ...
    #[garde(inner(custom(time_of_day)))]
    quiet_from: Option<String>,
    /// ... to this one; may pass midnight.
    #[garde(inner(custom(time_of_day)))]
    quiet_to: Option<String>,
    /// Marketing messages to one person a day, all stores together.
    #[garde(range(max = 20))]
    messages_per_day_max: u32,
    /// A zone is said once it is this likely, in thousandths; 900 if it is not said.
    #[garde(inner(range(min = 500, max = 999)))]
    say_permille: Option<u16>,
    /// Of a thousand who pass outside, so many may be taken for arrivals; 10 if it is not said.
    #[garde(inner(range(min = 1, max = 200)))]
    false_arrivals_permille: Option<u16>,
}

fn time_of_day(text: &str, _: &()) -> garde::Result {
    let wrong = || garde::Error::new("not a time as HH:MM");
    shop::minutes(text).map(|_| ()).ok_or_else(wrong)
}

fn time_zone(name: &str, _: &()) -> garde::Result {
    let wrong = |_| garde::Error::new("not an IANA time zone such as Europe/Amsterdam");
    jiff::tz::TimeZone::get(name).map(|_| ()).map_err(wrong)
}

/// Makes or changes a store.
#[utoipa::path(put, path = "/v1/stores/{store}", tag = "store", request_body = StoreBody,
    params(("store" = String, Path)), responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_store(
    _: AdminKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Body(body): Body<StoreBody>,
) -> Result<StatusCode, Problem> {
    if body.quiet_from.is_some() != body.quiet_to.is_some() {
        return Err(Problem::invalid("set quiet_from and quiet_to, or neither"));
    }
    let row = StoreRow {
        store: store.clone(),
        name: body.name,
        timezone: body.timezone,
        opens: body.opens,
        closes: body.closes,
        quiet: body.quiet_from.zip(body.quiet_to),
        messages_per_day_max: body.messages_per_day_max,
    };
    let usual = Certainty::default();
    let certainty = Certainty {
        say_permille: body.say_permille.unwrap_or(usual.say_permille),
        false_arrivals_permille: body
            .false_arrivals_permille
            .unwrap_or(usual.false_arrivals_permille),
    };
    app.pipeline
        .write(move |txn| {
            shop::put_store(txn.db, &row, 1)?;
            plan::put_certainty(txn.db, &row.store, certainty)?;
            txn.layout_changed(&row.store)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A gateway to be let in.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayBody {
    /// Its id.
    #[schema(value_type = String)]
    #[garde(skip)]
    gateway: GatewayId,
}

/// What a gateway logs in with; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct GatewayCredentials {
    gateway: String,
    mqtt_username: String,
    mqtt_password: String,
    mqtt_host: String,
    mqtt_port: u16,
    /// For `seal.trust` in its settings: who signs the keys of later.
    seal_trust: String,
    /// For `seal.key`: what to seal to until a later key is told.
    seal_key: String,
}

/// Lets a gateway in, or gives it a new password.
#[utoipa::path(post, path = "/v1/stores/{store}/gateways", tag = "store", request_body = GatewayBody,
    params(("store" = String, Path)),
    responses((status = 201, body = GatewayCredentials), (status = "default", body = Problem)))]
pub(super) async fn post_gateway(
    _: AdminKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Body(body): Body<GatewayBody>,
) -> Result<(StatusCode, Json<GatewayCredentials>), Problem> {
    let gateway = body.gateway;
    let password = secret::token("wg_")?;
    let hash = secret::sha256(&password);
    let (s, g) = (store.clone(), gateway.clone());
    let (trust, key) = app
        .pipeline
        .write(move |txn| {
            radios::none_is(txn.db, &s, &g)?;
            shop::put_gateway(txn.db, txn.now_ms, &s, &g, &hash)?;
            txn.gateways_changed(&s);
            seals::for_gateway(txn.db)
        })
        .await?;
    app.credentials.set(store.clone(), gateway.clone(), hash);
    Ok((
        StatusCode::CREATED,
        Json(GatewayCredentials {
            mqtt_username: format!("{store}/{gateway}"),
            gateway: gateway.to_string(),
            mqtt_password: password,
            mqtt_host: app.mqtt_host.clone(),
            mqtt_port: app.mqtt_port,
            seal_trust: trust.to_string(),
            seal_key: key.to_string(),
        }),
    ))
}

/// A colleague.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffBody {
    /// The name that colleagues see: `Sanne`.
    #[garde(length(min = 1, max = 60))]
    name: String,
    /// `staff` or `manager`, of this store.
    #[garde(custom(store_role))]
    role: String,
    /// At least ten characters.
    #[garde(length(min = 10, max = 200))]
    password: String,
}

fn store_role(role: &str, _: &()) -> garde::Result {
    match role {
        "staff" | "manager" => Ok(()),
        _ => Err(garde::Error::new(
            "staff or manager; an admin is made on the command line",
        )),
    }
}

/// Makes or changes a colleague of a store.
#[utoipa::path(put, path = "/v1/stores/{store}/staff/{login}", tag = "store", request_body = StaffBody,
    params(("store" = String, Path), ("login" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_staff(
    _: AdminKey,
    State(app): State<App>,
    At((store, login)): At<(StoreId, String)>,
    Body(body): Body<StaffBody>,
) -> Result<StatusCode, Problem> {
    if login.is_empty() || login.len() > 60 {
        return Err(Problem::invalid("login: 1 to 60 characters"));
    }
    let place = app
        .hashing
        .acquire()
        .await
        .map_err(|_| Problem::internal())?;
    let password = body.password;
    let hash = tokio::task::spawn_blocking(move || secret::hash_password(&password)).await;
    drop(place);
    let row = StaffRow {
        staff: fresh(StaffId::at, clock::now_ms())?,
        // As the log-in page looks it up.
        login: login.to_lowercase(),
        name: body.name,
        role: body.role.parse()?,
        store: Some(store.clone()),
        password_hash: hash
            .ok()
            .and_then(Result::ok)
            .ok_or_else(Problem::internal)?,
    };
    app.pipeline
        .write(move |txn| {
            shop::store(txn.db, &store)?;
            if let Some(known) = access::staff_by_login(txn.db, &row.login)?
                && known.store.as_ref() != Some(&store)
            {
                let taken = "this login name is of another store".to_owned();
                return Err(crate::store::StoreError::Conflict(taken));
            }
            access::put_staff(txn.db, txn.now_ms, &row)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
