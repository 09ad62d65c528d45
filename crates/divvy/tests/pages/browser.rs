//! Chromium without a window, spoken to by the Chrome `DevTools` Protocol over pipes.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer may take before the browser counts as stuck.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a test is told of where things lie; `cargo xtask test` tells it.
pub(crate) fn told(variable: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: `cargo xtask test` installs what this test needs and sets it")
    })
}

/// A browser with one empty tab and no network.
pub(crate) struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// What has come while an answer was waited for.
    events: VecDeque<Value>,
    last: u64,
    session: Option<String>,
    /// Where it keeps what it keeps; gone with it.
    _profile: TempDir,
}

/// What a page is looked at with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// In CSS pixels.
    pub(crate) width: u32,
    pub(crate) is_dark: bool,
    pub(crate) is_paper: bool,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // Chromium reads commands from descriptor 3 and writes to 4. Its own sandbox is not to be had in every container, and the pages are ours.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .arg(told("DIVVY_CHROMIUM"))
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args(["--disable-background-networking", "--no-first-run", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let replies = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in replies.split(0).map_while(Result::ok) {
                if sender.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        let events = VecDeque::new();
        let mut browser =
            Self { process, commands, messages, events, last: 0, session: None, _profile: profile };
        let tab = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": tab["targetId"], "flatten": true });
        browser.session =
            browser.ask("Target.attachToTarget", &attach)["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        let offline =
            json!({ "offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0 });
        browser.ask("Network.emulateNetworkConditions", &offline);
        browser
    }

    /// Opens a file and waits until it is drawn.
    pub(crate) fn open(&mut self, file: &Path) {
        self.events.clear();
        self.ask("Page.navigate", &json!({ "url": format!("file://{}", file.display()) }));
        self.wait_until_drawn();
    }

    /// Waits until the page has loaded itself once more.
    pub(crate) fn wait_until_reloaded(&mut self) {
        self.events.clear();
        self.wait_until_drawn();
    }

    fn wait_until_drawn(&mut self) {
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.next();
            self.events.push_back(event);
        }
    }

    /// What went wrong since the page was opened, and what it wanted to fetch.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // What the page has caused until now comes before this answer.
        self.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
        self.events.iter().filter_map(complaint).collect()
    }

    pub(crate) fn look(&mut self, Look { width, is_dark, is_paper }: Look) {
        let size = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.ask("Emulation.setDeviceMetricsOverride", &size);
        let scheme =
            json!({ "name": "prefers-color-scheme", "value": if is_dark { "dark" } else { "light" } });
        let media = if is_paper { "print" } else { "screen" };
        self.ask("Emulation.setEmulatedMedia", &json!({ "media": media, "features": [scheme] }));
    }

    /// Prints the page, as into a file, which is let go.
    pub(crate) fn print(&mut self) {
        self.ask("Page.printToPDF", &json!({}));
    }

    /// The value of an expression, which may be a promise, in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.ask("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Presses a key, as a person at a keyboard does.
    pub(crate) fn press(&mut self, key: Key) {
        let (name, code, number, text) = key.facts();
        let mut event = json!({ "type": "keyDown", "key": name, "code": code, "windowsVirtualKeyCode": number, "text": text });
        self.ask("Input.dispatchKeyEvent", &event);
        event["type"] = "keyUp".into();
        self.ask("Input.dispatchKeyEvent", &event);
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut command = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        self.commands.write_all(&[command.to_string().as_bytes(), b"\0"].concat()).unwrap();
        loop {
            let mut message = self.next();
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.events.push_back(message);
        }
    }

    fn next(&mut self) -> Value {
        self.messages.recv_timeout(PATIENCE).expect("the browser answers")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// What an event says went wrong: an error or a warning of the page, or that it fetches what does not lie in it.
fn complaint(event: &Value) -> Option<String> {
    let details = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(details["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" => Some(details["args"].to_string()),
        "Log.entryAdded" => Some(details["entry"].to_string()),
        "Network.requestWillBeSent" if details["type"] != "Document" => {
            let address = details["request"]["url"].as_str()?;
            (!address.starts_with("data:")).then(|| format!("fetches {address}"))
        }
        _ => None,
    }
}

/// The keys that pages are used with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    Tab,
    Enter,
    Space,
    Down,
    Up,
}

impl Key {
    /// Its name, its place on the keyboard, its number and what it types.
    fn facts(self) -> (&'static str, &'static str, u32, &'static str) {
        match self {
            Self::Tab => ("Tab", "Tab", 9, ""),
            Self::Enter => ("Enter", "Enter", 13, "\r"),
            Self::Space => (" ", "Space", 32, " "),
            Self::Down => ("ArrowDown", "ArrowDown", 40, ""),
            Self::Up => ("ArrowUp", "ArrowUp", 38, ""),
        }
    }
}

/// A file that the tests were told of, as text.
pub(crate) fn told_text(variable: &str) -> String {
    let path = PathBuf::from(told(variable));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
