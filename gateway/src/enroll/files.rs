//! The settings as files: written beside, loaded as the gateway will, then put in place.
//!
//! In: an answer. Out: `gateway.toml`, `mqtt-password` and `ca.pem` in one folder.
//! Promises: that they can be written is known before a code is used up; what is replaced is kept
//! as `NAME.bak`, `NAME.bak2`, …; either all of them are in place, or the settings are not.
//! Invariant: password and settings are readable by their owner and the gateway's group alone.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use protocol::enrol::Answer;

use super::{Options, Refusal};
use crate::config::Config;

/// Where the settings stand, unless it is said otherwise.
pub const CONFIG: &str = "/etc/welkom/gateway.toml";
/// The group that the gateway runs in.
const GROUP: &str = "welkom-gateway";
const PASSWORD: &str = "mqtt-password";
const CA: &str = "ca.pem";

/// Where they go.
pub(super) struct Target {
    config: PathBuf,
    dir: PathBuf,
    /// Written here first.
    beside: PathBuf,
}

impl Target {
    /// Makes sure that they can go there.
    pub(super) fn new(config: &Path, force: bool) -> Result<Self, Refusal> {
        if config.exists() && !force {
            return Err(Refusal::Exists {
                path: config.to_owned(),
            });
        }
        let dir = match config.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&dir).map_err(Refusal::file("make", &dir))?;
        let beside = dir.join(".enroll");
        // What a crash left.
        let _ = fs::remove_dir_all(&beside);
        let made = fs::DirBuilder::new().mode(0o700).create(&beside);
        made.map_err(Refusal::file("make", &beside))?;
        Ok(Self {
            config: config.to_owned(),
            dir,
            beside,
        })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes them; gives back what was there before, where it is now.
    pub(super) fn write(
        &self,
        answer: &Answer,
        options: &Options,
    ) -> Result<Vec<PathBuf>, Refusal> {
        let group = gateways_group(Path::new("/etc/group"));
        let name = self.config.file_name().unwrap_or("gateway.toml".as_ref());
        let name = name.to_string_lossy().into_owned();
        let mut files = vec![(
            PASSWORD.to_owned(),
            format!("{}\n", answer.mqtt_password),
            0o640,
        )];
        if let Some(ca) = &answer.ca_pem {
            files.push((CA.to_owned(), ca.clone(), 0o644));
        }
        files.push((name.clone(), settings(answer, options), 0o640));
        for (name, text, mode) in &files {
            let path = self.beside.join(name);
            put(&path, text, *mode, group).map_err(Refusal::file("write", &path))?;
        }
        Config::load(&self.beside.join(&name)).map_err(|e| Refusal::Settings {
            what: format!("{:#}", anyhow::Error::from(e)),
        })?;
        let mut kept = Vec::new();
        for (name, ..) in &files {
            let (from, to) = (self.beside.join(name), self.dir.join(name));
            if to.exists() {
                let backup = free_name(&to);
                fs::copy(&to, &backup).map_err(Refusal::file("keep", &backup))?;
                kept.push(backup);
            }
            // The settings come last: until then the gateway has the old ones, or none.
            fs::rename(&from, &to).map_err(Refusal::file("write", &to))?;
        }
        let folder = fs::File::open(&self.dir).and_then(|dir| dir.sync_all());
        folder.map_err(Refusal::file("write", &self.dir))?;
        Ok(kept)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // It is empty, or holds what was not good enough.
        let _ = fs::remove_dir_all(&self.beside);
    }
}

fn put(path: &Path, text: &str, mode: u32, group: Option<u32>) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    if let Some(group) = group {
        // Only root may; whoever else tries it out has it in a folder of their own.
        let _ = chown(path, None, Some(group));
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

/// The number of the gateway's group; none: the package is not installed.
fn gateways_group(file: &Path) -> Option<u32> {
    let groups = fs::read_to_string(file).ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(GROUP)).then_some(())?;
        fields.nth(1)?.parse().ok()
    })
}

fn free_name(of: &Path) -> PathBuf {
    let name = |n: u32| {
        let number = if n == 1 { String::new() } else { n.to_string() };
        let mut name = of.as_os_str().to_owned();
        name.push(format!(".bak{number}"));
        PathBuf::from(name)
    };
    let mut n = 1;
    while name(n).exists() {
        n += 1;
    }
    name(n)
}

fn settings(answer: &Answer, options: &Options) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let list = |items: Vec<String>| toml::Value::from(items).to_string();
    let uuids = answer.chain_uuids.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "# Written by welkom-gateway enroll. What each key means: \
         /usr/share/doc/welkom-gateway/gateway.toml\n\n\
         store = {store}\ngateway = {gateway}\n\
         chain_uuids = {uuids}\nchain_namespaces = {namespaces}\n\n",
        store = quoted(answer.store.as_str()),
        gateway = quoted(answer.gateway.as_str()),
        uuids = list(uuids),
        namespaces = list(answer.chain_namespaces.clone()),
    );
    text += &match &options.air {
        Some(air) => format!("[source]\nkind = \"sim\"\nconnect = {}\n\n", quoted(air)),
        None => "[source]\nkind = \"btleplug\"\nadapter = \"hci0\"\n\n".to_owned(),
    };
    text += &format!(
        "[spool]\ndir = {spool}\n\n\
         [seal]\ntrust = \"{trust}\"\nkey = \"{key}\"\n\n\
         [mqtt]\nhost = {host}\nport = {port}\nusername = {username}\npassword_file = \"{PASSWORD}\"\n",
        spool = quoted(&options.spool.to_string_lossy()),
        trust = answer.seal_trust,
        key = answer.seal_key,
        host = quoted(&answer.mqtt_host),
        port = answer.mqtt_port,
        username = quoted(&answer.mqtt_username),
    );
    if answer.ca_pem.is_some() {
        text += &format!("tls = {{ ca_file = \"{CA}\" }}\n");
    }
    if let Some(listen) = options.health {
        text += &format!("\n[health]\nlisten = \"{listen}\"\n");
    }
    text
}
