//! A cable between two ports of this machine, which can be cut and tapped.
//!
//! In: connections on a port of its own. Out: the same bytes on the other port, both ways.
//! Promises: a cut ends what goes through it, and all that is tried until it is mended; a tapped
//! one keeps a copy of every byte.
//! Invariant: it changes no byte.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_util::io::{InspectReader, InspectWriter};

/// A cable; it is gone when this is dropped.
pub struct Cable {
    /// Where it begins.
    pub port: u16,
    whole: watch::Sender<bool>,
    copy: Option<Copy>,
    task: JoinHandle<()>,
}

/// Each way of each connection apart, so that what one says does not tear what the other says.
type Copy = Arc<Mutex<Vec<Vec<u8>>>>;

impl Cable {
    /// Lays a cable to a port of this machine.
    pub async fn lay(to_port: u16) -> io::Result<Self> {
        Self::lay_with(to_port, None).await
    }

    /// The same, with an ear on it.
    pub async fn lay_tapped(to_port: u16) -> io::Result<Self> {
        Self::lay_with(to_port, Some(Copy::default())).await
    }

    async fn lay_with(to_port: u16, copy: Option<Copy>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (whole, is_whole) = watch::channel(true);
        let to = SocketAddr::from(([127, 0, 0, 1], to_port));
        let kept = copy.clone();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, to, is_whole.clone(), kept.clone()));
            }
        });
        Ok(Self {
            port,
            whole,
            copy,
            task,
        })
    }

    /// Where browsers find it.
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }

    /// What went through so far, if it is tapped: each way of each connection.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        let copy = self.copy.as_ref();
        let copy = copy.map(|c| c.lock().unwrap_or_else(PoisonError::into_inner));
        copy.map_or_else(Vec::new, |ways| ways.clone())
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    mut near: TcpStream,
    to: SocketAddr,
    mut is_whole: watch::Receiver<bool>,
    copy: Option<Copy>,
) {
    if !*is_whole.borrow() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(to).await else {
        return;
    };
    let carried = async {
        match copy {
            None => copy_bidirectional(&mut near, &mut far).await,
            Some(copy) => {
                let there = InspectReader::new(near, keep(&copy));
                let mut both = InspectWriter::new(there, keep(&copy));
                copy_bidirectional(&mut both, &mut far).await
            }
        }
    };
    tokio::select! {
        // Either side may hang up.
        _ = carried => {}
        _ = is_whole.wait_for(|whole| !whole) => {}
    }
}

fn keep(copy: &Copy) -> impl FnMut(&[u8]) + use<> {
    let copy = copy.clone();
    let lock = |copy: &Copy| -> usize {
        let mut ways = copy.lock().unwrap_or_else(PoisonError::into_inner);
        ways.push(Vec::new());
        ways.len() - 1
    };
    let way = lock(&copy);
    move |bytes| {
        let mut ways = copy.lock().unwrap_or_else(PoisonError::into_inner);
        ways[way].extend_from_slice(bytes);
    }
}
