//! The way to a controller: a raw HCI socket of the kernel, or a socket that behaves like one.
//!
//! In: packets in H4 form, one in each message. Out: the same.
//! Promises: what went wrong is said in words, with what to type where that helps.
//! Invariant: knows no command and no event: only how packets travel.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send,
        socket_with,
    },
};

use super::socket;
use crate::{clock::Monotonic, config::HciAdapter};

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
    #[error("this process may not use this adapter")]
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

/// An open way. It is looked at now and then, and not waited for: with what a crowd sends, being
/// woken costs a multiple of hearing. The kernel notes when each packet came.
#[derive(Debug)]
pub(super) struct Transport {
    fd: OwnedFd,
}

/// A look at a socket: what is read at it came since the look before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    now: Monotonic,
    wall: Duration,
    last_ms: u64,
}

impl Look {
    pub(super) fn after(last: Monotonic) -> Self {
        let wall = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let seconds = u64::try_from(wall.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(wall.tv_nsec).unwrap_or(0);
        let now = Monotonic::now();
        Self {
            now,
            wall: Duration::new(seconds, nanos),
            last_ms: now.ms_since(last),
        }
    }

    pub(super) fn at(&self) -> Monotonic {
        self.now
    }

    /// When a packet with this time stamp came. The wall clock only tells how long ago that was;
    /// should it be set meanwhile, the error is no more than the time between two looks.
    fn came(&self, stamp: Option<Duration>) -> Monotonic {
        let age = stamp.map_or(Duration::ZERO, |stamp| self.wall.saturating_sub(stamp));
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        Monotonic(self.now.0.saturating_sub(age_ms.min(self.last_ms)))
    }
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
                socket::stamp(&fd)?;
                fd
            }
        };
        Ok(Self { fd })
    }

    /// Writes one packet.
    pub(super) fn send(&self, packet: &[u8]) -> Result<(), Trouble> {
        send(&self.fd, packet, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Takes the next packet and when it came; none: there is none now.
    pub(super) fn receive<'a>(
        &self,
        look: &Look,
        packet: &'a mut [u8; PACKET_LEN_MAX],
    ) -> Result<Option<(Monotonic, &'a [u8])>, Trouble> {
        match socket::receive(&self.fd, packet) {
            // The other end closed.
            Ok((0, _)) => Err(Trouble::Gone),
            Ok((len, stamp)) => Ok(Some((look.came(stamp), &packet[..len]))),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error.into()),
            },
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
    fn a_clock_that_was_set_moves_a_packet_no_further_than_the_last_look() {
        let look = Look {
            now: Monotonic(10_000),
            wall: Duration::from_secs(1_000),
            last_ms: 40,
        };
        let came = |ms| look.came(Some(Duration::from_millis(ms))).0;
        assert_eq!(came(999_980), 9_980);
        assert_eq!(came(900_000), 9_960);
        assert_eq!(came(2_000_000), 10_000);
        assert_eq!(look.came(None).0, 10_000);
    }

    #[test]
    fn what_went_wrong_is_said_in_words() {
        for (errno, words) in [
            (Errno::NODEV, "there is no such Bluetooth adapter"),
            (Errno::PIPE, "was pulled out"),
            (Errno::NETDOWN, "is off"),
            (Errno::RFKILL, "type: rfkill unblock bluetooth"),
            (Errno::PERM, "may not use this adapter"),
            (Errno::AFNOSUPPORT, "type: modprobe bluetooth"),
            (Errno::IO, "connection to the adapter failed"),
        ] {
            let told = Trouble::from(errno).to_string();
            assert!(told.contains(words), "{errno}: {told}");
        }
    }
}
