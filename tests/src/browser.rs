//! A real browser: chromedriver on a port of its own, headless Chromium behind it.
//!
//! In: how a person reads (language, scripts or none), what she does on a page.
//! Out: what the page shows. Each [`Page`] is a browser of its own, with its own cookies.
//! Promises: what is not there yet is waited for; what never comes is told with the page's text.
//! Invariant: nothing outlives the [`Driver`], and no browser of it asks anything of the network
//! but this machine.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::Context;
use demo::stack::until_within;
use fantoccini::{
    Client, ClientBuilder, Locator,
    error::{CmdError, ErrorStatus},
    wd::WebDriverCompatibleCommand,
};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{axe, find};

/// How long a page may take to show something. The board's own slowest step takes 10 s: stale.
const SHOWN_WITHIN: Duration = Duration::from_secs(20);

/// It chooses a port of IPv6 and takes the same of IPv4, which another program may have.
const PORT_TRIES: usize = 5;
const PORT_TAKEN: &str = "port not available";

/// A running chromedriver.
pub struct Driver {
    child: Child,
    port: u16,
    /// Kept open: a log line into a closed pipe would end chromedriver.
    stdout: BufReader<ChildStdout>,
    folder: TempDir,
}

/// How a person reads.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// What the browser asks for: `nl`, `en`.
    pub language: &'static str,
    /// Whether scripts run.
    pub scripts: bool,
    /// Whether the device has a camera that may be used: a picture that moves, and nobody asked.
    pub camera: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            language: "nl",
            scripts: true,
            camera: false,
        }
    }
}

impl Driver {
    /// Starts chromedriver on a port that it chooses.
    pub fn start() -> anyhow::Result<Self> {
        let taken = |error: &anyhow::Error| error.to_string().contains(PORT_TAKEN);
        for _ in 1..PORT_TRIES {
            match Self::try_start() {
                Err(error) if taken(&error) => {}
                started => return started,
            }
        }
        Self::try_start()
    }

    fn try_start() -> anyhow::Result<Self> {
        let program = find("chromedriver").context("chromedriver is not installed")?;
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // The browsers belong to this group, and go with it.
            .process_group(0)
            .spawn()
            .context("start chromedriver")?;
        let stdout = child.stdout.take().context("read chromedriver's output")?;
        let mut driver = Self {
            child,
            port: 0,
            stdout: BufReader::new(stdout),
            folder: tempfile::tempdir()?,
        };
        driver.port = port_told(&mut driver.stdout)?;
        Ok(driver)
    }

    /// Opens a browser whose addresses begin with `base`.
    pub async fn open(&self, base: &str, reader: Reader) -> anyhow::Result<Page> {
        let profile = tempfile::tempdir_in(self.folder.path())?.keep();
        let chromium = find("chromium").context("chromium is not installed")?;
        let profile = format!("--user-data-dir={}", profile.display());
        let language = format!("--lang={}", reader.language);
        let javascript = if reader.scripts { 1 } else { 2 };
        // A notification is drawn by the desktop, so its picture needs one.
        let screen = if on_screen() {
            "--window-size=900,700"
        } else {
            "--headless=new"
        };
        let mut more = Vec::new();
        if reader.camera {
            more.push("--use-fake-device-for-media-stream");
            more.push("--use-fake-ui-for-media-stream");
        }
        let mut options = json!({
            "binary": chromium,
            "args": [
                screen, "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-quic", "--disable-breakpad", "--no-first-run", "--no-proxy-server",
                "--force-color-profile=srgb", "--hide-scrollbars", profile, language,
            ],
            "prefs": {
                "intl.accept_languages": reader.language,
                "profile.managed_default_content_settings.javascript": javascript,
            },
        });
        if let Some(args) = options["args"].as_array_mut() {
            args.extend(more.into_iter().map(Value::from));
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".into(), options);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .context("open a browser")?;
        let base = base.to_owned();
        Ok(Page { client, base })
    }
}

/// Whether browsers get a window: `WELKOM_ON_SCREEN=1`, with an X display.
pub fn on_screen() -> bool {
    std::env::var_os("WELKOM_ON_SCREEN").is_some_and(|value| value == "1")
}

/// The whole screen as a PNG file, by ImageMagick.
pub fn picture_of_screen(file: &Path) -> anyhow::Result<()> {
    let import = find("import").context("ImageMagick is not installed")?;
    let mut command = Command::new(import);
    command.args(["-window", "root"]).arg(file);
    let done = command.status().context("take a picture of the screen")?;
    anyhow::ensure!(done.success(), "import: {done}");
    Ok(())
}

/// Taps the notification that the desktop shows, where dunst draws them.
pub fn tap_notification() -> anyhow::Result<()> {
    let dunstctl = find("dunstctl").context("dunst is not installed")?;
    let done = Command::new(dunstctl).arg("action").status();
    let done = done.context("tap the notification")?;
    anyhow::ensure!(done.success(), "dunstctl: {done}");
    Ok(())
}

fn port_told(stdout: &mut impl BufRead) -> anyhow::Result<u16> {
    let mut said = String::new();
    while stdout.read_line(&mut said)? > 0 {
        let told = said.trim_end().trim_end_matches('.');
        if let Some((_, port)) = told.rsplit_once("started successfully on port ") {
            return port.parse().context("read chromedriver's port");
        }
    }
    anyhow::bail!("chromedriver did not start: {said}")
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // It has ended already, or ends now; there is nobody left to tell.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// A window of a browser of its own.
pub struct Page {
    client: Client,
    base: String,
}

impl Page {
    /// Goes to a path of the server under test.
    pub async fn goto(&self, path: &str) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.base);
        self.client
            .goto(&url)
            .await
            .with_context(|| format!("go to {url}"))
    }

    /// The path that is shown.
    pub async fn path(&self) -> anyhow::Result<String> {
        Ok(self.client.current_url().await?.path().to_owned())
    }

    /// The value of an expression on the page.
    pub async fn value(&self, expression: &str) -> anyhow::Result<Value> {
        self.client
            .execute(&format!("return ({expression});"), vec![])
            .await
            .with_context(|| format!("evaluate {expression}"))
    }

    /// Waits until an expression is true.
    pub async fn until(&self, expression: &str) -> anyhow::Result<()> {
        self.waited(until_within(SHOWN_WITHIN, expression, async || {
            // A page that is just being left has nothing to say.
            let value = self.value(expression).await;
            Ok(value.is_ok_and(|value| value == json!(true)))
        }))
        .await
    }

    /// Waits until what is read in an element holds some words.
    pub async fn until_says(&self, css: &str, words: &str) -> anyhow::Result<()> {
        let what = format!("{css} to say {words:?}");
        self.waited(until_within(SHOWN_WITHIN, &what, async || {
            Ok(self.text(css).await.is_ok_and(|text| text.contains(words)))
        }))
        .await
    }

    /// What a reader sees in an element: nothing of what is hidden.
    pub async fn text(&self, css: &str) -> anyhow::Result<String> {
        let element = self.client.find(Locator::Css(css)).await;
        let element = element.with_context(|| format!("find {css}"))?;
        Ok(element.text().await?)
    }

    /// Presses what `css` finds, as soon as it is there and nothing lies on it.
    pub async fn click(&self, css: &str) -> anyhow::Result<()> {
        let what = format!("{css} to be clicked");
        self.waited(until_within(SHOWN_WITHIN, &what, async || {
            match self.try_click(css).await {
                Ok(()) => Ok(true),
                Err(error) if is_passing(&error) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }))
        .await
    }

    async fn try_click(&self, css: &str) -> Result<(), CmdError> {
        let element = self.client.find(Locator::Css(css)).await?;
        // As a person does; the driver alone would leave it under the bar at the page's foot.
        let scroll = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        let arguments = vec![serde_json::to_value(&element)?];
        self.client.execute(scroll, arguments).await?;
        element.click().await
    }

    /// Types into a field.
    pub async fn type_into(&self, css: &str, keys: &str) -> anyhow::Result<()> {
        let field = self.client.wait().at_most(SHOWN_WITHIN);
        let field = field.for_element(Locator::Css(css)).await;
        let field = field.with_context(|| format!("find the field {css}"))?;
        Ok(field.send_keys(keys).await?)
    }

    /// Types wherever the focus is.
    pub async fn keys(&self, keys: &str) -> anyhow::Result<()> {
        let focused = self.client.active_element().await;
        Ok(focused.context("find the focus")?.send_keys(keys).await?)
    }

    /// Asks the browser itself, by its DevTools protocol.
    pub async fn devtools(&self, command: &str, params: Value) -> anyhow::Result<Value> {
        let body = json!({ "cmd": command, "params": params }).to_string();
        self.client
            .issue_cmd(DevTools(body))
            .await
            .with_context(|| format!("ask for {command}"))
    }

    /// What axe-core finds that WCAG 2.2 AA forbids, as it stands now.
    pub async fn flaws(&self) -> anyhow::Result<Vec<String>> {
        let source = std::fs::read_to_string(axe()?).context("read axe-core")?;
        self.client.execute(&source, vec![]).await?;
        const RUN: &str = "const [done] = [arguments[arguments.length - 1]]; \
            axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }) \
            .then(({ violations, passes }) => done([passes.length, ...violations.flatMap((rule) => \
              rule.nodes.map((node) => `${rule.id}: ${node.html} (${node.any[0]?.message})`))]), \
              (error) => done([0, String(error)]));";
        let found = self.client.execute_async(RUN, vec![]).await?;
        let found: Vec<Value> = serde_json::from_value(found)?;
        let looked = found.first().and_then(Value::as_u64).unwrap_or(0);
        anyhow::ensure!(looked > 5, "axe-core looked at nothing: {found:?}");
        let said = found.into_iter().skip(1);
        Ok(said
            .map(|flaw| flaw.as_str().unwrap_or_default().to_owned())
            .collect())
    }

    /// The whole page as a picture, as PNG.
    pub async fn picture(&self, width_px: u32, dark: bool) -> anyhow::Result<Vec<u8>> {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        let media = json!({ "features": features });
        self.devtools("Emulation.setEmulatedMedia", media).await?;
        self.resize(width_px, 900).await?;
        self.until("document.fonts.status === 'loaded'").await?;
        let height = self.value("document.documentElement.scrollHeight").await?;
        self.resize(width_px, height.as_u64().unwrap_or(900))
            .await?;
        Ok(self.client.screenshot().await?)
    }

    /// Gives the page a screen of this size.
    pub async fn resize(&self, width_px: u32, height_px: u64) -> anyhow::Result<()> {
        let screen = json!({
            "width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", screen)
            .await?;
        Ok(())
    }

    /// Says what the page showed when something did not come.
    async fn waited(&self, wait: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
        let Err(error) = wait.await else {
            return Ok(());
        };
        let path = self.path().await.unwrap_or_default();
        let shown = self.text("body").await.unwrap_or_default();
        Err(error.context(format!("{path} showed:\n{shown}\n")))
    }
}

/// Whether it may be there, or free, in a moment.
fn is_passing(error: &CmdError) -> bool {
    error.is_no_such_element()
        || error.is_stale_element_reference()
        || error.is_element_not_interactable()
        || matches!(error, CmdError::Standard(told)
            if told.error == ErrorStatus::ElementClickIntercepted)
}

#[derive(Debug)]
struct DevTools(String);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base_url: &Url,
        session_id: Option<&str>,
    ) -> Result<Url, <Url as std::str::FromStr>::Err> {
        let session = session_id.unwrap_or_default();
        base_url.join(&format!("session/{session}/goog/cdp/execute"))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.clone()))
    }
}
