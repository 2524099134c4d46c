//! The system's allocator, with a count of what is allocated.
//!
//! In: requests. Out: how many bytes are in use. Invariant: gives what the system gives.
#![expect(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; all is passed on as it came"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

static BYTES: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTED: Counted = Counted;

struct Counted;

/// Bytes asked for and not given back; what the allocator adds to each is not in it.
pub(crate) fn bytes() -> usize {
    BYTES.load(Ordering::Relaxed)
}

// SAFETY: the system's allocator keeps the contract, and gets every request unchanged. The trait's
// own `realloc` goes through these two.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}
