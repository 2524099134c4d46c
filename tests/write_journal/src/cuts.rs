//! Every moment at which the power may go, and what a disk may then hold.
//!
//! In: a journal. Out: step by step, the folders that a cut may leave at that moment.
//! Kept, always: what was synced. Of the rest, by names and by content apart:
//! none; all; all with zeros where the last block or the last page of it belongs; all, the last write
//! torn; each beginning of the changes of names; and, by seed, any choice of changes.
//! Invariant: two states of one moment differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{Change, Content, Disk, Journal, Name, Record, coin, random};

/// A sector, and a page.
const BLOCKS: [usize; 2] = [512, 4_096];
/// Choices by seed, at each moment.
const CHOSEN: u64 = 3;
/// More beginnings of the changes of names than this are not tried.
const BEGINNINGS_MAX: usize = 6;

/// A journal that is gone through.
pub struct Replay {
    disk: Disk,
    journal: Vec<u8>,
    at: usize,
    steps: u64,
    under: PathBuf,
    seen: BTreeSet<u64>,
}

/// What happened between two moments.
#[derive(Debug)]
pub struct Step {
    /// A file or folder was synced.
    pub synced: bool,
    /// What was written to a file, and to which.
    pub written: Option<(PathBuf, Vec<u8>)>,
}

/// A folder as a cut leaves it: content by path, none for folders.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State(BTreeMap<PathBuf, Option<Vec<u8>>>);

#[derive(Debug, Clone, Copy)]
enum Names {
    None,
    All,
    First(usize),
    Chosen(u64),
}

#[derive(Debug, Clone, Copy)]
enum Contents {
    None,
    All,
    ZeroEnd(usize),
    TornEnd(u64),
    First(u64),
    Chosen(u64),
}

impl Journal {
    /// Goes through the journal from its beginning; `before` as in [`Journal::lose`].
    pub fn replay(&self, before: Option<&Path>) -> anyhow::Result<Replay> {
        Ok(Replay {
            disk: Disk::before(before, &self.under)?,
            journal: std::fs::read(&self.file).context("read the journal")?,
            at: 0,
            steps: 0,
            under: self.under.clone(),
            seen: BTreeSet::new(),
        })
    }
}

impl Replay {
    /// The next moment; none at the end.
    pub fn step(&mut self) -> anyhow::Result<Option<Step>> {
        let rest = &self.journal[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let (record, next) = Record::split(rest).context("the journal ends early")?;
        self.disk.apply(&record)?;
        self.steps += 1;
        let written = match (record.operation, self.disk.open.get(&record.file)) {
            (b'W', Some((path, _))) => Some((path.clone(), record.bytes.to_vec())),
            _ => None,
        };
        let synced = record.operation == b'E';
        self.at = self.journal.len() - next.len();
        Ok(Some(Step { synced, written }))
    }

    /// Forgets which states were given: they matter again, since something was promised.
    pub fn promised(&mut self) {
        self.seen.clear();
    }

    /// What the folder `of` may be at this moment, without what was given since the last
    /// [`Replay::promised`].
    pub fn states(&mut self, of: &Path, seed: u64) -> Vec<State> {
        let mut choices = vec![
            (Names::None, Contents::None),
            (Names::None, Contents::All),
            (Names::All, Contents::None),
            (Names::All, Contents::All),
            (Names::All, Contents::TornEnd(seed ^ self.steps)),
        ];
        choices.extend(BLOCKS.map(|block| (Names::All, Contents::ZeroEnd(block))));
        for chosen in 0..CHOSEN {
            let seed = seed ^ (self.steps << 8) ^ (chosen << 4);
            choices.push((Names::Chosen(seed), Contents::Chosen(seed)));
            choices.push((Names::Chosen(seed ^ 1), Contents::First(seed ^ 1)));
        }
        for first in 1..self.disk.renamed.len().min(BEGINNINGS_MAX) {
            choices.push((Names::First(first), Contents::All));
            choices.push((Names::First(first), Contents::None));
        }
        let states = choices
            .into_iter()
            .map(|(names, contents)| self.state(of, names, contents));
        let states: Vec<State> = states.collect();
        let new = states.into_iter().filter(|state| {
            let mut hasher = DefaultHasher::new();
            state.hash(&mut hasher);
            self.seen.insert(hasher.finish())
        });
        new.collect()
    }

    fn state(&self, of: &Path, names: Names, contents: Contents) -> State {
        let mut found = self.disk.durable_names.clone();
        for (place, change) in self.disk.renamed.iter().enumerate() {
            let done = match names {
                Names::None => false,
                Names::All => true,
                Names::First(first) => place < first,
                Names::Chosen(seed) => coin(seed, u64::MAX, place as u64),
            };
            if done {
                change.apply(&mut found);
            }
        }
        let mut state = BTreeMap::new();
        let mut folders = BTreeSet::from([self.under.clone()]);
        // In the order of paths, so that a folder comes before what is in it.
        for (path, name) in found {
            if !path.parent().is_some_and(|p| folders.contains(p)) {
                continue;
            }
            let content = match name {
                Name::Folder => {
                    folders.insert(path.clone());
                    None
                }
                Name::File(file) => {
                    let content = &self.disk.contents[file];
                    Some(content.cut(contents, file as u64))
                }
            };
            if let Ok(path) = path.strip_prefix(of) {
                state.insert(path.to_owned(), content);
            }
        }
        State(state)
    }
}

impl Content {
    fn cut(&self, contents: Contents, file: u64) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let last = self.unsynced.len().saturating_sub(1);
        let random = |seed: u64, below: usize| {
            let below = below.max(1) as u64;
            usize::try_from(random(seed, file, u64::MAX) % below).unwrap_or(0)
        };
        for (place, change) in self.unsynced.iter().enumerate() {
            match (contents, change) {
                (Contents::None, _) => {}
                (Contents::TornEnd(seed), Change::Write(at, data)) if place == last => {
                    let torn = data[..random(seed, data.len())].to_vec();
                    Change::Write(*at, torn).apply(&mut bytes);
                }
                (Contents::First(seed), _) if place >= random(seed, last + 2) => {}
                (Contents::Chosen(seed), _) if !coin(seed, file, place as u64) => {}
                _ => change.apply(&mut bytes),
            }
        }
        if let Contents::ZeroEnd(block) = contents {
            let from = bytes.len().saturating_sub(1) / block * block;
            let from = from.max(self.durable.len()).min(bytes.len());
            bytes[from..].fill(0);
        }
        bytes
    }
}

impl State {
    /// Makes the folder.
    pub fn write(&self, to: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(to)?;
        for (path, content) in &self.0 {
            let path = to.join(path);
            match content {
                None => std::fs::create_dir_all(path)?,
                Some(bytes) => std::fs::write(path, bytes)?,
            }
        }
        Ok(())
    }
}
