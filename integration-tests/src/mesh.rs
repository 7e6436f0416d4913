//! One domain of a test: a folder with its files, and the commands run in it.

use crate::{Record, Sidecar, free_address, parts, tidegate};
use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

/// A domain with its files, in a folder of its own. The domain's name ends in random letters, so that tests share a
/// broker and a registry without meeting.
#[derive(Debug)]
pub struct Mesh {
    domain: String,
    folder: tempfile::TempDir,
    kafka: String,
    registry: String,
    listen: [SocketAddr; 3],
    more: String,
    environment: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Mesh {
    /// A domain without contracts on the shared broker and registry.
    pub fn new(domain: &str) -> Self {
        let parts = parts();
        Self::on(domain, &parts.kafka, &parts.registry)
    }

    /// A domain on a broker and a registry of the caller's choice.
    ///
    /// # Panics
    /// When there is no room for its folder.
    pub fn on(domain: &str, kafka: &str, registry: &str) -> Self {
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let mesh = Self {
            domain: format!("{domain}-{}", &suffix[..8]),
            folder: tempfile::tempdir().expect("a folder can be made"),
            kafka: kafka.to_owned(),
            registry: registry.to_owned(),
            listen: [free_address(), free_address(), free_address()],
            more: String::new(),
            environment: Vec::new(),
        };
        mesh.write_config();
        mesh
    }

    /// Adds a contract and the `.avsc` files beside it, or replaces them: pairs of file name and text. `DOMAIN` in them
    /// stands for the domain's name.
    #[must_use]
    pub fn contract(self, contract: (&str, &str), schemas: &[(&str, &str)]) -> Self {
        for (name, text) in std::iter::once(&contract).chain(schemas) {
            self.write(&format!("contracts/{name}"), &text.replace("DOMAIN", &self.domain));
        }
        self
    }

    /// Adds a product whose contract says nothing but its schema.
    #[must_use]
    pub fn product(self, name: &str, schema: &str) -> Self {
        let contract = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: urn:example:DOMAIN:{name}\nname: {name}\nversion: 1.0.0\n\
             status: active\ndomain: DOMAIN\nschema:\n- name: {name}\n  physicalType: topic\n  logicalType: object\n  \
             authoritativeDefinitions:\n  - {{url: {name}.avsc, type: implementation}}\n"
        );
        self.contract((&format!("{name}.odcs.yaml"), &contract), &[(&format!("{name}.avsc"), schema)])
    }

    /// Adds top-level sections to `tidegate.yaml`.
    #[must_use]
    pub fn config(mut self, yaml: &str) -> Self {
        self.more.push_str(yaml);
        self.more.push('\n');
        self.write_config();
        self
    }

    /// Sets an environment variable for every command.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The domain's name, random letters included.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The folder with `tidegate.yaml`, `contracts` and `subscriptions`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The broker's address.
    pub fn kafka(&self) -> &str {
        &self.kafka
    }

    /// The registry's URL.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// `<domain>.<product>.v<major>`
    pub fn topic(&self, product: &str, major: u64) -> String {
        format!("{}.{product}.v{major}", self.domain)
    }

    /// Writes a file of the folder.
    ///
    /// # Panics
    /// When that fails.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().expect("the file is in the folder")).expect("a folder can be made");
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// A command of the binary in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tidegate());
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_remove("TIDEGATE_CONFIG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it does not start.
    pub fn tidegate(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).stdin(std::process::Stdio::null()).output().expect("tidegate starts");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Releases the contracts: `tidegate apply --yes`.
    ///
    /// # Panics
    /// When it is refused.
    pub fn apply(&self) -> Outcome {
        let outcome = self.tidegate(&["apply", "--yes"]);
        assert_eq!(outcome.code, Some(0), "apply: {}\n{}", outcome.stdout, outcome.stderr);
        outcome
    }

    /// Starts a sidecar and waits until it serves every product.
    pub async fn run(&self) -> Sidecar {
        let sidecar = self.start().await;
        sidecar.products_ready().await;
        sidecar
    }

    /// Starts a sidecar and waits until it is up, whatever its products' state.
    pub async fn start(&self) -> Sidecar {
        Sidecar::start(self.command(&["run"]), self.listen, &self.folder().join("sidecar.log")).await
    }

    /// All records of one of the domain's topics, up to its end of now.
    pub async fn read_topic(&self, topic: &str) -> Vec<Record> {
        crate::read_topic(&self.kafka, &self.registry, topic).await
    }

    /// All records of a product's topic, up to its end of now.
    pub async fn read_product(&self, product: &str, major: u64) -> Vec<Record> {
        self.read_topic(&self.topic(product, major)).await
    }

    /// All records of a product's quarantine topic, up to its end of now.
    pub async fn read_quarantine(&self, product: &str, major: u64) -> Vec<Record> {
        self.read_topic(&format!("{}.tidegate-quarantine.{product}.v{major}", self.domain)).await
    }

    fn write_config(&self) {
        let mut text = format!(
            "apiVersion: tidegate.dev/v1\nkind: Sidecar\ndomain: {}\nkafka: {{bootstrap.servers: \"{}\"}}\nregistry: {{url: \"{}\"}}\n",
            self.domain, self.kafka, self.registry
        );
        let [data, admin, health] = self.listen;
        writeln!(text, "listen: {{data: \"{data}\", admin: \"{admin}\", health: \"{health}\"}}")
            .expect("a string takes all text");
        text.push_str(&self.more);
        self.write("tidegate.yaml", &text);
    }
}
