//! A broker inside the process, for `tidegate dev`: librdkafka's mock cluster.
//!
//! It is a real one to other processes (kcat and Confluent's clients connect), and it forgets everything at the end. It
//! keeps 5 MiB a partition, a group's first join takes 3 seconds, and two things it cannot do at all: the admin API
//! (topics are made by [`EmbeddedBroker::create_topic`]), and `read_committed` (its readers must read uncommitted).

use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext, types::RDKafkaErrorCode};
use std::sync::mpsc;

type Cluster = MockCluster<'static, DefaultProducerContext>;
type Command = Box<dyn FnOnce(&Cluster) + Send>;

/// How librdkafka's mock clusters call themselves.
pub(crate) const CLUSTER_ID: &str = "mockCluster";

/// A broker inside the process. When this is dropped the broker goes on until the process ends: taking librdkafka's
/// mock cluster down while clients are connected can abort the process.
#[derive(Debug)]
pub struct EmbeddedBroker {
    bootstrap_servers: String,
    /// To the thread that owns the cluster, which cannot be shared between threads.
    commands: mpsc::SyncSender<Command>,
}

/// Why the embedded broker could not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the embedded broker {0}")]
pub struct EmbeddedError(String);

impl EmbeddedBroker {
    /// Starts a broker on a free port of the loopback interface, and the thread that owns it.
    ///
    /// # Errors
    /// When librdkafka cannot start it (no file descriptors, no threads).
    pub fn start() -> Result<Self, EmbeddedError> {
        let (commands, inbox) = mpsc::sync_channel::<Command>(16);
        let (started, result) = mpsc::sync_channel(1);
        let run = move || {
            let cluster = match MockCluster::new(1) {
                Ok(cluster) => cluster,
                Err(error) => {
                    // Whoever started us reads this, or is gone.
                    let _ = started.send(Err(EmbeddedError(format!("does not start: {error}"))));
                    return;
                }
            };
            let _ = started.send(Ok(cluster.bootstrap_servers()));
            for command in inbox {
                command(&cluster);
            }
            // Not dropped, see above.
            std::mem::forget(cluster);
        };
        std::thread::Builder::new()
            .name("tidegate-embedded".into())
            .spawn(run)
            .map_err(|error| EmbeddedError(format!("does not start: {error}")))?;
        let bootstrap_servers = result.recv().map_err(|_| EmbeddedError("does not start".into()))??;
        Ok(Self { bootstrap_servers, commands })
    }

    /// Its address, as `bootstrap.servers` takes it.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Makes a topic, if it is not there yet, and says whether it did. Blocks for a moment.
    ///
    /// # Errors
    /// When librdkafka refuses the name or the number of partitions.
    pub fn create_topic(&self, topic: &str, partitions: u32) -> Result<bool, EmbeddedError> {
        let name = topic.to_owned();
        let count = i32::try_from(partitions)
            .map_err(|_| EmbeddedError(format!("takes no topic of {partitions} partitions")))?;
        match self.with(move |cluster| cluster.create_topic(&name, count, 1))? {
            Ok(()) => Ok(true),
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAlreadyExists) => Ok(false),
            Err(error) => Err(EmbeddedError(format!("does not take the topic {topic}: {error}"))),
        }
    }

    /// Runs something on the thread that owns the cluster.
    pub(crate) fn with<R: Send + 'static>(
        &self,
        command: impl FnOnce(&Cluster) -> R + Send + 'static,
    ) -> Result<R, EmbeddedError> {
        let gone = || EmbeddedError("has stopped".into());
        let (answer, result) = mpsc::sync_channel(1);
        let command: Command = Box::new(move |cluster| {
            // Nobody waits for the answer if the asker is gone.
            let _ = answer.send(command(cluster));
        });
        self.commands.send(command).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())
    }
}
