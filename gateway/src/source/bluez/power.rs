//! What btleplug cannot do: switch an adapter off and on, and ask whether the bus is there.
//!
//! In: an adapter's name. Out: whether it worked.
//! Invariant: each call has a connection of its own, which is closed with it: what is asked here
//! is asked because the other connection may be dead.

use std::time::Duration;

use dbus::blocking::{Connection, Proxy, stdintf::org_freedesktop_dbus::Properties};

/// What one call may take.
const CALL_MAX: Duration = Duration::from_secs(3);
const ADAPTER: &str = "org.bluez.Adapter1";

/// Why an adapter could not be switched off and on.
#[derive(Debug, thiserror::Error)]
pub(super) enum PowerError {
    #[error("connect to the D-Bus system bus")]
    Connect(#[source] dbus::Error),
    #[error("switch {adapter} {wish}")]
    Set {
        adapter: String,
        wish: &'static str,
        #[source]
        source: dbus::Error,
    },
    #[error("the call panicked")]
    Panicked,
}

/// Switches the adapter off and on again.
pub(super) async fn cycle(adapter: &str) -> Result<(), PowerError> {
    let adapter = adapter.to_owned();
    let cycle = move || {
        let connection = Connection::new_system().map_err(PowerError::Connect)?;
        let path = format!("/org/bluez/{adapter}");
        let proxy = connection.with_proxy("org.bluez", path, CALL_MAX);
        set(&proxy, &adapter, false)?;
        set(&proxy, &adapter, true)
    };
    let done = tokio::task::spawn_blocking(cycle).await;
    done.unwrap_or(Err(PowerError::Panicked))
}

fn set(proxy: &Proxy<'_, &Connection>, adapter: &str, powered: bool) -> Result<(), PowerError> {
    let set = proxy.set(ADAPTER, "Powered", powered);
    set.map_err(|source| PowerError::Set {
        adapter: adapter.to_owned(),
        wish: if powered { "on" } else { "off" },
        source,
    })
}

/// Whether somebody answers at the address of the system bus.
pub(super) async fn bus_answers() -> bool {
    let connect = || Connection::new_system().is_ok();
    tokio::task::spawn_blocking(connect).await.unwrap_or(false)
}
