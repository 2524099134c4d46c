//! The kernel's raw HCI sockets: what neither the standard library nor rustix can say.
//!
//! In: an adapter's number. Out: a socket on which its controller's events arrive and to which
//! commands are written; each event with the time at which the kernel had it; the adapter's power.
//! Source: Linux, `include/net/bluetooth/hci_sock.h`.
//! Invariant: all `unsafe` of this program is here: four system calls, each of which is given
//! memory of its own that lives until it returns.
#![allow(unsafe_code)]

use std::{
    ffi::c_int,
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
    ptr,
    time::Duration,
};

use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, socket_with};

const ON: c_int = 1;
const AF_BLUETOOTH: libc::sa_family_t = 31;
const BTPROTO_HCI: u32 = 1;
const HCI_CHANNEL_RAW: u16 = 0;
const SOL_HCI: c_int = 0;
const HCI_FILTER: c_int = 2;
const HCI_TIME_STAMP: c_int = 3;
const HCI_CMSG_TSTAMP: c_int = 2;
/// Bits of [`Filter`]: events, and of these the three that matter here.
const TYPE_EVENT: u32 = 1 << 0x04;
const COMMAND_COMPLETE_AND_STATUS: u32 = 1 << 0x0e | 1 << 0x0f;
const LE_META: u32 = 1 << (0x3e - 32);

/// `struct sockaddr_hci`
#[repr(C)]
struct Address {
    family: libc::sa_family_t,
    device: u16,
    channel: u16,
}

/// `struct hci_ufilter`
#[repr(C)]
struct Filter {
    type_mask: u32,
    event_mask: [u32; 2],
    opcode: u16,
}

/// A raw socket on an adapter, which does not block.
pub(super) fn open(device: u16) -> io::Result<OwnedFd> {
    let fd = raw(SocketFlags::NONBLOCK)?;
    // Before the socket is bound, so that nothing else than what is wanted ever arrives.
    let filter = Filter {
        type_mask: TYPE_EVENT,
        event_mask: [COMMAND_COMPLETE_AND_STATUS, LE_META],
        opcode: 0,
    };
    set(&fd, SOL_HCI, HCI_FILTER, &filter)?;
    set(&fd, SOL_HCI, HCI_TIME_STAMP, &ON)?;
    let address = Address {
        family: AF_BLUETOOTH,
        device,
        channel: HCI_CHANNEL_RAW,
    };
    let len = size_of_val(&address);
    // SAFETY: `address` is a live `#[repr(C)]` value of `len` bytes that begins with its family,
    // as every socket address does; the kernel copies it. `fd` is open.
    done(unsafe {
        let address = (&raw const address).cast();
        libc::bind(fd.as_raw_fd(), address, length(len))
    })?;
    Ok(fd)
}

/// Has the kernel note when each packet came, on a socket that is none of Bluetooth.
pub(super) fn stamp(fd: &OwnedFd) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMP, &ON)
}

/// Takes the next packet: its length, and when the kernel had it, since 1970 by the wall clock.
pub(super) fn receive(fd: &OwnedFd, packet: &mut [u8]) -> io::Result<(usize, Option<Duration>)> {
    /// Room for a time stamp, and for another header of its size.
    #[repr(C, align(8))]
    struct Control([u8; 64]);
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: packet.as_mut_ptr().cast(),
        iov_len: packet.len(),
    };
    // SAFETY: all of its fields are numbers and pointers, for which zero is a value.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control.0).cast();
    message.msg_controllen = size_of_val(&control.0) as _;
    // SAFETY: `message` points to `packet` and `control`, with their lengths; both live until the
    // call returns, and nobody else has them. `fd` is open.
    let len = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, 0) };
    let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has set the length of what it wrote to `control`, which is aligned as
    // its headers are. A header is none, or lies within; its data is read only if it is as long as a
    // time stamp, and from wherever it lies.
    let stamp = unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        header.as_ref().and_then(|header| {
            let kind = (header.cmsg_level, header.cmsg_type);
            let is_stamp = [
                (SOL_HCI, HCI_CMSG_TSTAMP),
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMP),
            ];
            let wanted = libc::CMSG_LEN(length(size_of::<libc::timeval>()));
            let is_whole = header.cmsg_len >= wanted as _;
            (is_stamp.contains(&kind) && is_whole)
                .then(|| ptr::read_unaligned(libc::CMSG_DATA(header).cast::<libc::timeval>()))
        })
    };
    let stamp = stamp.and_then(|stamp| {
        let seconds = u64::try_from(stamp.tv_sec).ok()?;
        let us = u64::try_from(stamp.tv_usec).ok()?;
        Some(Duration::from_secs(seconds) + Duration::from_micros(us))
    });
    Ok((len, stamp))
}

/// Switches an adapter on or off; takes as long as its controller does. That it is on already is
/// no error.
pub(super) fn set_power(device: u16, on: bool) -> io::Result<()> {
    let up = libc::_IOW::<c_int>(u32::from(b'H'), 201);
    let down = libc::_IOW::<c_int>(u32::from(b'H'), 202);
    let fd = raw(SocketFlags::empty())?;
    let request = if on { up } else { down };
    // SAFETY: both requests take the adapter's number itself as their argument, and no pointer.
    // `fd` is open.
    let switched =
        done(unsafe { libc::ioctl(fd.as_raw_fd(), request, libc::c_ulong::from(device)) });
    match switched {
        Err(error) if error.raw_os_error() == Some(libc::EALREADY) => Ok(()),
        switched => switched,
    }
}

fn raw(flags: SocketFlags) -> io::Result<OwnedFd> {
    let protocol = std::num::NonZeroU32::new(BTPROTO_HCI).map(Protocol::from_raw);
    let flags = flags | SocketFlags::CLOEXEC;
    let family = AddressFamily::BLUETOOTH;
    Ok(socket_with(family, SocketType::RAW, flags, protocol)?)
}

/// Sets an option of a socket.
fn set<T>(fd: &OwnedFd, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let len = length(size_of_val(value));
    // SAFETY: `value` is a live value of `len` bytes; the kernel reads at most so many, and keeps
    // no pointer to them. Both kinds that are set here, the filter and a `c_int`, are as C lays
    // them out. `fd` is open.
    done(unsafe {
        let value = ptr::from_ref(value).cast();
        libc::setsockopt(fd.as_raw_fd(), level, name, value, len)
    })
}

fn done(result: c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Both structures are of a few bytes.
fn length(len: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(len).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn structures_lie_as_the_kernel_reads_them() {
        assert_eq!(size_of::<Address>(), 6);
        assert_eq!(offset_of!(Address, channel), 4);
        assert_eq!(size_of::<Filter>(), 16);
        assert_eq!(offset_of!(Filter, opcode), 12);
        assert_eq!(libc::_IOW::<c_int>(u32::from(b'H'), 201), 0x4004_48c9);
    }

    #[test]
    fn a_packet_comes_with_the_time_at_which_it_was_sent() {
        let flags = SocketFlags::CLOEXEC;
        let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
        let (here, there) = pair.unwrap();
        stamp(&here).unwrap();
        let wall = || {
            let wall = std::time::SystemTime::now();
            wall.duration_since(std::time::UNIX_EPOCH).unwrap()
        };
        let before = wall();
        rustix::io::write(&there, &[4, 0x0e]).unwrap();
        let sent = wall();
        std::thread::sleep(Duration::from_millis(20));
        let mut packet = [0; 8];
        let (len, stamp) = receive(&here, &mut packet).unwrap();
        assert_eq!(packet[..len], [4, 0x0e]);
        let stamp = stamp.unwrap();
        let us = Duration::from_micros(1);
        assert!(stamp + us >= before && stamp <= sent, "{stamp:?} {sent:?}");
        drop(there);
        assert_eq!(receive(&here, &mut packet).unwrap().0, 0);
    }
}
