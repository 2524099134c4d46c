//! Server-sent events: one task a connection, a heartbeat each second.
//!
//! In: a closure that writes events into a channel until the reader or the server goes.
//! Out: `text/event-stream`.
//! Invariant: a slow reader is dropped, never waited for by anybody else.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::clock;

/// Events that wait for a slow reader.
const WAITING_MAX: usize = 64;
/// How often a page hears that the line is up.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// The writing end of a stream.
pub(crate) struct Writer(mpsc::Sender<Result<Event, Infallible>>);

/// The reader has gone.
pub(crate) struct Gone;

impl Writer {
    /// Sends an event; an error ends the stream.
    pub(crate) async fn send(&self, event: Event) -> Result<(), Gone> {
        self.0.send(Ok(event)).await.map_err(|_| Gone)
    }

    /// Says that the line is up, and what time it is.
    pub(crate) async fn heartbeat(&self) -> Result<(), Gone> {
        self.send(heartbeat()).await
    }

    /// The same with the place in the stream: whoever heard nothing yet can come back to it, too.
    pub(crate) async fn heartbeat_at(&self, n: u64) -> Result<(), Gone> {
        self.send(heartbeat().id(n.to_string())).await
    }
}

fn heartbeat() -> Event {
    let data = format!("{{\"server_ms\":{}}}", clock::now_ms());
    Event::default().event("heartbeat").data(data)
}

/// Opens a stream that `write` fills.
pub(crate) fn stream<F>(write: impl FnOnce(Writer) -> F) -> Response
where
    F: Future<Output = Result<(), Gone>> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    // The task ends with the stream; that the reader has gone is no news to anybody.
    tokio::spawn(write(Writer(sender)));
    let mut response = Sse::new(ReceiverStream::new(receiver)).into_response();
    let no = axum::http::HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", no);
    response
}

/// Where the reader left off.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}
