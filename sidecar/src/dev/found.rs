//! `.tidegate/dev.json`: how commands in a second terminal find a running `dev`.

use crate::{
    cli::Failure,
    config::{Config, KafkaValue, Registry},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// The file's place in a folder.
const FILE: &str = ".tidegate/dev.json";
/// A `dev` on this machine answers at once or is gone.
const PATIENCE: Duration = Duration::from_millis(300);
/// A file of ours is nowhere near as large.
const MAX_BYTES: u64 = 1 << 20;
/// Where Kafka and the registry are as long as nobody says so: what `init` and the samples write.
pub const USUAL_KAFKA: &str = "localhost:9092";
/// See [`USUAL_KAFKA`].
pub const USUAL_REGISTRY: &str = "http://localhost:8081";

/// Where a running `dev` has everything: addresses and URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The folder it was started in.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Kafka, as `bootstrap.servers` takes it.
    pub kafka: String,
    /// The registry's URL.
    pub registry: String,
    /// Each domain's listeners.
    pub domains: BTreeMap<String, Listeners>,
}

/// The URLs of a sidecar's listeners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listeners {
    /// Events come in here, if it has the role `publish`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The admin listener.
    pub admin: String,
    /// The health listener.
    pub health: String,
}

impl Running {
    /// The `dev` that runs in a folder or above it. A file that a killed one left behind does not count, nor does one
    /// that another user put there: whoever may write to a folder above would read and answer all that we send.
    /// Needs tokio's runtime.
    pub fn find(folder: &Path) -> Option<Self> {
        let folder = std::path::absolute(folder).ok()?;
        let us = tokio::net::UnixStream::pair().and_then(|(one, _)| one.peer_cred()).ok()?.uid();
        let running = folder.ancestors().find_map(|folder| Self::left_in(folder, us))?;
        running.answers().then_some(running)
    }

    /// What a user's `dev` left in a folder.
    fn left_in(folder: &Path, user: u32) -> Option<Self> {
        let path = folder.join(FILE);
        // Opening a pipe would wait for somebody to write to it; and a link is nothing that we leave.
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.uid() == user) {
            return None;
        }
        let file = fs::File::open(&path).ok()?;
        // It may be another one by now.
        if file.metadata().ok()?.uid() != user {
            return None;
        }
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        let running = serde_json::from_str::<Self>(&text).ok()?;
        running.is_here().then(|| Self { folder: folder.to_owned(), ..running })
    }

    /// Whether all of it is on this machine, as it is with every `dev`.
    fn is_here(&self) -> bool {
        let listeners = self.domains.values().flat_map(|at| [Some(&at.admin), Some(&at.health), at.data.as_ref()]);
        let mut urls = listeners.flatten().chain([&self.registry]);
        loopback(&self.kafka).is_some() && urls.all(|url| of_url(url).is_some())
    }

    /// Leads a configuration to this `dev`, if it says nothing else of where Kafka and the registry are than what
    /// everybody's does; and what somebody should be told of that.
    pub fn offer(&self, config: &mut Config) -> (bool, String) {
        let Self { folder, kafka, registry, .. } = self;
        let folder = folder.display();
        if !is_usual(config) {
            let note = format!(
                "a `dev` runs in {folder}, and is not used: the configuration says where Kafka and the registry are"
            );
            return (false, note);
        }
        self.lead(config);
        (true, format!("using the `dev` that runs in {folder}: kafka {kafka}, registry {registry}"))
    }

    /// Leads a configuration to this `dev`'s Kafka and registry, in place of those that the file names: without their
    /// secrets and certificates, which are not for us.
    pub fn lead(&self, config: &mut Config) {
        config.kafka = [
            ("bootstrap.servers".to_owned(), KafkaValue::Text(self.kafka.clone())),
            // The embedded broker knows no transactions that readers could wait for.
            ("isolation.level".to_owned(), KafkaValue::Text("read_uncommitted".to_owned())),
        ]
        .into();
        let timeout = config.registry.as_ref().map_or(Duration::from_secs(10), |registry| registry.timeout);
        config.registry = Some(Registry { url: self.registry.clone(), auth: None, ca: None, timeout });
    }

    /// Whether both answer: somebody else may have the registry's usual port by now, but hardly Kafka's, which is
    /// another one each time.
    fn answers(&self) -> bool {
        let answers = |address: Option<SocketAddr>| {
            address.is_some_and(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
        };
        answers(loopback(&self.kafka)) && answers(of_url(&self.registry))
    }
}

/// An address of this machine alone.
fn loopback(address: &str) -> Option<SocketAddr> {
    address.parse().ok().filter(|address: &SocketAddr| address.ip().is_loopback())
}

/// The address in a URL without more.
fn of_url(url: &str) -> Option<SocketAddr> {
    loopback(url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?)
}

/// Whether a configuration's addresses are those that `init` and the samples write.
fn is_usual(config: &Config) -> bool {
    let here = |text: &str| text.replace("127.0.0.1", "localhost");
    let mut kafka = ["bootstrap.servers", "metadata.broker.list"].iter().filter_map(|name| config.kafka.get(*name));
    let kafka = kafka.all(|value| matches!(value, KafkaValue::Text(text) if here(text) == USUAL_KAFKA));
    let registry = |registry: &Registry| here(registry.url.trim_end_matches('/')) == USUAL_REGISTRY;
    kafka && config.registry.as_ref().is_none_or(registry)
}

/// The file while `dev` runs; dropping this removes it.
#[derive(Debug)]
pub(super) struct Note(PathBuf);

impl Note {
    /// Writes the file into a folder.
    pub(super) fn leave(folder: &Path, running: &Running) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let failed = |error: io::Error| {
            let message = format!("{} cannot be written, so other terminals would not find this", path.display());
            Failure::refused(message).caused_by(error)
        };
        let text = serde_json::to_string_pretty(running).map_err(|error| failed(error.into()))?;
        fs::create_dir_all(folder.join(".tidegate")).map_err(failed)?;
        // A reader must not see half of it.
        let part = path.with_extension("json.part");
        fs::write(&part, text + "\n").and_then(|()| fs::rename(&part, &path)).map_err(failed)?;
        Ok(Self(path))
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // Somebody else may have tidied up already; and what stays behind is found not to answer.
        let _ = fs::remove_file(&self.0);
        if let Some(folder) = self.0.parent() {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(kafka: &str, registry: &str) -> Running {
        let url = || "http://127.0.0.1:7070".to_owned();
        let listeners = Listeners { data: Some(url()), admin: url(), health: url() };
        let (folder, registry) = (PathBuf::new(), format!("http://{registry}"));
        Running { folder, kafka: kafka.to_owned(), registry, domains: [("sales".to_owned(), listeners)].into() }
    }

    fn listener() -> (std::net::TcpListener, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    #[tokio::test]
    async fn a_running_dev_is_found_in_its_folder_and_below_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("tidegate-sample/sales");
        fs::create_dir_all(&below).unwrap();
        let (_listener, address) = listener();
        let expected = Running { folder: folder.path().to_owned(), ..running(&address, &address) };
        assert_eq!(Running::find(&below), None);

        let note = Note::leave(folder.path(), &expected).unwrap();
        assert_eq!(Running::find(folder.path()), Some(expected.clone()));
        assert_eq!(Running::find(&below), Some(expected));
        drop(note);
        assert_eq!(Running::find(&below), None);
        assert!(!folder.path().join(".tidegate").exists());
    }

    #[tokio::test]
    async fn what_a_killed_dev_left_behind_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let ((_listener, there), (closed, gone)) = (listener(), listener());
        drop(closed);
        // Somebody else, another `dev` say, may listen where one of them was.
        for left in [running(&gone, &gone), running(&gone, &there), running(&there, &gone)] {
            let _note = Note::leave(folder.path(), &left).unwrap();
            assert_eq!(Running::find(folder.path()), None, "{left:?}");
        }
        fs::create_dir_all(folder.path().join(".tidegate")).unwrap();
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(Running::find(folder.path()), None);
    }

    #[tokio::test]
    async fn what_another_user_or_another_machine_is_behind_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let us = fs::metadata(folder.path()).unwrap().uid();
        let left = |running: &Running| {
            let note = Note::leave(folder.path(), running).unwrap();
            (Running::left_in(folder.path(), us), note)
        };
        let good = running("127.0.0.1:9092", "[::1]:8081");
        let (found, note) = left(&good);
        assert_eq!(found, Some(Running { folder: folder.path().to_owned(), ..good.clone() }));
        assert_eq!(Running::left_in(folder.path(), us + 1), None);
        drop(note);

        assert_eq!(left(&running("192.0.2.1:9092", "127.0.0.1:8081")).0, None);
        assert_eq!(left(&running("127.0.0.1:9092", "192.0.2.1:8081")).0, None);
        assert_eq!(left(&running("127.0.0.1:9092", "127.0.0.1:8081@192.0.2.1:8081")).0, None);
        let mut elsewhere = good.clone();
        elsewhere.domains.get_mut("sales").unwrap().admin = "http://192.0.2.1:7071".to_owned();
        assert_eq!(left(&elsewhere).0, None);

        // Neither a link, whoever made it, nor a pipe, which would never be read to its end.
        let _note = Note::leave(folder.path(), &good).unwrap();
        fs::rename(&path, folder.path().join("real.json")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("real.json"), &path).unwrap();
        assert_eq!(Running::left_in(folder.path(), us), None);
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(Running::left_in(folder.path(), us), None);
    }

    #[test]
    fn only_a_configuration_that_names_nothing_else_is_led_to_it() {
        let check = |kafka: &str, registry: &str, overrides: &[(&str, &str)], expected: bool| {
            let text = format!(
                "apiVersion: tidegate.dev/v1\nkind: Sidecar\ndomain: sales\n\
                 kafka: {{bootstrap.servers: '{kafka}'}}\nregistry: {{url: '{registry}'}}\n"
            );
            let overrides = overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let before = Config::parse("tidegate.yaml", &text, overrides).unwrap();
            let mut config = before.clone();
            let dev = Running { folder: "/home/a/shop".into(), ..running("127.0.0.1:4711", "127.0.0.1:4712") };
            let (used, note) = dev.offer(&mut config);
            assert_eq!((used, config != before), (expected, expected), "{kafka} {registry}");
            assert!(note.contains("/home/a/shop"), "{note}");
            assert_eq!(note.contains("is not used"), !expected, "{note}");
            assert_eq!(note.contains("kafka 127.0.0.1:4711, registry http://127.0.0.1:4712"), expected, "{note}");
        };
        check("localhost:9092", "http://localhost:8081", &[], true);
        check("127.0.0.1:9092", "http://127.0.0.1:8081/", &[], true);
        check("kafka.example.com:9092", "http://localhost:8081", &[], false);
        check("localhost:9092", "https://registry.example.com", &[], false);
        check("localhost:9092,localhost:9093", "http://localhost:8081", &[], false);
        check("localhost:9092", "http://localhost:8081/apis/ccompat/v7", &[], false);
        check("localhost:9092", "http://localhost:8081", &[("TIDEGATE__KAFKA__BOOTSTRAP_SERVERS", "k:9092")], false);
        check("localhost:9092", "http://localhost:8081", &[("TIDEGATE__REGISTRY__URL", "http://r:8081")], false);
        check("k:9092", "http://localhost:8081", &[("TIDEGATE__KAFKA__BOOTSTRAP_SERVERS", "localhost:9092")], true);
    }

    #[test]
    fn a_configuration_is_led_to_it_without_its_secrets() {
        let text = "apiVersion: tidegate.dev/v1\nkind: Sidecar\ndomain: sales\n\
                    kafka: {bootstrap.servers: 'kafka.example.com:9093', security.protocol: SASL_SSL, \
                    sasl.password: {env: SECRET}}\nregistry: {url: 'https://r.example.com', auth: {bearer: {env: TOKEN}}}\n";
        let mut config = Config::parse("tidegate.yaml", text, []).unwrap();
        running("127.0.0.1:9092", "127.0.0.1:8081").lead(&mut config);
        let kafka = config.kafka().unwrap();
        assert_eq!(kafka.properties["bootstrap.servers"], "127.0.0.1:9092");
        assert_eq!(kafka.properties.len(), 2);
        let registry = config.registry.unwrap();
        assert_eq!((registry.url.as_str(), registry.auth), ("http://127.0.0.1:8081", None));
    }
}
