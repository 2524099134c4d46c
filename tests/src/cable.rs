//! A cable between one browser and the server, which can be cut.
//!
//! In: connections on a port of its own. Out: the same bytes on the server's port, both ways.
//! Promises: a cut ends what goes through it, and all that is tried until it is mended.
//! Invariant: it looks at no byte.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A cable; it is gone when this is dropped.
pub struct Cable {
    port: u16,
    whole: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Cable {
    /// Lays a cable to a port of this machine.
    pub async fn lay(to_port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (whole, is_whole) = watch::channel(true);
        let to = Arc::new(SocketAddr::from(([127, 0, 0, 1], to_port)));
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, to.clone(), is_whole.clone()));
            }
        });
        Ok(Self { port, whole, task })
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
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut near: TcpStream, to: Arc<SocketAddr>, mut is_whole: watch::Receiver<bool>) {
    if !*is_whole.borrow() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(*to).await else {
        return;
    };
    tokio::select! {
        // Either side may hang up.
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = is_whole.wait_for(|whole| !whole) => {}
    }
}
