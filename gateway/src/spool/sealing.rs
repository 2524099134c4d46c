//! How this boot's batches are sealed.
//!
//! In: the keys of who may read, sightings. Out: batches as they go to disk.
//! Promises: a change of keys holds from the next batch; one that cannot be sealed to changes
//! nothing.
//! Invariant: what was opened to be sealed never becomes plain.

use std::sync::Arc;

use protocol::{
    BootId,
    message::{Sighting, to_json},
    seal::{Envelope, PublicKey, SealError, Sealer, Whose},
};

use super::{Accepted, Address, Stream, segment::encode_sealed};

/// Whether sightings are sealed, and to whom.
#[derive(Debug, Clone)]
pub enum Seal {
    /// Whoever has the disk or the broker reads who was where: for looking for faults.
    Plain,
    /// See [`protocol::seal`].
    To {
        /// Who may read.
        keys: Vec<PublicKey>,
        /// Whose batches these are.
        address: Address,
        /// Randomness that nothing else is made from.
        seed: [u8; 32],
    },
}

#[derive(Debug)]
pub(super) enum Sealing {
    Plain,
    To {
        keys: Vec<PublicKey>,
        address: Address,
        sealer: Sealer,
        envelope: Arc<Envelope>,
    },
}

impl Sealing {
    pub(super) fn new(seal: Seal, boot: BootId) -> Result<Self, SealError> {
        match seal {
            Seal::Plain => Ok(Self::Plain),
            Seal::To {
                keys,
                address,
                seed,
            } => {
                let sealer = sealer(&keys, &address, boot, seed)?;
                Ok(Self::To {
                    envelope: Arc::new(sealer.envelope().clone()),
                    keys,
                    address,
                    sealer,
                })
            }
        }
    }

    pub(super) fn change(
        &mut self,
        to: &[PublicKey],
        boot: BootId,
        seed: [u8; 32],
    ) -> Result<(), SealError> {
        let Self::To {
            keys,
            address,
            sealer: now,
            envelope,
        } = self
        else {
            return Ok(());
        };
        if keys == to {
            return Ok(());
        }
        let new = sealer(to, address, boot, seed)?;
        *envelope = Arc::new(new.envelope().clone());
        *keys = to.to_vec();
        *now = new;
        Ok(())
    }

    pub(super) fn accept(&self, seq: u64, stream: Stream, sightings: &[Sighting]) -> Accepted {
        let mut body = to_json(&sightings);
        let sightings = u32::try_from(sightings.len()).unwrap_or(u32::MAX);
        let accepted = Accepted {
            seq,
            stream,
            sightings,
            envelope: None,
            body: Vec::new(),
        };
        match self {
            Self::Plain => Accepted { body, ..accepted },
            Self::To {
                sealer, envelope, ..
            } => {
                // A batch is 60 KiB, the cipher takes 256 GiB; and an empty one opens as nothing.
                let sealed = sealer.seal(seq, &mut body);
                if sealed.is_err() {
                    body.clear();
                }
                Accepted {
                    envelope: Some(envelope.clone()),
                    body: encode_sealed(sightings, &body),
                    ..accepted
                }
            }
        }
    }
}

fn sealer(
    keys: &[PublicKey],
    address: &Address,
    boot: BootId,
    seed: [u8; 32],
) -> Result<Sealer, SealError> {
    let whose = Whose {
        store: &address.store,
        gateway: &address.gateway,
        boot,
    };
    Sealer::new(keys, whose, seed)
}
