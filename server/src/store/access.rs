//! Who may do what: API keys, staff, sessions, page links, and requests that came before.

use protocol::{CustomerId, StaffId, StoreId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, int, parsed};

/// What an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// A web shop's pages and apps: tell what shoppers do online, and nothing else.
    Track,
    /// A shop system: products, customers, orders, reading.
    Shop,
    /// The operator: stores, gateways and staff too.
    Admin,
}

impl KeyRole {
    fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Shop => "shop",
            Self::Admin => "admin",
        }
    }
}

/// Adds an API key.
pub fn add_key(
    db: &Connection,
    now_ms: u64,
    name: &str,
    role: KeyRole,
    key_sha256: &[u8; 32],
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO api_keys VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key_sha256, name, role.as_str(), int(now_ms)])?;
    Ok(())
}

/// What the keys are called with which events come.
pub fn track_keys(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT DISTINCT name FROM api_keys WHERE role = 'track' ORDER BY name")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What a key may do, and what it is called; none: it is no key.
pub fn key(
    db: &Connection,
    key_sha256: &[u8; 32],
) -> Result<Option<(KeyRole, String)>, StoreError> {
    let found: Option<(String, String)> = db
        .prepare_cached("SELECT role, name FROM api_keys WHERE key_sha256 = ?1")?
        .query_row([key_sha256.as_slice()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((role, name)) = found else {
        return Ok(None);
    };
    [KeyRole::Track, KeyRole::Shop, KeyRole::Admin]
        .into_iter()
        .find(|known| known.as_str() == role)
        .map(|role| Some((role, name)))
        .ok_or_else(|| StoreError::Damaged(format!("role {role:?} of a key")))
}

/// A colleague's role; each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StaffRole {
    /// Works in one store.
    Staff,
    /// Runs one store.
    Manager,
    /// Runs the chain.
    Admin,
}

impl StaffRole {
    /// As it is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for StaffRole {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text {
            "staff" => Ok(Self::Staff),
            "manager" => Ok(Self::Manager),
            "admin" => Ok(Self::Admin),
            other => Err(StoreError::Damaged(format!("role {other:?}"))),
        }
    }
}

/// A colleague who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffRow {
    /// Who.
    pub staff: StaffId,
    /// The login name.
    pub login: String,
    /// The name that colleagues see.
    pub name: String,
    /// What she may do.
    pub role: StaffRole,
    /// Her store; none for admins.
    pub store: Option<StoreId>,
    /// argon2id.
    pub password_hash: String,
}

impl StaffRow {
    /// Whether she may see this store's board.
    pub fn may_enter(&self, store: &StoreId) -> bool {
        self.role == StaffRole::Admin || self.store.as_ref() == Some(store)
    }

    /// Whether she may see and change how this store is set up.
    pub fn may_manage(&self, store: &StoreId) -> bool {
        self.role >= StaffRole::Manager && self.may_enter(store)
    }
}

/// Makes or changes a colleague, by login name.
pub fn put_staff(db: &Connection, now_ms: u64, row: &StaffRow) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO staff VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (login) DO UPDATE SET name = ?3, role = ?4, store = ?5, password_hash = ?6",
    )?
    .execute(params![
        row.staff.0,
        row.login,
        row.name,
        row.role.as_str(),
        row.store.as_ref().map(StoreId::as_str),
        row.password_hash,
        int(now_ms)
    ])?;
    Ok(())
}

pub(super) fn staff_row(row: &rusqlite::Row<'_>) -> Result<StaffRow, rusqlite::Error> {
    Ok(StaffRow {
        staff: StaffId(row.get(0)?),
        login: row.get(1)?,
        name: row.get(2)?,
        role: parsed(row.get_ref(3)?.as_str()?)?,
        store: row.get_ref(4)?.as_str_or_null()?.map(parsed).transpose()?,
        password_hash: row.get(5)?,
    })
}

/// The colleague with this login name.
pub fn staff_by_login(db: &Connection, login: &str) -> Result<Option<StaffRow>, StoreError> {
    Ok(db
        .prepare_cached("SELECT * FROM staff WHERE login = ?1")?
        .query_row([login], staff_row)
        .optional()?)
}

/// Who a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOf {
    /// A colleague.
    Staff(Box<StaffRow>),
    /// A shopper.
    Customer(CustomerId),
}

/// A session and the token that its forms must carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Whose.
    pub of: SessionOf,
    /// Cross-site request forgery token.
    pub csrf: String,
}

/// Starts a session.
pub fn add_session(
    db: &Connection,
    now_ms: u64,
    token_sha256: &[u8; 32],
    staff: Option<StaffId>,
    customer: Option<CustomerId>,
    csrf: &str,
    expires_ms: u64,
) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM sessions WHERE expires_ms <= ?1")?
        .execute([int(now_ms)])?;
    db.prepare_cached("INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            token_sha256,
            staff.map(|s| s.0),
            customer.map(|c| c.0),
            csrf,
            int(expires_ms)
        ])?;
    Ok(())
}

/// The session of a token, if it is not over.
pub fn session(
    db: &Connection,
    now_ms: u64,
    token_sha256: &[u8; 32],
) -> Result<Option<SessionRow>, StoreError> {
    let found: Option<(Option<uuid::Uuid>, Option<uuid::Uuid>, String)> = db
        .prepare_cached(
            "SELECT staff, customer, csrf FROM sessions WHERE token_sha256 = ?1 AND expires_ms > ?2",
        )?
        .query_row(params![token_sha256, int(now_ms)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((staff, customer, csrf)) = found else {
        return Ok(None);
    };
    if let Some(customer) = customer {
        return Ok(Some(SessionRow {
            of: SessionOf::Customer(CustomerId(customer)),
            csrf,
        }));
    }
    let row = db
        .prepare_cached("SELECT * FROM staff WHERE staff = ?1")?
        .query_row([staff], staff_row)
        .optional()?;
    Ok(row.map(|row| SessionRow {
        of: SessionOf::Staff(Box::new(row)),
        csrf,
    }))
}

/// Ends a session.
pub fn end_session(db: &Connection, token_sha256: &[u8; 32]) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM sessions WHERE token_sha256 = ?1")?
        .execute([token_sha256.as_slice()])?;
    Ok(())
}

/// Adds a link that opens the shopper's own page, once.
pub fn add_page_link(
    db: &Connection,
    customer: CustomerId,
    token_sha256: &[u8; 32],
    expires_ms: u64,
) -> Result<(), StoreError> {
    super::people::customer(db, customer)?;
    db.prepare_cached("INSERT INTO page_links VALUES (?1, ?2, ?3)")?
        .execute(params![token_sha256, customer.0, int(expires_ms)])?;
    Ok(())
}

/// Uses a page link.
pub fn use_page_link(
    db: &Connection,
    now_ms: u64,
    token_sha256: &[u8; 32],
) -> Result<CustomerId, StoreError> {
    db.prepare_cached(
        "DELETE FROM page_links WHERE token_sha256 = ?1 AND expires_ms > ?2 RETURNING customer",
    )?
    .query_row(params![token_sha256, int(now_ms)], |row| {
        Ok(CustomerId(row.get(0)?))
    })
    .optional()?
    .ok_or(StoreError::NotFound(
        "page link, or it was used or is too old",
    ))
}

/// An answer that was given to the same request before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierAnswer {
    /// The hash of that request.
    pub request_sha256: Vec<u8>,
    /// The status of the answer.
    pub status: u16,
    /// And its body.
    pub body: Vec<u8>,
}

/// Idempotency keys are remembered for a day.
const IDEMPOTENCY_MS: u64 = 24 * 3_600_000;

/// What was answered under this key.
pub fn earlier_answer(
    db: &Connection,
    principal: &str,
    key: &str,
) -> Result<Option<EarlierAnswer>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT request_sha256, status, body FROM idempotency WHERE principal = ?1 AND key = ?2",
        )?
        .query_row([principal, key], |row| {
            Ok(EarlierAnswer {
                request_sha256: row.get(0)?,
                status: row.get(1)?,
                body: row.get(2)?,
            })
        })
        .optional()?)
}

/// Remembers an answer.
pub fn remember_answer(
    db: &Connection,
    now_ms: u64,
    principal: &str,
    key: &str,
    answer: &EarlierAnswer,
) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM idempotency WHERE at_ms < ?1")?
        .execute([int(now_ms.saturating_sub(IDEMPOTENCY_MS))])?;
    db.prepare_cached("INSERT OR IGNORE INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            principal,
            key,
            answer.request_sha256,
            answer.status,
            answer.body,
            int(now_ms)
        ])?;
    Ok(())
}

/// Remembers a signature; false if it was seen before.
pub fn first_use(
    db: &Connection,
    now_ms: u64,
    signature_sha256: &[u8; 32],
    keep_ms: u64,
) -> Result<bool, StoreError> {
    db.prepare_cached("DELETE FROM signatures_seen WHERE at_ms < ?1")?
        .execute([int(now_ms.saturating_sub(keep_ms))])?;
    let added = db
        .prepare_cached("INSERT OR IGNORE INTO signatures_seen VALUES (?1, ?2)")?
        .execute(params![signature_sha256, int(now_ms)])?;
    Ok(added == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_runs_a_store_may_manage_it_and_who_works_there_may_not() {
        let (here, elsewhere): (StoreId, StoreId) =
            ("kade-9".parse().unwrap(), "kade-8".parse().unwrap());
        for (role, store, may_here, may_elsewhere) in [
            (StaffRole::Staff, Some(&here), false, false),
            (StaffRole::Manager, Some(&here), true, false),
            (StaffRole::Manager, None, false, false),
            (StaffRole::Admin, None, true, true),
        ] {
            let row = StaffRow {
                staff: StaffId::at(0, [0; 10]),
                login: "noor".into(),
                name: "Noor".into(),
                role,
                store: store.cloned(),
                password_hash: String::new(),
            };
            let may = (row.may_manage(&here), row.may_manage(&elsewhere));
            assert_eq!(may, (may_here, may_elsewhere), "{role:?} of {store:?}");
        }
    }
}
