//! Server-sent events: bytes to events, and a stream that comes back after every break.
//!
//! In: an API, a path. Out: [`Event`]s in order, each with its id.
//! Promises: after a break the stream asks for what follows the last id it gave out; a stream
//! that is silent for [`SILENCE_MAX`] counts as broken (the server beats once a second).
//! Invariant: at most [`LINE_LEN_MAX`] bytes of a line and [`DATA_LEN_MAX`] of an event are kept.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::{sync::watch, time::timeout};

use crate::http::{Api, ApiError};

/// Bytes of one line at most; the rest of a longer one is dropped.
pub const LINE_LEN_MAX: usize = 64 * 1024;
/// Bytes of one event's data at most.
pub const DATA_LEN_MAX: usize = 256 * 1024;
/// A connection that is silent for this long is dead.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Its number, if it has one.
    pub id: Option<String>,
    /// Its name; empty if it has none.
    pub name: String,
    /// Its data; lines are joined by a line feed.
    pub data: String,
}

/// Bytes to events (HTML standard, "Interpreting an event stream").
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    event: Event,
    has_data: bool,
}

impl Parser {
    /// Takes bytes as they come; gives the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            // A line ends with CR, LF, or both: an LF right after a CR ends nothing.
            let ends = byte == b'\r' || (byte == b'\n' && !self.after_cr);
            let skip = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            if ends {
                events.extend(self.end_line());
            } else if !skip && self.line.len() < LINE_LEN_MAX {
                self.line.push(byte);
            }
        }
        events
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.event.name),
            "data" if self.event.data.len() + value.len() <= DATA_LEN_MAX => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            _ => {} // a comment, `retry`, or a field of a later version
        }
        None
    }
}

/// Follows a stream until the shutdown or a refusal that will not pass. `give` gets every event,
/// heartbeats included.
pub async fn follow(
    api: &Api,
    path: &str,
    mut shutdown: watch::Receiver<bool>,
    mut give: impl FnMut(Event),
) -> Result<(), ApiError> {
    let mut last_id: Option<String> = None;
    let mut pause = PAUSE_MIN;
    loop {
        let session = session(api, path, &mut last_id, &mut pause, &mut give);
        tokio::select! {
            ended = session => match ended {
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) => tracing::debug!(%error, path, "event stream broke"),
                Ok(()) => tracing::debug!(path, "event stream ended"),
            },
            () = asked(&mut shutdown) => return Ok(()),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            () = asked(&mut shutdown) => return Ok(()),
        }
    }
}

/// Resolves once the shutdown was asked for.
pub async fn asked(shutdown: &mut watch::Receiver<bool>) {
    // An error means that whoever could ask is gone, which is the same.
    let _ = shutdown.wait_for(|asked| *asked).await;
}

/// One connection, until it breaks.
async fn session(
    api: &Api,
    path: &str,
    last_id: &mut Option<String>,
    pause: &mut Duration,
    give: &mut impl FnMut(Event),
) -> Result<(), ApiError> {
    let opened = timeout(SILENCE_MAX, api.open_events(path, last_id.as_deref())).await;
    let Ok(answer) = opened else { return Ok(()) };
    let mut stream = answer?.bytes_stream();
    let mut parser = Parser::default();
    while let Ok(Some(Ok(bytes))) = timeout(SILENCE_MAX, stream.next()).await {
        *pause = PAUSE_MIN;
        for event in parser.push(&bytes) {
            if let Some(id) = event.id.as_ref().filter(|id| !id.is_empty()) {
                *last_id = Some(id.clone());
            }
            give(event);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\r\nid: 4\r\nevent: notification\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n\
                          event: heartbeat\ndata:{}\n\nevent: nothing\n\n";

    #[test]
    fn events_are_read_whichever_way_the_bytes_are_cut() {
        let mut whole = Parser::default();
        let expected = whole.push(STREAM.as_bytes());
        assert_eq!(expected.len(), 2, "an event without data is none");
        assert_eq!(expected[0].id.as_deref(), Some("4"));
        assert_eq!(expected[0].data, "{\"a\":\n1}");
        assert_eq!(
            (expected[1].name.as_str(), &expected[1].id),
            ("heartbeat", &None)
        );
        for cut in 0..STREAM.len() {
            let (head, tail) = STREAM.as_bytes().split_at(cut);
            let mut parser = Parser::default();
            let mut events = parser.push(head);
            events.extend(parser.push(tail));
            assert_eq!(events, expected, "cut at {cut}");
        }
    }

    #[test]
    fn an_endless_line_is_bounded() {
        let mut parser = Parser::default();
        parser.push(&vec![b'x'; LINE_LEN_MAX * 2]);
        assert_eq!(parser.line.len(), LINE_LEN_MAX);
    }
}
