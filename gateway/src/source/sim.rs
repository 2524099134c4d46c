//! The simulator's air as a radio.
//!
//! In: [`AirLine`]s from a socket, one a line. Out: [`Advertisement`]s.
//! Promises: connects again when the air is away; a line that cannot be read is counted and
//! skipped; one that does not end ends the connection, not the gateway.
//! Invariant: nothing is allocated for a line.

use std::time::Duration;

use protocol::{
    AnchorId,
    air::{AD_LEN_MAX, AdData},
    message::{VERSION, to_json},
    sim::{Hello, LINE_LEN_MAX},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::{debug, info};

use super::{Advertisement, RadioKeys};
use crate::{
    backoff::{self, Backoff},
    clock::Monotonic,
    counts::Counters,
};

const CONNECT_MAX: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
enum AirError {
    #[error("connect to the simulator's air at {address}: no answer")]
    NoAnswer { address: String },
    #[error("connect to the simulator's air at {address}")]
    Connect {
        address: String,
        #[source]
        source: std::io::Error,
    },
    #[error("tell the simulator which antenna this is")]
    Hello(#[source] std::io::Error),
    #[error("read from the simulator's air")]
    Read(#[source] std::io::Error),
    #[error("the simulator sent a line of more than {LINE_LEN_MAX} bytes")]
    LineTooLong,
    #[error("the simulator closed the connection")]
    Closed,
}

/// Like [`protocol::sim::AirLine`], but borrowed from the line.
#[derive(Deserialize)]
struct Heard<'a> {
    #[serde(borrow)]
    address: &'a str,
    rssi_dbm: i8,
    #[serde(borrow)]
    ad_hex: &'a str,
}

/// Listens until nobody takes the advertisements any more.
pub(super) async fn listen(
    address: String,
    anchor: AnchorId,
    to: mpsc::Sender<Advertisement>,
    counts: Counters,
) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let keys = RadioKeys::default();
    while !to.is_closed() {
        let Err(error) = connection(&address, &anchor, &keys, &to, &counts, &mut backoff).await
        else {
            return;
        };
        let wait = backoff.next(backoff::random());
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        debug!(error = &error as &dyn std::error::Error, wait_ms, "no air");
        sleep(wait).await;
    }
}

/// One connection; returns without error when nobody listens any more.
async fn connection(
    address: &str,
    anchor: &AnchorId,
    keys: &RadioKeys,
    to: &mpsc::Sender<Advertisement>,
    counts: &Counters,
    backoff: &mut Backoff,
) -> Result<(), AirError> {
    let connected = timeout(CONNECT_MAX, TcpStream::connect(address)).await;
    let mut stream = connected
        .map_err(|_| AirError::NoAnswer {
            address: address.into(),
        })?
        .map_err(|source| AirError::Connect {
            address: address.into(),
            source,
        })?;
    let mut hello = to_json(&Hello {
        v: VERSION,
        anchor: anchor.clone(),
    });
    hello.push(b'\n');
    stream.write_all(&hello).await.map_err(AirError::Hello)?;
    info!(address, %anchor, "listening to the simulator's air");

    let mut lines = BufReader::with_capacity(16 * 1024, stream);
    let mut line = Vec::with_capacity(LINE_LEN_MAX);
    while read_line(&mut lines, &mut line).await? {
        backoff.reset();
        match parse(&line, keys) {
            Some(advert) => {
                if to.send(advert).await.is_err() {
                    return Ok(());
                }
            }
            None => counts.bad_line(),
        }
    }
    Err(AirError::Closed)
}

/// Reads one line without its end into `line`; false at the end of the stream.
async fn read_line(
    from: &mut (impl AsyncBufReadExt + Unpin),
    line: &mut Vec<u8>,
) -> Result<bool, AirError> {
    line.clear();
    loop {
        let chunk = from.fill_buf().await.map_err(AirError::Read)?;
        if chunk.is_empty() {
            return Ok(false);
        }
        let end = chunk.iter().position(|&b| b == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        if line.len() + part.len() > LINE_LEN_MAX {
            return Err(AirError::LineTooLong);
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn parse(line: &[u8], keys: &RadioKeys) -> Option<Advertisement> {
    let heard: Heard<'_> = serde_json::from_slice(line).ok()?;
    let mut ad = [0; AD_LEN_MAX];
    let ad = ad.get_mut(..heard.ad_hex.len() / 2)?;
    hex::decode_to_slice(heard.ad_hex, ad).ok()?;
    Some(Advertisement {
        ad: AdData::from_bytes(ad).ok()?,
        rssi_dbm: heard.rssi_dbm,
        heard_at: Monotonic::now(),
        radio: keys.of(heard.address),
    })
}

#[cfg(test)]
mod tests {
    use protocol::sim::AirLine;
    use tokio::net::TcpListener;

    use super::*;

    fn line(ad_hex: &str) -> Vec<u8> {
        let mut json = to_json(&AirLine {
            address: "c0:ff:ee:00:00:01".into(),
            rssi_dbm: -61,
            ad_hex: ad_hex.into(),
        });
        json.push(b'\n');
        json
    }

    async fn accept(listener: &TcpListener) -> (BufReader<TcpStream>, Hello) {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut hello = String::new();
        stream.read_line(&mut hello).await.unwrap();
        (stream, serde_json::from_str(&hello).unwrap())
    }

    #[tokio::test]
    async fn says_hello_skips_bad_lines_and_returns_after_the_air_was_away() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (to, mut heard) = mpsc::channel(8);
        let counts = Counters::default();
        tokio::spawn(listen(address, "door".parse().unwrap(), to, counts.clone()));

        let (mut air, hello) = accept(&listener).await;
        assert_eq!(hello.anchor.as_str(), "door");
        for bytes in [
            &line("020106")[..],
            b"not json\n",
            &line("0"),
            &line("020105"),
        ] {
            air.write_all(bytes).await.unwrap();
        }
        assert_eq!(heard.recv().await.unwrap().ad.as_bytes(), [2, 1, 6]);
        assert_eq!(heard.recv().await.unwrap().ad.as_bytes(), [2, 1, 5]);
        assert_eq!(counts.bad_lines_total(), 2);

        drop(air);
        let (mut air, _) = accept(&listener).await;
        air.write_all(&line("020104")).await.unwrap();
        assert_eq!(heard.recv().await.unwrap().ad.as_bytes(), [2, 1, 4]);

        air.write_all(&[b'x'; LINE_LEN_MAX + 1]).await.unwrap();
        let (mut air, _) = accept(&listener).await;
        air.write_all(&line("020103")).await.unwrap();
        assert_eq!(heard.recv().await.unwrap().ad.as_bytes(), [2, 1, 3]);
    }

    #[test]
    fn bytes_of_any_kind_are_no_panic() {
        let whole = line("020106");
        for cut in 0..whole.len() {
            let _ = parse(&whole[..cut], &RadioKeys::default());
        }
        let long = line(&"00".repeat(AD_LEN_MAX + 1));
        assert!(parse(long.trim_ascii_end(), &RadioKeys::default()).is_none());
    }
}
