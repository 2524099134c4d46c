//! How packets travel between a controller and its host.
//!
//! In and out: packets in H4 form, one in each message.
//! Two ways: a socket (`SOCK_SEQPACKET`) that behaves as the kernel's raw HCI socket does towards a
//! program, and `/dev/vhci`, behind which the kernel itself is the host.
//! Invariant: knows no command and no event.

use std::{
    io,
    os::{fd::OwnedFd, unix::net},
    path::Path,
};

use rustix::{
    fs::{Mode, OFlags},
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen as listen_on,
        socket_with,
    },
};
use tokio::{
    io::Interest,
    net::{UnixDatagram, UnixListener},
};

/// Hosts that wait to be let in.
const WAITING: i32 = 8;

/// A listener at `path`, in the place of one that ended.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    bind(&fd, &SocketAddrUnix::new(path)?)?;
    listen_on(&fd, WAITING)?;
    UnixListener::from_std(net::UnixListener::from(fd))
}

/// One host. Of a datagram socket's type, since that is what tokio calls something of messages.
#[derive(Debug)]
pub(super) struct Link(UnixDatagram);

impl Link {
    /// The next program that connects.
    pub(super) async fn accept(listener: &UnixListener) -> io::Result<Self> {
        let (stream, _) = listener.accept().await?;
        Self::of(stream.into_std()?.into())
    }

    /// The kernel: a new adapter appears on this machine, and goes when this is dropped.
    pub(super) async fn vhci() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/dev/vhci", flags, Mode::empty())?;
        let link = Self::of(fd)?;
        // HCI_VENDOR_PKT: create a primary controller.
        link.write(&[0xff, 0x00]).await?;
        Ok(link)
    }

    fn of(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(UnixDatagram::from_std(net::UnixDatagram::from(fd))?))
    }

    /// Reads one packet; its length, 0 at the end.
    pub(super) async fn read(&self, packet: &mut [u8]) -> io::Result<usize> {
        let read = || Ok(rustix::io::read(&self.0, &mut *packet)?);
        self.0.async_io(Interest::READABLE, read).await
    }

    /// Writes one.
    pub(super) async fn write(&self, packet: &[u8]) -> io::Result<()> {
        let write = || Ok(rustix::io::write(&self.0, packet)?);
        self.0.async_io(Interest::WRITABLE, write).await?;
        Ok(())
    }
}
