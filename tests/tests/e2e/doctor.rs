//! `welkom-gateway doctor` against machines that are broken on purpose: a real broker, a real bus
//! with the virtual BlueZ, real disks. What it says stands in `docs/doctor.md`, word for word.
//!
//! With `WELKOM_TRANSCRIPTS=write` a transcript that differs is written there, to be read by
//! whoever commits it.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Command, Output},
    sync::Mutex,
    time::Duration,
};

use anyhow::Context;
use dbus::blocking::Connection;
use demo::stack::{Options, Stack};
use e2e::{
    harness::{Tool, test},
    rig::program,
};
use firmware_sim::{
    bluez::{self, Machine},
    plan::Plan,
    provision::GatewayCredentials,
};
use libtest_mimic::Trial;
use tempfile::TempDir;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/doctor.md");

pub(crate) fn tests() -> Vec<Trial> {
    const BUS: &[Tool] = &[Tool::DbusDaemon];
    const DISK: &[Tool] = &[Tool::DbusDaemon, Tool::Mounts];
    vec![
        test("doctor_finds_nothing_where_nothing_is_wrong", BUS, all_good),
        test("doctor_says_which_line_of_the_settings", BUS, settings),
        test("doctor_sees_an_adapter_that_is_off", BUS, adapter_off),
        test("doctor_sees_a_flight_mode", BUS, flight_mode),
        test("doctor_sees_a_bus_that_denies", BUS, denied),
        test("doctor_sees_a_server_that_is_away", BUS, server_away),
        test("doctor_sees_a_wrong_password", BUS, wrong_password),
        test("doctor_sees_a_strange_certificate", BUS, strange_authority),
        test("doctor_sees_a_full_disk", DISK, disk_full),
        test("doctor_sees_a_read_only_disk", DISK, disk_read_only),
        test(
            "doctor_leaves_a_gateway_that_runs_its_line",
            BUS,
            undisturbed,
        ),
    ]
}

/// A gateway's machine beside a server with TLS, and all is well.
struct Ward {
    stack: Stack,
    door: GatewayCredentials,
    machine: Machine,
    folder: TempDir,
}

impl Ward {
    async fn open() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = Options {
            tls: true,
            ..Options::default()
        };
        let stack = Stack::start(folder.path(), &program()?, options).await?;
        let door = stack.furnish(&Plan::kade_9()).await?.swap_remove(0);
        let bus = folder.path().join("bus");
        let machine = Machine::start(&bus, bluez::Options::default()).await?;
        let ward = Self {
            stack,
            door,
            machine,
            folder,
        };
        ward.furnish()?;
        Ok(ward)
    }

    /// Settings, and what the doctor asks of the machine itself: else it would see that of whoever
    /// runs this test.
    fn furnish(&self) -> anyhow::Result<()> {
        let root = self.root();
        fs::create_dir_all(root.join("run/systemd/timesync"))?;
        fs::write(root.join("run/systemd/timesync/synchronized"), "")?;
        fs::create_dir_all(root.join("etc"))?;
        let uid = fs::metadata("/proc/self")?.uid();
        fs::write(
            root.join("etc/passwd"),
            format!("pi:x:{uid}:{uid}::/:/bin/sh\n"),
        )?;
        fs::create_dir_all(self.spool())?;
        let ca = self.stack.ready.ca.as_ref().context("there is TLS")?;
        fs::copy(ca, self.folder.path().join("ca.pem"))?;
        self.set(|settings| settings)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn spool(&self) -> PathBuf {
        self.folder.path().join("var")
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    /// Writes the settings, changed.
    fn set(&self, change: impl FnOnce(String) -> String) -> anyhow::Result<()> {
        let GatewayCredentials {
            mqtt_username,
            mqtt_password,
            seal_trust,
            seal_key,
            ..
        } = &self.door;
        let text = format!(
            "store = \"kade-9\"\ngateway = \"door\"\n\n\
             [spool]\ndir = {:?}\nbytes_max = 1000000\nsegment_bytes = 65536\n\n\
             [seal]\ntrust = \"{seal_trust}\"\nkey = \"{seal_key}\"\n\n\
             [mqtt]\nhost = \"localhost\"\nport = {}\nusername = \"{mqtt_username}\"\n\
             password = \"{mqtt_password}\"\ntls = {{ ca_file = \"ca.pem\" }}\n",
            self.spool(),
            self.port()?
        );
        fs::write(self.settings(), change(text))?;
        Ok(())
    }

    fn port(&self) -> anyhow::Result<u16> {
        let address = self.stack.ready.mqtt_tls.context("there is TLS")?;
        Ok(address.port())
    }

    fn doctor(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(program()?);
        command
            .args(["part-gateway", "doctor", "--root"])
            .arg(self.root())
            .arg("--config")
            .arg(self.settings())
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.machine.address());
        Ok(command)
    }

    async fn ask(&self) -> anyhow::Result<Output> {
        let mut command = self.doctor()?;
        let output = tokio::task::spawn_blocking(move || command.output()).await?;
        output.context("run the doctor")
    }

    /// What it said, with what differs from run to run as it would be on a Pi.
    fn masked(&self, output: &Output) -> anyhow::Result<String> {
        let mut text = String::from_utf8(output.stdout.clone())?;
        let folder = self.folder.path().display().to_string();
        for (ours, theirs) in [
            (
                format!("{folder}/var"),
                "/var/lib/welkom-gateway".to_owned(),
            ),
            (folder, "/etc/welkom".to_owned()),
            (self.port()?.to_string(), "8883".to_owned()),
        ] {
            text = text.replace(&ours, &theirs);
        }
        // Free room is what the machine has.
        let free = |word: &str, next: Option<&&str>| {
            word.parse::<u64>().is_ok_and(|mb| mb > 0) && next == Some(&"MB")
        };
        let words: Vec<&str> = text.split(' ').collect();
        let masked = words.iter().enumerate().map(|(i, word)| {
            if free(word, words.get(i + 1)) {
                "21804"
            } else {
                word
            }
        });
        Ok(masked.collect::<Vec<_>>().join(" "))
    }

    /// Asks, and compares with what stands in the documentation under this name.
    async fn transcript(&self, name: &str, exit_code: i32) -> anyhow::Result<()> {
        let output = self.ask().await?;
        self.compare(name, exit_code, &output)
    }

    fn compare(&self, name: &str, exit_code: i32, output: &Output) -> anyhow::Result<()> {
        let said = self.masked(output)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.code() == Some(exit_code), "{said}{errors}");
        anyhow::ensure!(errors.is_empty(), "{errors}");
        let secret = self.door.mqtt_password.as_str();
        anyhow::ensure!(!said.contains(secret), "the password is in\n{said}");
        compare(name, &said)
    }
}

fn compare(name: &str, said: &str) -> anyhow::Result<()> {
    /// Tests run beside each other.
    static DOCS_ARE_READ: Mutex<()> = Mutex::new(());
    let _alone = DOCS_ARE_READ.lock();
    let docs = fs::read_to_string(DOCS).context("read docs/doctor.md")?;
    let begin = format!("<!-- {name} -->\n```text\n");
    let at = docs
        .find(&begin)
        .with_context(|| format!("no {name} in docs/doctor.md"))?;
    let (before, rest) = docs.split_at(at + begin.len());
    let (stands, after) = rest.split_once("```").context("the transcript ends")?;
    if stands != said && std::env::var_os("WELKOM_TRANSCRIPTS").is_some_and(|v| v == "write") {
        fs::write(DOCS, format!("{before}{said}```{after}"))?;
        return Ok(());
    }
    anyhow::ensure!(
        stands == said,
        "{name} in docs/doctor.md:\n{stands}\nsaid:\n{said}"
    );
    Ok(())
}

async fn all_good() -> anyhow::Result<()> {
    Ward::open().await?.transcript("all-good", 0).await
}

async fn settings() -> anyhow::Result<()> {
    let ward = Ward::open().await?;
    ward.set(|settings| settings.replace("ca_file", "ca_fil"))?;
    ward.transcript("settings", 2).await
}

async fn adapter_off() -> anyhow::Result<()> {
    let ward = Ward::open().await?;
    ward.machine.power(false);
    ward.transcript("adapter-off", 1).await
}

async fn flight_mode() -> anyhow::Result<()> {
    let ward = Ward::open().await?;
    let switch = ward.root().join("sys/class/rfkill/rfkill0");
    fs::create_dir_all(&switch)?;
    for (key, value) in [
        ("name", "hci0"),
        ("type", "bluetooth"),
        ("soft", "1"),
        ("hard", "0"),
    ] {
        fs::write(switch.join(key), format!("{value}\n"))?;
    }
    ward.transcript("flight-mode", 1).await
}

/// As on a machine whose bus lets only some in; with the package's policy, those of its group.
async fn denied() -> anyhow::Result<()> {
    let ward = Ward::open().await?;
    let config = ward.folder.path().join("bus/bus.conf");
    let closed = fs::read_to_string(&config)?.replace(
        "  </policy>",
        "    <deny send_destination=\"org.bluez\"/>\n  </policy>",
    );
    fs::write(&config, &closed)?;
    reload(ward.machine.address()).await?;
    ward.transcript("denied", 1).await?;

    let package = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../deploy/gateway/dbus-1/welkom-gateway.conf"
    );
    let mine = format!("group=\"{}\"", fs::metadata("/proc/self")?.gid());
    let policy = fs::read_to_string(package)?.replace("group=\"welkom-gateway\"", &mine);
    fs::write(ward.folder.path().join("policy.conf"), policy)?;
    let include = format!(
        "  <include>{}</include>\n</busconfig>",
        ward.folder.path().join("policy.conf").display()
    );
    fs::write(&config, closed.replace("</busconfig>", &include))?;
    reload(ward.machine.address()).await?;
    ward.transcript("all-good", 0).await
}

/// The bus reads its configuration anew.
async fn reload(address: String) -> anyhow::Result<()> {
    let reload = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let mut channel = dbus::channel::Channel::open_private(&address)?;
        channel.register()?;
        let bus = Connection::from(channel);
        let name = "org.freedesktop.DBus";
        let proxy = bus.with_proxy(name, "/org/freedesktop/DBus", Duration::from_secs(5));
        let () = proxy.method_call(name, "ReloadConfig", ())?;
        Ok(())
    });
    reload.await?
}

async fn server_away() -> anyhow::Result<()> {
    let mut ward = Ward::open().await?;
    ward.stack.kill()?;
    ward.transcript("server-away", 1).await
}

async fn wrong_password() -> anyhow::Result<()> {
    let ward = Ward::open().await?;
    ward.set(|settings| settings.replace("password = \"", "password = \"x"))?;
    ward.transcript("wrong-password", 1).await
}

/// The server was set up anew, with an authority of its own.
async fn strange_authority() -> anyhow::Result<()> {
    let (ward, other) = (Ward::open().await?, Ward::open().await?);
    let ca = other.folder.path().join("ca.pem");
    fs::copy(ca, ward.folder.path().join("ca.pem"))?;
    ward.transcript("strange-certificate", 1).await
}

/// The doctor where `mount` put a disk in the spool's place, which goes with the process.
async fn on_a_disk(ward: &Ward, mount: &str) -> anyhow::Result<Output> {
    let doctor = ward.doctor()?;
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-ec"])
        .arg(format!(
            "cd '{}'; {mount}; cd /; exec \"$@\"",
            ward.spool().display()
        ))
        .arg("sh")
        .arg(doctor.get_program())
        .args(doctor.get_args());
    for (key, value) in doctor.get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    // In a namespace of users we are root, whoever we are outside.
    fs::write(ward.root().join("etc/passwd"), "pi:x:0:0::/:/bin/sh\n")?;
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    output.context("run the doctor on a disk of its own")
}

async fn disk_full() -> anyhow::Result<()> {
    let ward = Ward::open().await?;
    let full = "mount -t tmpfs -o size=64k none .; cd \"$PWD\"; \
                cat /dev/zero >old.log 2>/dev/null || true";
    let output = on_a_disk(&ward, full).await?;
    ward.compare("disk-full", 1, &output)
}

async fn disk_read_only() -> anyhow::Result<()> {
    let ward = Ward::open().await?;
    let output = on_a_disk(&ward, "mount -t tmpfs -o ro none .").await?;
    ward.compare("disk-read-only", 1, &output)
}

/// One client id has one connection: whoever comes with it throws the other out.
async fn undisturbed() -> anyhow::Result<()> {
    let ward = Ward::open().await?;
    let bus = ward.machine.address();
    let source = firmware_sim::air::Source::Bluez { bus };
    // A connection that ends young is worth a debug line alone.
    let talks = [("WELKOM_LOG", OsStr::new("gateway=debug"))];
    let gateway = ward.stack.gateway(&ward.door, &source, &talks)?;
    let connected = async || {
        let log = fs::read_to_string(&gateway.log)?;
        Ok(log.matches("connected, and the server answers").count() == 1)
    };
    demo::stack::until("the gateway to be connected", connected).await?;
    for _ in 0..3 {
        ward.transcript("all-good", 0).await?;
    }
    let log = fs::read_to_string(&gateway.log)?;
    let lost = ["connection lost", "no connection"].map(|words| log.contains(words));
    anyhow::ensure!(lost == [false; 2], "{log}");
    let server = fs::read_to_string(ward.folder.path().join("server.log"))?;
    anyhow::ensure!(!server.contains("WARN"), "{server}");
    Ok(())
}
