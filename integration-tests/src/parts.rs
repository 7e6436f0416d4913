//! The broker and the registry that all tests of a run share.

use std::{
    fmt,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::OnceLock,
};
use testcontainers::{
    GenericImage, ImageExt as _,
    core::{IntoContainerPort as _, WaitFor},
    runners::AsyncRunner as _,
};

/// Addresses of a broker and a registry, and what keeps them up.
#[derive(Debug)]
pub struct Parts {
    /// The broker's `bootstrap.servers`.
    pub kafka: String,
    /// The registry's URL, of Confluent's API.
    pub registry: String,
    /// The listener that asks who comes, of [`Parts::guarded`].
    pub guarded: Option<String>,
    /// Where they come from.
    pub kind: Kind,
    /// A process that ends them when this pipe closes, as it does however this process ends.
    _keeper: Option<ChildStdin>,
    /// Of parts of one's own, for `real-parts`.
    folder: Option<PathBuf>,
}

/// Where a broker and a registry come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody runs them: `TIDEGATE_TEST_KAFKA` and `TIDEGATE_TEST_REGISTRY` say where.
    Given,
    /// Docker, through testcontainers.
    Docker,
    /// The jars from Maven Central, through `real-parts`.
    Jvm,
}

/// The parts that all tests of this process share, started by the first one to ask.
///
/// In this order: those in the environment; a Docker engine's, if one answers; those of Maven Central.
/// `TIDEGATE_TEST_PARTS` (`given`, `docker` or `jvm`) insists on one of them.
///
/// # Panics
/// When they do not start.
pub fn parts() -> &'static Parts {
    static PARTS: OnceLock<Result<Parts, String>> = OnceLock::new();
    PARTS.get_or_init(choose).as_ref().unwrap_or_else(|problem| panic!("no broker and registry: {problem}"))
}

impl Parts {
    /// A broker and a registry of Maven Central's of one's own, for tests that end or freeze them. Takes seconds.
    ///
    /// # Panics
    /// When they do not start.
    pub fn own() -> Self {
        jvm(&[]).unwrap_or_else(|problem| panic!("no broker and registry of one's own: {problem}"))
    }

    /// The same with a broker that also has a listener at which users sign in (`name:password`) and may do what ACLs
    /// permit.
    ///
    /// # Panics
    /// When they do not start.
    pub fn guarded(users: &[&str]) -> Self {
        jvm(users).unwrap_or_else(|problem| panic!("no guarded broker: {problem}"))
    }

    /// Does something to one of its parts; it is back at its address after `start`.
    ///
    /// # Panics
    /// When that fails, or these are not [`Parts::own`].
    pub fn signal(&self, part: &str, action: &str) {
        self.real_parts(|command, folder| command.args([part, action]).arg(folder));
    }

    /// Makes the broker refuse whatever is written to a topic.
    ///
    /// # Panics
    /// When that fails, or these are not [`Parts::own`].
    pub fn deny(&self, topic: &str) {
        self.real_parts(|command, folder| command.arg("deny").arg(folder).arg(topic));
    }

    fn real_parts(&self, arguments: impl for<'c> FnOnce(&'c mut Command, &Path) -> &'c mut Command) {
        let folder = self.folder.as_ref().expect("only parts of one's own are ended, frozen or denied");
        let mut command = real_parts();
        let status = arguments(&mut command, folder).status().expect("real-parts runs");
        assert!(status.success(), "{command:?}: {status}");
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "given",
            Self::Docker => "docker",
            Self::Jvm => "jvm",
        })
    }
}

fn choose() -> Result<Parts, String> {
    let parts = match std::env::var("TIDEGATE_TEST_PARTS").as_deref() {
        Ok("given") => given().ok_or("TIDEGATE_TEST_KAFKA and TIDEGATE_TEST_REGISTRY are not both set".to_owned()),
        Ok("docker") => docker(),
        Ok("jvm") => jvm(&[]),
        Ok(other) => Err(format!("TIDEGATE_TEST_PARTS={other} is not given, docker or jvm")),
        Err(_) => match given() {
            Some(parts) => Ok(parts),
            None if docker_answers() => docker(),
            None => jvm(&[]),
        },
    }?;
    eprintln!("parts ({}): kafka {}, registry {}", parts.kind, parts.kafka, parts.registry);
    Ok(parts)
}

fn given() -> Option<Parts> {
    let kafka = std::env::var("TIDEGATE_TEST_KAFKA").ok()?;
    let registry = std::env::var("TIDEGATE_TEST_REGISTRY").ok()?;
    Some(Parts { kafka, registry, guarded: None, kind: Kind::Given, _keeper: None, folder: None })
}

fn real_parts() -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("real-parts"))
}

fn jvm(users: &[&str]) -> Result<Parts, String> {
    let mut keeper = real_parts()
        .arg("supervise")
        .env("KAFKA_USERS", users.join(" "))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run real-parts: {error}"))?;
    let lines = BufReader::new(keeper.stdout.take().ok_or("no pipe from real-parts")?).lines();
    let (mut kafka, mut registry, mut guarded, mut folder) = (None, None, None, None);
    for line in lines.map_while(Result::ok) {
        match line.split_once('=') {
            Some(("TIDEGATE_TEST_KAFKA", address)) => kafka = Some(address.to_owned()),
            Some(("TIDEGATE_TEST_REGISTRY", address)) => registry = Some(address.to_owned()),
            Some(("TIDEGATE_TEST_KAFKA_GUARDED", address)) => guarded = Some(address.to_owned()),
            Some(("TIDEGATE_TEST_FOLDER", path)) => folder = Some(PathBuf::from(path)),
            _ => {}
        }
        if let (Some(kafka), Some(registry), Some(_)) = (&kafka, &registry, &folder) {
            let (kafka, registry) = (kafka.clone(), registry.clone());
            return Ok(Parts { kafka, registry, guarded, kind: Kind::Jvm, _keeper: keeper.stdin.take(), folder });
        }
    }
    Err("real-parts gave no addresses; it says why above".into())
}

fn docker_answers() -> bool {
    let asked = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    asked.is_ok_and(|output| output.status.success())
}

fn docker() -> Result<Parts, String> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    // The containers' handles live on a runtime of their own, since every test's ends with it.
    std::thread::spawn(move || {
        let started = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
            runtime.block_on(async {
                let (kafka_address, registry_address) = (crate::free_address(), crate::free_address());
                let containers = tokio::try_join!(
                    kafka_image(kafka_address.port()).start(),
                    registry_image(registry_address.port()).start()
                )?;
                let ids = [containers.0.id().to_owned(), containers.1.id().to_owned()];
                // Not to be dropped: the reaper removes them.
                std::mem::forget(containers);
                Ok::<_, testcontainers::TestcontainersError>((kafka_address, registry_address, ids))
            })
        });
        // The receiver only goes when the test process does.
        sender.send(started).ok();
    });
    let (kafka, registry, ids) = receiver
        .recv()
        .map_err(|_| "the thread that starts containers died".to_owned())?
        .map_err(|error| error.to_string())?
        .map_err(|error| format!("the containers do not start: {error}"))?;
    let mut reaper = reap(&ids).map_err(|error| format!("cannot start the reaper: {error}"))?;
    Ok(Parts {
        kafka: kafka.to_string(),
        registry: format!("http://{registry}/apis/ccompat/v7"),
        guarded: None,
        kind: Kind::Docker,
        _keeper: reaper.stdin.take(),
        folder: None,
    })
}

/// Removes the containers when its standard input ends.
fn reap(ids: &[String]) -> std::io::Result<Child> {
    Command::new("sh")
        .args(["-c", "trap '' INT TERM HUP; cat >/dev/null; docker rm --force --volumes \"$@\" >/dev/null", "reaper"])
        .args(ids)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
}

fn image(variable: &str, default: &str) -> (String, String) {
    let name = std::env::var(variable).unwrap_or_else(|_| default.into());
    name.rsplit_once(':')
        .map_or_else(|| (name.clone(), "latest".into()), |(name, tag)| (name.to_owned(), tag.to_owned()))
}

fn kafka_image(port: u16) -> testcontainers::ContainerRequest<GenericImage> {
    let (name, tag) = image("TIDEGATE_TEST_KAFKA_IMAGE", "apache/kafka-native:4.3.0");
    let settings = [
        ("NODE_ID", "1".to_owned()),
        ("PROCESS_ROLES", "broker,controller".into()),
        ("CONTROLLER_QUORUM_VOTERS", "1@localhost:9093".into()),
        ("CONTROLLER_LISTENER_NAMES", "CONTROLLER".into()),
        ("LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093".into()),
        ("ADVERTISED_LISTENERS", format!("PLAINTEXT://127.0.0.1:{port}")),
        ("LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".into()),
        ("OFFSETS_TOPIC_REPLICATION_FACTOR", "1".into()),
        ("TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1".into()),
        ("TRANSACTION_STATE_LOG_MIN_ISR", "1".into()),
        ("GROUP_INITIAL_REBALANCE_DELAY_MS", "0".into()),
        ("AUTO_CREATE_TOPICS_ENABLE", "false".into()),
    ];
    let image = GenericImage::new(name, tag).with_wait_for(WaitFor::message_on_stdout("Kafka Server started"));
    let request = image.with_mapped_port(port, 9092.tcp());
    settings.into_iter().fold(request, |request, (name, value)| request.with_env_var(format!("KAFKA_{name}"), value))
}

fn registry_image(port: u16) -> testcontainers::ContainerRequest<GenericImage> {
    let (name, tag) = image("TIDEGATE_TEST_REGISTRY_IMAGE", "apicurio/apicurio-registry-mem:2.6.13.Final");
    let image = GenericImage::new(name, tag).with_wait_for(WaitFor::message_on_stdout("Listening on: "));
    image.with_mapped_port(port, 8080.tcp())
}
