//! Style sheet and scripts, compiled in.
//!
//! In: a file name. Out: its address with a hash of its content, and its bytes under that address.
//! Promises: an address never changes its content, so browsers may keep it for good; a script
//! imports its neighbours by their hashed names.
//! Invariant: only names from the table are served; a path is never opened.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

/// `Cache-Control` for everything that [`serve`] returns: the address changes with the content.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// Hexadecimal digits of the hash in an address; 48 bits tell a handful of files apart.
const HASH_DIGITS: usize = 12;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// One file as it goes out.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The body.
    pub bytes: Cow<'static, [u8]>,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `ETag`, with its quotes.
    pub etag: String,
}

struct Table {
    /// File name to hashed name.
    hashed: BTreeMap<String, String>,
    /// Hashed name to file.
    files: BTreeMap<String, Asset>,
}

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

/// The file behind `/assets/{path}`, where `path` is a hashed name.
pub fn serve(path: &str) -> Option<Asset> {
    TABLE.files.get(path).cloned()
}

/// Every file with its hashed name.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Asset)> {
    TABLE
        .files
        .iter()
        .map(|(path, asset)| (path.as_str(), asset))
}

/// The address of a file, such as `/assets/welkom.0123456789ab.css` for `welkom.css`. A name
/// that is not there gives an address that answers 404: a test fetches those of every page.
pub fn url(name: &str) -> String {
    let hashed = TABLE.hashed.get(name).map_or(name, String::as_str);
    format!("/assets/{hashed}")
}

impl Table {
    /// A script's text names the hashed names of those that it imports, so these come first.
    /// Scripts that import each other in a circle would never come: a test looks.
    fn build() -> Self {
        let mut table = Self {
            hashed: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        let mut waiting: Vec<(String, Cow<'static, [u8]>)> = Files::iter()
            .filter_map(|name| Some((name.to_string(), Files::get(&name)?.data)))
            .collect();
        loop {
            let (ready, rest): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|(_, bytes)| table.imports_are_known(bytes));
            if ready.is_empty() {
                return table;
            }
            for (name, bytes) in ready {
                let bytes = table.with_hashed_imports(bytes);
                table.add(&name, bytes);
            }
            waiting = rest;
        }
    }

    fn imports_are_known(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        imports(&text).all(|name| self.hashed.contains_key(name))
    }

    fn add(&mut self, name: &str, bytes: Cow<'static, [u8]>) {
        let mut hash = hex::encode(Sha256::digest(&bytes));
        hash.truncate(HASH_DIGITS);
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
        let hashed = format!("{stem}.{hash}.{extension}");
        let asset = Asset {
            bytes,
            content_type: content_type(extension),
            etag: format!("\"{hash}\""),
        };
        self.hashed.insert(name.to_owned(), hashed.clone());
        self.files.insert(hashed, asset);
    }

    fn with_hashed_imports(&self, bytes: Cow<'static, [u8]>) -> Cow<'static, [u8]> {
        let mut text = String::from_utf8_lossy(&bytes).into_owned();
        let names: Vec<String> = imports(&text).map(str::to_owned).collect();
        if names.is_empty() {
            return bytes;
        }
        for name in names {
            let hashed = self.hashed.get(&name).unwrap_or(&name);
            text = text.replace(&format!("\"./{name}\""), &format!("\"./{hashed}\""));
        }
        Cow::Owned(text.into_bytes())
    }
}

/// File names after `from "./`.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    text.split("from \"./")
        .skip(1)
        .filter_map(|after| after.split('"').next())
}

fn content_type(extension: &str) -> &'static str {
    match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_content_and_only_that_is_served() {
        let url = url("welkom.css");
        let path = url.strip_prefix("/assets/").unwrap();
        let asset = serve(path).unwrap();
        assert_eq!(asset.content_type, "text/css; charset=utf-8");
        let hash = hex::encode(Sha256::digest(&asset.bytes));
        assert!(path.contains(&hash[..HASH_DIGITS]), "{path}");
        assert_eq!(asset.etag, format!("\"{}\"", &hash[..HASH_DIGITS]));
        for other in ["welkom.css", "welkom.000000000000.css", "../Cargo.toml", ""] {
            assert!(serve(other).is_none(), "{other}");
        }
    }

    #[test]
    fn scripts_import_addresses_that_are_served() {
        let mut imports_seen = 0;
        for asset in TABLE.files.values() {
            let text = String::from_utf8_lossy(&asset.bytes);
            for path in imports(&text) {
                assert!(serve(path).is_some(), "{path}");
                imports_seen += 1;
            }
        }
        assert!(imports_seen > 0);
        assert_eq!(
            TABLE.files.len(),
            Files::iter().count(),
            "imports in a circle"
        );
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        for (name, asset) in &TABLE.files {
            let text = String::from_utf8_lossy(&asset.bytes);
            for wire in ["http://", "https://", "//cdn", "@import"] {
                assert!(!text.contains(wire), "{name} mentions {wire}");
            }
        }
    }
}
