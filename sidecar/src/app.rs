//! `tidegate run`: the sidecar itself.
//!
//! [`Sidecar::start`] binds the listeners and starts the tasks; [`Sidecar::drain`] ends them in order: readiness drops,
//! the listeners stop accepting, accepted requests are answered, the producer empties its queue. One task, the keeper,
//! decides which products are in force, whenever the files or the catalog change.

mod catalog;
mod in_force;
mod keeper;
mod topics;
mod watch;

use crate::{
    cli::{Context, Exit, Failure},
    config::{self, Config, Role},
    ingest::{self, Answer, Bounds, Foreigners, Ingest, http::Door},
    product::{self, Contracts, Products},
    registry::{Registry, RegistryError},
    server::{
        self, Guard, Listener, Of, admin,
        health::{Health, Phase},
    },
    telemetry::{Sources, Telemetry, counters::Counters, trace::Tracing},
};
use axum::Router;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use in_force::InForce;
use keeper::Keeper;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tidegate_contracts::diagnostic::Level;
use tidegate_topics::{config::KafkaConfig, producer::Producer};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use watch::Watch;

/// What of the grace period is kept for emptying the queue to Kafka when connections have used up the rest.
const FOR_THE_QUEUE: Duration = Duration::from_secs(2);
/// The last spans, metrics and log lines get this long even when the grace period is over.
const FOR_TELEMETRY: Duration = Duration::from_secs(1);
/// What is heard of the catalog and the topics and not yet taken in.
const NEWS: usize = 64;

/// What `run` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Serves the contracts that `tidegate apply` has released. Changed contracts are taken up as they are written, or on \
SIGHUP. SIGTERM and SIGINT end it: what was accepted is answered first.")]
pub struct Args {}

/// Serves until it is told to stop.
///
/// # Errors
/// When a file is wrong or an address is taken.
pub async fn run(_args: Args, context: &Context) -> anyhow::Result<Exit> {
    let config = context.load_config()?;
    let contracts = product::load(&config.contracts, &config.domain, &config.drift.policy())?;
    let mut stop = Stop::new()?;
    let telemetry = install_telemetry(&config, context.verbose)?;
    for found in contracts.findings.diagnostics.iter().filter(|found| found.level == Level::Warning) {
        tracing::warn!("{found}");
    }
    let sidecar = Sidecar::start(config, contracts, telemetry.tracing()).await?;
    sidecar.push_metrics(&telemetry);
    stop.wait().await;
    tracing::info!("draining; a second signal ends at once");
    let drain = async {
        let left = sidecar.drain().await;
        telemetry.shutdown(FOR_TELEMETRY).await;
        left
    };
    tokio::select! {
        left = drain => match left {
            0 => Ok(Exit::Success),
            left => Err(Failure::refused(format!("the grace period ended before {left} records were acked")).into()),
        },
        () = stop.wait() => Err(Failure::refused("ended by a second signal, before all was acked and answered").into()),
    }
}

/// The signals that end the process.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(crate) fn new() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(|error| Failure::refused("cannot handle signals").caused_by(error));
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Sets up the log, and traces and metrics if there is a collector.
///
/// # Errors
/// When a secret cannot be read, or a log level or the collector's address is none.
pub fn install_telemetry(config: &Config, verbose: u8) -> Result<Telemetry, Failure> {
    let headers = config.telemetry.otlp.as_ref().map(config::Otlp::headers).transpose()?.unwrap_or_default();
    Telemetry::install(&config.telemetry, headers, &config.domain, verbose)
        .map_err(|error| Failure::refused("cannot set up `telemetry`").caused_by(error))
}

/// A sidecar that serves.
#[derive(Debug)]
pub struct Sidecar {
    domain: String,
    addresses: Addresses,
    products: Arc<Products>,
    sources: Arc<Sources>,
    health: Health,
    producer: Producer,
    grace: Duration,
    /// Ends the data and admin listeners.
    stop_serving: CancellationToken,
    serving: TaskTracker,
    /// Ends everything else.
    stop: CancellationToken,
    rest: TaskTracker,
}

/// Where a sidecar listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Events come in here, if it has the role `publish`.
    pub data: Option<SocketAddr>,
    /// The admin listener.
    pub admin: SocketAddr,
    /// The health listener.
    pub health: SocketAddr,
}

impl Sidecar {
    /// Binds the listeners, makes the producer, and starts to serve and to follow the catalog and the files. Whether
    /// Kafka can be reached shows later, in the state of the products.
    ///
    /// # Errors
    /// When an address cannot be had, a secret cannot be read, or librdkafka refuses a property.
    pub async fn start(config: Config, contracts: Contracts, tracing: Tracing) -> Result<Self, Failure> {
        Self::start_with(config, contracts, tracing, Router::new()).await
    }

    /// The same with more routes on the admin listener.
    ///
    /// # Errors
    /// As [`Sidecar::start`].
    pub async fn start_with(
        config: Config,
        contracts: Contracts,
        tracing: Tracing,
        more: Router,
    ) -> Result<Self, Failure> {
        let kafka = config.kafka()?;
        let products = Arc::new(Products::default());
        let counters = Arc::new(Counters::new());
        let sources = Arc::new(Sources::new(counters.clone(), products.clone()));
        let listeners = Listeners::bind(&config, &counters)?;
        let producer = Producer::new(&producer_settings(&kafka, &config), config.limits.producer())
            .map_err(|error| Failure::refused("cannot make a producer of `kafka`").caused_by(error))?;
        sources.set_producer(producer.clone());
        let door = Arc::new(door(&config, producer.clone(), products.clone(), counters.clone(), tracing));
        let watch = Watch::start(&config.contracts)
            .map_err(|error| Failure::refused("cannot handle SIGHUP").caused_by(error))?;
        let metrics = sources.clone();
        let sidecar = Self {
            domain: config.domain.clone(),
            addresses: listeners.addresses(),
            health: Health::new(products.clone(), move || metrics.prometheus()),
            products,
            sources,
            producer,
            grace: config.limits.shutdown_grace,
            stop_serving: CancellationToken::new(),
            serving: TaskTracker::new(),
            stop: CancellationToken::new(),
            rest: TaskTracker::new(),
        };

        let mut keeper = Keeper {
            in_force: InForce::new(&config.domain, contracts, config.limits.plan(), "it is being read"),
            products: sidecar.products.clone(),
            counters: counters.clone(),
            load: {
                let (folder, domain, policy) = (config.contracts.clone(), config.domain.clone(), config.drift.policy());
                Box::new(move || product::load(&folder, &domain, &policy).map_err(|failure| failure.on_one_line()))
            },
            asked: {
                let guards = listeners.guards.clone();
                Box::new(move || guards.iter().for_each(|guard| guard.refresh()))
            },
            decided: {
                let door = door.clone();
                Box::new(move || door.forget())
            },
        };
        keeper.decide();
        let (tell, news) = mpsc::channel(NEWS);
        let (products, stop) = (sidecar.products.clone(), sidecar.stop.clone());
        sidecar.rest.spawn(topics::watch(sidecar.producer.clone(), products, tell.clone(), stop));
        sidecar.rest.spawn(catalog::follow(kafka, config.domain.clone(), counters, tell, sidecar.stop.clone()));
        sidecar.rest.spawn(keeper.run(news, watch, sidecar.stop.clone()));
        sidecar.serve(listeners, door, more);
        sidecar.health.set(Phase::Ready);
        let Addresses { data, admin, health } = sidecar.addresses;
        tracing::info!(domain = sidecar.domain, data = data.map(display), %admin, %health, "serving");
        Ok(sidecar)
    }

    fn serve(&self, listeners: Listeners, door: Arc<Door>, more: Router) {
        let Listeners { data, admin, health, .. } = listeners;
        let for_connections = self.grace.saturating_sub(FOR_THE_QUEUE);
        if let Some(data) = data {
            let answer = move |request| {
                let door = door.clone();
                async move { door.answer(request).await }
            };
            self.serving.spawn(data.serve(answer, self.stop_serving.clone(), for_connections));
        }
        let router = TowerToHyperService::new(admin::router(self.products.clone()).merge(more));
        let answer = move |request| {
            let answer = router.call(request);
            async move { answer.await.unwrap_or_else(|never| match never {}) }
        };
        self.serving.spawn(admin.serve(answer, self.stop_serving.clone(), for_connections));
        let of = self.health.clone();
        let answer = move |request| std::future::ready(of.answer(&request));
        self.rest.spawn(health.serve(answer, self.stop.clone(), Duration::ZERO));
    }

    /// Where it listens; the ports that were chosen where the configuration said 0.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The products it serves.
    pub fn products(&self) -> &Arc<Products> {
        &self.products
    }

    /// Pushes its metrics to the collector, if there is one.
    pub fn push_metrics(&self, telemetry: &Telemetry) {
        telemetry.push(self.sources.clone(), &self.domain);
    }

    /// Ends it: readiness drops, the listeners stop accepting, accepted requests are answered, the queue to Kafka is
    /// emptied, all within the grace period. Returns how many records had no outcome by then.
    pub async fn drain(self) -> usize {
        let deadline = Instant::now() + self.grace;
        self.health.set(Phase::Draining);
        self.stop_serving.cancel();
        self.serving.close();
        self.serving.wait().await;
        let left = self.producer.close(deadline.saturating_duration_since(Instant::now())).await;
        if left > 0 {
            tracing::error!(left, "records without an outcome at the end of the grace period");
        }
        self.stop.cancel();
        self.rest.close();
        self.rest.wait().await;
        tracing::info!(domain = self.domain, "drained");
        left
    }
}

/// The listeners, bound and not yet served.
struct Listeners {
    data: Option<Listener>,
    admin: Listener,
    health: Listener,
    /// Of the data and the admin listener.
    guards: [Arc<Guard>; 2],
}

impl Listeners {
    fn bind(config: &Config, counters: &Arc<Counters>) -> Result<Self, Failure> {
        let guard = |of| {
            let refused = |error| Failure::refused("cannot guard the listeners").caused_by(error);
            Guard::new(&config.security, of).map(Arc::new).map_err(refused)
        };
        let guards = [guard(Of::Data)?, guard(Of::Admin)?];
        let limits = server::Limits {
            connections: config.limits.connections,
            header_timeout: config.limits.header_timeout,
            ..server::Limits::default()
        };
        let bind = |name, address, guard: &Arc<Guard>| {
            Listener::bind(name, address, guard.clone(), limits).map_err(|error| {
                let hint = error.hint();
                Failure::refused("cannot listen").caused_by(error).hint(hint)
            })
        };
        let listen = &config.listen;
        let data = match config.roles.contains(&Role::Publish) {
            true => Some(bind("data", listen.data, &guards[0])?.counted(counters.clone())),
            false => None,
        };
        let admin = bind("admin", listen.admin, &guards[1])?;
        let health = bind("health", listen.health, &Arc::new(Guard::anyone()))?;
        Ok(Self { data, admin, health, guards })
    }

    fn addresses(&self) -> Addresses {
        let data = self.data.as_ref().map(Listener::address);
        Addresses { data, admin: self.admin.address(), health: self.health.address() }
    }
}

/// The team's own settings, and how often librdkafka tells how it is doing.
fn producer_settings(kafka: &KafkaConfig, config: &Config) -> KafkaConfig {
    const INTERVAL: &str = "statistics.interval.ms";
    let mut settings = kafka.clone();
    let millis = config.telemetry.kafka_statistics.as_millis().to_string();
    settings.properties.entry(INTERVAL.to_owned()).or_insert(millis);
    settings
}

/// The way of an event from HTTP to Kafka.
fn door(
    config: &Config,
    producer: Producer,
    products: Arc<Products>,
    counters: Arc<Counters>,
    tracing: Tracing,
) -> Door {
    let limits = &config.limits;
    let options = ingest::Options {
        max_events: limits.request_events,
        deadline: limits.request_timeout,
        sidecar: uuid::Uuid::new_v4().to_string(),
        schema_url: config.registry.as_ref().map(|registry| registry.url.clone()),
        open_classifications: config.drift.open_classifications.clone(),
    };
    let bounds = Bounds { bytes: limits.request_bytes, time: limits.body_timeout };
    let ingest = Ingest::new(producer, counters.clone(), options);
    Door::new(ingest, products, counters, foreigners(config), tracing, bounds)
}

/// What finds out about schema ids that the catalog does not know: the registry, if there is one.
pub(crate) fn foreigners(config: &Config) -> Foreigners {
    let Some(registry) = config.registry.clone() else { return Foreigners::new(None, config.limits.plan()) };
    // Most sidecars never ask, and then need neither the registry's secret nor the memory of an HTTP client.
    let made: Mutex<Option<Registry>> = Mutex::default();
    let client = move || -> Result<Registry, RegistryError> {
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(client) => Ok(client.clone()),
            None => Registry::new(&registry).map(|client| made.insert(client).clone()),
        }
    };
    let ask = move |subject: String, id: u32| -> Answer {
        let client = client().map_err(|error| error.to_string());
        Box::pin(async move {
            let registry = client?;
            let uses = registry.uses_of(id).await.map_err(|error| error.to_string())?.unwrap_or_default();
            if !uses.iter().any(|(used_by, _)| *used_by == subject) {
                return Ok(None);
            }
            registry.schema(id).await.map(Some).map_err(|error| error.to_string())
        })
    };
    Foreigners::new(Some(Box::new(ask)), config.limits.plan())
}
