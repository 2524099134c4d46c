//! The way to a controller: a raw HCI socket of the kernel, or a socket that behaves like one.
//!
//! In: packets in H4 form, one in each message. Out: the same.
//! Promises: what went wrong is said in words, with what to type where that helps.
//! Invariant: knows no command and no event: only how packets travel.

use std::{io, os::unix::net};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send,
        socket_with,
    },
};
use tokio::net::UnixDatagram;

use super::socket;
use crate::config::HciAdapter;

/// The longest event, with its packet indicator.
pub(super) const PACKET_LEN_MAX: usize = 1 + 2 + 255;

/// What keeps a radio from being listened to, for now or for good.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("there is no such Bluetooth adapter; waiting for it")]
    Absent,
    #[error("the Bluetooth adapter was pulled out, or its driver let it go; waiting for it")]
    Gone,
    #[error("the Bluetooth adapter is off")]
    Off,
    #[error(
        "the Bluetooth adapter is blocked by rfkill (a switch on the machine, or flight mode); \
         type: rfkill unblock bluetooth"
    )]
    Blocked,
    #[error("this process may not use raw Bluetooth sockets")]
    NotAllowed,
    #[error(
        "the kernel has no Bluetooth here; type: modprobe bluetooth. In a container it needs \
         the machine's own network (host networking)"
    )]
    NoBluetooth,
    #[error("the adapter's controller does not take commands now")]
    Busy,
    #[error("the connection to the adapter failed")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(Errno::NODEV | Errno::NOENT | Errno::CONNREFUSED) => Self::Absent,
            Some(Errno::PIPE | Errno::BADFD | Errno::CONNRESET | Errno::NOTCONN) => Self::Gone,
            Some(Errno::NETDOWN | Errno::HOSTDOWN) => Self::Off,
            Some(Errno::RFKILL) => Self::Blocked,
            Some(Errno::PERM | Errno::ACCESS) => Self::NotAllowed,
            Some(Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT) => Self::NoBluetooth,
            Some(Errno::AGAIN | Errno::NOBUFS) => Self::Busy,
            _ => Self::Failed(error),
        }
    }
}

impl From<Errno> for Trouble {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

/// An open way. Of a datagram socket's type, since that is what tokio calls a socket of messages;
/// it asks for no family.
#[derive(Debug)]
pub(super) struct Transport {
    socket: UnixDatagram,
}

impl Transport {
    /// Switches the adapter on, if it is off, and opens it.
    pub(super) async fn open(adapter: &HciAdapter) -> Result<Self, Trouble> {
        let fd = match adapter {
            HciAdapter::Kernel(device) => {
                set_power(*device, true).await?;
                socket::open(*device)?
            }
            HciAdapter::Unix(path) => {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
                connect(&fd, &SocketAddrUnix::new(path)?)?;
                fd
            }
        };
        let socket = UnixDatagram::from_std(net::UnixDatagram::from(fd))?;
        Ok(Self { socket })
    }

    /// Writes one packet.
    pub(super) fn send(&self, packet: &[u8]) -> Result<(), Trouble> {
        // Past tokio, which does not know of a new socket that it can be written to.
        send(&self.socket, packet, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Waits for the next packet; may be dropped while waiting.
    pub(super) async fn receive<'a>(
        &self,
        packet: &'a mut [u8; PACKET_LEN_MAX],
    ) -> Result<&'a [u8], Trouble> {
        match self.socket.recv(packet).await? {
            // The other end closed.
            0 => Err(Trouble::Gone),
            len => Ok(&packet[..len]),
        }
    }
}

/// Switches an adapter of the kernel on or off. Another kind has no switch.
pub(super) async fn power(adapter: &HciAdapter, on: bool) -> Result<(), Trouble> {
    match adapter {
        HciAdapter::Kernel(device) => Ok(set_power(*device, on).await?),
        HciAdapter::Unix(_) => Ok(()),
    }
}

/// A controller may take seconds for it.
async fn set_power(device: u16, on: bool) -> io::Result<()> {
    let switched = tokio::task::spawn_blocking(move || socket::set_power(device, on)).await;
    switched.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_said_in_words() {
        for (errno, words) in [
            (Errno::NODEV, "there is no such Bluetooth adapter"),
            (Errno::PIPE, "was pulled out"),
            (Errno::NETDOWN, "is off"),
            (Errno::RFKILL, "type: rfkill unblock bluetooth"),
            (Errno::PERM, "may not use raw Bluetooth sockets"),
            (Errno::AFNOSUPPORT, "type: modprobe bluetooth"),
            (Errno::IO, "connection to the adapter failed"),
        ] {
            let told = Trouble::from(errno).to_string();
            assert!(told.contains(words), "{errno}: {told}");
        }
    }
}
