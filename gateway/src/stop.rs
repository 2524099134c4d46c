//! How a task is told to stop: a flag that turns true once.

use tokio::sync::watch;

/// Returns when a stop is asked for; that nobody is left who could ask, asks too.
pub(crate) async fn asked(stop: &mut watch::Receiver<bool>) {
    // Its own function, so that the borrow of the flag never lives across an await of the caller.
    let _ = stop.wait_for(|asked| *asked).await;
}
