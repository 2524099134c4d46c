//! What a store's home asks of the central server; see [`crate::home`].
//!
//! In: a home's token and epoch. Out: how things stand in its store; what it tells goes to the
//! pipeline and is answered after the commit.
//! Invariant: without the epoch that has the desk nothing is told and nothing is taken.

use axum::{
    Json,
    extract::{FromRequestParts, Query, Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use protocol::{Ranges, StoreId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::{
    App,
    access::{AdminKey, bearer},
    problem::{At, Problem, Raw},
};
use crate::{
    clock,
    home::{
        BATCHES_MAX, Claimed, ENTRIES_MAX, Identities, Journal, Reached, Relayed, Taken, Wanted,
        central,
    },
    ingest, seal, secret,
    store::{StoreError, homes, homes::HomeRow, seals},
};

/// Bytes of a home's request at most: a hundred full batches.
pub(super) const HOME_LEN_MAX: usize = 32 * 1024 * 1024;
/// That a home asked is written down this often.
const SEEN_EVERY_MS: u64 = 5_000;
/// Customers in one request for identities at most.
const WANTED_MAX: usize = 2_000;

/// The machine in a store that asks.
pub struct HomeKey(HomeRow);

impl FromRequestParts<App> for HomeKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let hash = secret::sha256(bearer(parts)?);
        let row = app
            .readers
            .read(move |db| homes::by_token(db, &hash))
            .await?;
        row.map(Self)
            .ok_or_else(|| Problem::unauthorized("this token is of no store's home"))
    }
}

impl HomeKey {
    fn store(&self) -> StoreId {
        self.0.store.clone()
    }

    /// The epoch that has the desk, or a machine that had it.
    fn fence(&self, epoch: u64) -> Result<(), Problem> {
        if epoch == self.0.epoch && epoch > 0 {
            return Ok(());
        }
        Err(StoreError::NotHome(self.0.store.to_string()).into())
    }
}

/// A home's token; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct HomeToken {
    /// For `home.token_file` of the machine in the store.
    token: String,
}

/// Lets a machine in the store have its desk, or gives it another token.
#[utoipa::path(put, path = "/v1/stores/{store}/home", tag = "home", params(("store" = String, Path)),
    responses((status = 201, body = HomeToken), (status = "default", body = Problem)))]
pub(super) async fn put_home(
    _: AdminKey,
    State(app): State<App>,
    At(store): At<StoreId>,
) -> Result<(StatusCode, Json<HomeToken>), Problem> {
    let token = secret::token("wh_")?;
    let hash = secret::sha256(&token);
    let app_seals = app.seals.clone();
    app.pipeline
        .write(move |txn| {
            homes::put(txn.db, &store, &hash)?;
            seals::for_home(txn.db, txn.now_ms, &store)?;
            seal::tell(txn, &app_seals)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(HomeToken { token })))
}

/// Takes the desk back: this server has it again, as it was last told.
#[utoipa::path(delete, path = "/v1/stores/{store}/home", tag = "home",
    params(("store" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn delete_home(
    _: AdminKey,
    State(app): State<App>,
    At(store): At<StoreId>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| central::give_back(txn, &store))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The home takes the desk: any machine that had it is out.
#[utoipa::path(post, path = "/v1/home/claim", tag = "home",
    responses((status = 200, description = "The desk, and the epoch for every request from now on"),
        (status = "default", body = Problem)))]
pub(super) async fn claim(home: HomeKey, State(app): State<App>) -> Result<Json<Claimed>, Problem> {
    let (store, seals) = (home.store(), app.seals.clone());
    let claimed = app
        .pipeline
        .write(move |txn| {
            let claimed = central::claim(txn, &store)?;
            seals.reload(txn.db)?;
            Ok(claimed)
        })
        .await?;
    Ok(Json(claimed))
}

/// Which home asks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EpochQuery {
    /// As the claim was answered.
    epoch: u64,
}

/// How things stand in the store; 304 with `If-None-Match` while that has not changed.
#[utoipa::path(get, path = "/v1/home/state", tag = "home", params(EpochQuery),
    responses((status = 200, description = "All that this home may know"), (status = 304),
        (status = "default", body = Problem)))]
pub(super) async fn state(
    home: HomeKey,
    State(app): State<App>,
    Query(query): Query<EpochQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    home.fence(query.epoch)?;
    let (store, now_ms) = (home.store(), clock::now_ms());
    if home
        .0
        .seen_ms
        .is_none_or(|seen_ms| seen_ms + SEEN_EVERY_MS < now_ms)
    {
        let of = store.clone();
        app.pipeline
            .write(move |txn| homes::seen(txn.db, &of, txn.now_ms))
            .await?;
    }
    // As the stamp was before the state is read: what changes in between is told once more.
    let etag = format!("\"{}\"", home.0.tag(now_ms));
    let same = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == etag.as_bytes());
    if same {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let state = app
        .readers
        .read(move |db| central::state(db, now_ms, &store))
        .await?;
    let body = serde_json::to_vec(&state).map_err(|_| Problem::internal())?;
    let kind = "application/json".to_owned();
    Ok(([(header::ETAG, etag), (header::CONTENT_TYPE, kind)], body).into_response())
}

/// What the radios of these customers will advertise in the coming hours.
#[utoipa::path(post, path = "/v1/home/identities", tag = "home",
    responses((status = 200, description = "Of those who have an open order here and agreed"),
        (status = "default", body = Problem)))]
pub(super) async fn identities(
    home: HomeKey,
    State(app): State<App>,
    Raw(body): Raw,
) -> Result<Json<Vec<Identities>>, Problem> {
    let wanted: Wanted = read(&body)?;
    home.fence(wanted.epoch)?;
    if wanted.customers.len() > WANTED_MAX {
        return Err(Problem::invalid(format!("customers: at most {WANTED_MAX}")));
    }
    let (store, now_ms) = (home.store(), clock::now_ms());
    let identities = app
        .readers
        .read(move |db| central::identities(db, now_ms, &store, &wanted.customers))
        .await?;
    Ok(Json(identities))
}

/// What happened at the desk; how far it is applied.
#[utoipa::path(post, path = "/v1/home/journal", tag = "home",
    responses((status = 200, description = "The number up to which it is applied"),
        (status = "default", body = Problem)))]
pub(super) async fn journal(
    home: HomeKey,
    State(app): State<App>,
    Raw(body): Raw,
) -> Result<Json<Reached>, Problem> {
    let journal: Journal = read(&body)?;
    home.fence(journal.epoch)?;
    if journal.entries.len() > ENTRIES_MAX {
        return Err(Problem::invalid(format!("entries: at most {ENTRIES_MAX}")));
    }
    let store = home.store();
    let n = app
        .pipeline
        .write(move |txn| central::hear(txn, &store, journal.epoch, &journal.entries))
        .await?;
    Ok(Json(Reached { n }))
}

/// What the store's gateways said; which of it is committed.
#[utoipa::path(post, path = "/v1/home/batches", tag = "home",
    responses((status = 200, description = "The batches that gateways may forget"),
        (status = "default", body = Problem)))]
pub(super) async fn batches(
    home: HomeKey,
    State(app): State<App>,
    Raw(body): Raw,
) -> Result<Json<Vec<Taken>>, Problem> {
    let relayed: Relayed = read(&body)?;
    home.fence(relayed.epoch)?;
    if relayed.batches.len() > BATCHES_MAX {
        return Err(Problem::invalid(format!("batches: at most {BATCHES_MAX}")));
    }
    let store = home.store();
    for (gateway, status) in relayed.statuses {
        let now_ms = clock::now_ms();
        app.fleet
            .heard_from(store.clone(), gateway, status, false, now_ms);
    }
    let mut works = Vec::with_capacity(relayed.batches.len());
    for batch in relayed.batches {
        batch
            .check()
            .map_err(|error| Problem::invalid(format!("batch {}: {error}", batch.seq)))?;
        if batch.store != store {
            return Err(Problem::forbidden("a batch of another store"));
        }
        let batch = ingest::open(&app.seals, &app.counts, batch);
        works.push(ingest::resolve(&app.identity, &app.counts, batch));
    }
    let taken = works.iter().map(|work| Taken {
        gateway: work.gateway.clone(),
        boot: work.boot,
        applied: Ranges::from(vec![(work.seq, work.seq)]),
    });
    let taken = taken.collect();
    // All wait for the writer at once, so that they are committed together.
    let committed = works.into_iter().map(|work| app.pipeline.batch_done(work));
    futures_util::future::try_join_all(committed).await?;
    Ok(Json(taken))
}

/// A machine in a store has its board, and nothing else of a server: it does not know enough for it.
pub(super) async fn board_alone(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_board = match path.strip_prefix("/staff/") {
        // Rewards are given by the central server alone.
        Some(of_staff) => !of_staff.ends_with("/rewards"),
        None => {
            ["/", "/login", "/logout", "/sw.js"].contains(&path) || path.starts_with("/assets/")
        }
    };
    if app.line.is_none() || is_board {
        return next.run(request).await;
    }
    Problem::not_found(
        "this machine stands in a store and has its board alone; ask the central server",
    )
    .into_response()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::invalid(error.to_string()))
}

#[cfg(test)]
mod tests;
