//! Which keys this gateway seals sightings to.
//!
//! In: the settings' key, what the server tells over MQTT. Out: the keys in force.
//! A key that comes over the wire must be signed by whom the settings trust: the broker passes keys
//! on, and would otherwise be free to pass on its own.
//! Promises: the keys in force outlive a power cut; what is not signed, not ours or older than what
//! is known changes nothing.
//! Invariant: there is always a key of the central server among them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use protocol::{
    StoreId,
    message::to_json,
    seal::{PublicKey, Statement, TrustKey},
};
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::{config::SealConfig, spool};

/// Keys that were told, beside the spool.
const FILE: &str = "keys.json";

/// Why told keys are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// By whom we do not trust.
    #[error("a key to seal to is not signed by whom the settings trust")]
    Signature,
    /// For the gateways of another store.
    #[error("a key to seal to is of another store")]
    Store,
    /// Somebody repeats what was said earlier.
    #[error("the central server's key is older than the one that is known")]
    Older,
    /// Then the central server could not read anything.
    #[error("no key of the central server is among them")]
    NoCentral,
}

/// The keys in force.
#[derive(Debug)]
pub struct Keys {
    path: PathBuf,
    store: StoreId,
    trust: TrustKey,
    first: PublicKey,
    told: Vec<Statement>,
}

impl Keys {
    /// What the server told before, if that stands; else the settings' key. None: sightings are not
    /// sealed.
    pub fn load(seal: &SealConfig, spool: &Path, store: &StoreId) -> Option<Self> {
        let SealConfig::To { trust, key } = seal else {
            return None;
        };
        let path = spool.join(FILE);
        let told = fs::read(&path)
            .ok()
            .and_then(|json| serde_json::from_slice::<Vec<Statement>>(&json).ok());
        let mut keys = Self {
            path,
            store: store.clone(),
            trust: *trust,
            first: *key,
            told: Vec::new(),
        };
        if let Some(told) = told
            && keys.check(&told).is_ok()
        {
            keys.told = told;
        }
        Some(keys)
    }

    /// What to seal to.
    pub fn in_force(&self) -> Vec<PublicKey> {
        if self.told.is_empty() {
            return vec![self.first];
        }
        self.told.iter().map(|said| said.key).collect()
    }

    /// The server says which keys there are; true if they are others than before. A server of before
    /// there were keys says nothing, and changes nothing.
    pub fn told(&mut self, said: &[Statement]) -> Result<bool, Refused> {
        if said.is_empty() || said == self.told {
            return Ok(false);
        }
        self.check(said)?;
        self.told = said.to_vec();
        Ok(true)
    }

    /// Writes them down; without it the next start takes what it knew before, until it is told.
    pub fn save(&self) -> Result<(), spool::SpoolError> {
        spool::replace_file(&self.path, &to_json(&self.told), true)?;
        let dir = self.path.parent().unwrap_or(Path::new("."));
        spool::sync_dir(dir)
    }

    fn check(&self, said: &[Statement]) -> Result<(), Refused> {
        let by = UnparsedPublicKey::new(&ED25519, &self.trust.0);
        for said in said {
            if said
                .store
                .as_ref()
                .is_some_and(|store| *store != self.store)
            {
                return Err(Refused::Store);
            }
            let signed = Statement::signed(&said.key, said.store.as_ref(), said.since_ms);
            by.verify(&signed, &said.signature.0)
                .map_err(|_| Refused::Signature)?;
        }
        let since_ms = latest(said).ok_or(Refused::NoCentral)?;
        match latest(&self.told) {
            Some(known) if since_ms < known => Err(Refused::Older),
            _ => Ok(()),
        }
    }
}

/// Since when the central server's newest key is.
fn latest(said: &[Statement]) -> Option<u64> {
    let central = said.iter().filter(|said| said.store.is_none());
    central.map(|said| said.since_ms).max()
}

#[cfg(test)]
mod tests {
    use protocol::seal::{PrivateKey, Signature};
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    struct Server(Ed25519KeyPair);

    impl Server {
        fn new(seed: u8) -> Self {
            Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
        }

        fn trust(&self) -> TrustKey {
            TrustKey(self.0.public_key().as_ref().try_into().unwrap())
        }

        fn says(&self, key: u8, store: Option<&str>, since_ms: u64) -> Statement {
            let key = public(key);
            let store: Option<StoreId> = store.map(|s| s.parse().unwrap());
            let signed = Statement::signed(&key, store.as_ref(), since_ms);
            let signature = self.0.sign(&signed);
            Statement {
                key,
                store,
                since_ms,
                signature: Signature(signature.as_ref().try_into().unwrap()),
            }
        }
    }

    fn public(n: u8) -> PublicKey {
        PrivateKey::new(&[n; 32]).public()
    }

    fn load(dir: &Path) -> Keys {
        let seal = SealConfig::To {
            trust: Server::new(1).trust(),
            key: public(1),
        };
        Keys::load(&seal, dir, &"kade-9".parse().unwrap()).unwrap()
    }

    #[test]
    fn told_keys_hold_and_outlive_a_restart() {
        let (dir, server) = (tempfile::tempdir().unwrap(), Server::new(1));
        let mut keys = load(dir.path());
        assert_eq!(keys.in_force(), [public(1)]);
        assert_eq!(keys.told(&[]), Ok(false));
        let said = [server.says(2, None, 10), server.says(3, Some("kade-9"), 5)];
        assert_eq!(keys.told(&said), Ok(true));
        assert_eq!(keys.told(&said), Ok(false));
        keys.save().unwrap();
        assert_eq!(load(dir.path()).in_force(), [public(2), public(3)]);
    }

    #[test]
    fn what_is_not_signed_ours_or_new_changes_nothing() {
        let (dir, server) = (tempfile::tempdir().unwrap(), Server::new(1));
        let mut keys = load(dir.path());
        keys.told(&[server.says(2, None, 10)]).unwrap();
        let stranger = Server::new(2).says(4, None, 20);
        let mut moved = server.says(4, None, 20);
        moved.since_ms = 30;
        let mut renamed = server.says(4, Some("kade-9"), 20);
        renamed.store = None;
        let central = server.says(2, None, 10);
        for (said, why) in [
            (vec![stranger], Refused::Signature),
            (vec![moved], Refused::Signature),
            (vec![renamed], Refused::Signature),
            (
                vec![central.clone(), server.says(4, Some("dam-1"), 20)],
                Refused::Store,
            ),
            (vec![server.says(4, Some("kade-9"), 20)], Refused::NoCentral),
            (vec![server.says(1, None, 9)], Refused::Older),
        ] {
            assert_eq!(keys.told(&said), Err(why));
            assert_eq!(keys.in_force(), [public(2)]);
        }
    }

    #[test]
    fn a_file_that_was_changed_is_not_followed() {
        let (dir, server) = (tempfile::tempdir().unwrap(), Server::new(1));
        let mut keys = load(dir.path());
        keys.told(&[server.says(2, None, 10)]).unwrap();
        keys.save().unwrap();
        let path = dir.path().join(FILE);
        let changed = fs::read_to_string(&path).unwrap();
        let changed = changed.replace(&public(2).to_string(), &public(4).to_string());
        fs::write(&path, changed).unwrap();
        assert_eq!(load(dir.path()).in_force(), [public(1)]);
    }
}
