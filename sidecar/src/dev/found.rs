//! `.tidegate/dev.json`: how commands in a second terminal find a running `dev`.

use crate::{
    cli::Failure,
    config::{Config, KafkaValue, Registry},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    net::{TcpStream, ToSocketAddrs as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// The file's place in a folder.
const FILE: &str = ".tidegate/dev.json";
/// A `dev` on this machine answers at once or is gone.
const PATIENCE: Duration = Duration::from_millis(300);

/// Where a running `dev` has everything: addresses and URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
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
    /// The `dev` that runs in a folder or above it. A file that a killed one left behind does not count.
    pub fn find(folder: &Path) -> Option<Self> {
        let folder = std::path::absolute(folder).ok()?;
        let running = folder.ancestors().find_map(|folder| {
            let text = fs::read_to_string(folder.join(FILE)).ok()?;
            serde_json::from_str::<Self>(&text).ok()
        })?;
        running.answers().then_some(running)
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
        let answers = |address: &str| {
            let address = address.to_socket_addrs().ok().and_then(|mut all| all.next());
            address.is_some_and(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
        };
        answers(&self.kafka) && self.registry.strip_prefix("http://").is_some_and(answers)
    }
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
        let listeners = Listeners { data: Some("d".into()), admin: "a".into(), health: "h".into() };
        let registry = format!("http://{registry}");
        Running { kafka: kafka.to_owned(), registry, domains: [("sales".to_owned(), listeners)].into() }
    }

    fn listener() -> (std::net::TcpListener, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    #[test]
    fn a_running_dev_is_found_in_its_folder_and_below_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("tidegate-sample/sales");
        fs::create_dir_all(&below).unwrap();
        let (_listener, address) = listener();
        let expected = running(&address, &address);
        assert_eq!(Running::find(&below), None);

        let note = Note::leave(folder.path(), &expected).unwrap();
        assert_eq!(Running::find(folder.path()), Some(expected.clone()));
        assert_eq!(Running::find(&below), Some(expected));
        drop(note);
        assert_eq!(Running::find(&below), None);
        assert!(!folder.path().join(".tidegate").exists());
    }

    #[test]
    fn what_a_killed_dev_left_behind_does_not_count() {
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
