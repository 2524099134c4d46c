//! The kernel's raw HCI sockets: what neither the standard library nor rustix can say.
//!
//! In: an adapter's number. Out: a socket on which its controller's events arrive and to which
//! commands are written; the adapter's power.
//! Source: Linux, `include/net/bluetooth/hci_sock.h`.
//! Invariant: all `unsafe` of this program is here: three system calls, each of which is given
//! memory of its own that lives until it returns.
#![allow(unsafe_code)]

use std::{
    ffi::c_int,
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, socket_with};

const AF_BLUETOOTH: libc::sa_family_t = 31;
const BTPROTO_HCI: u32 = 1;
const HCI_CHANNEL_RAW: u16 = 0;
const SOL_HCI: c_int = 0;
const HCI_FILTER: c_int = 2;
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
    let len = size_of_val(&filter);
    // SAFETY: `filter` is a live `#[repr(C)]` value of `len` bytes; the kernel reads at most so
    // many, and keeps no pointer to them. `fd` is open.
    done(unsafe {
        let filter = (&raw const filter).cast();
        libc::setsockopt(fd.as_raw_fd(), SOL_HCI, HCI_FILTER, filter, length(len))
    })?;
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
}
