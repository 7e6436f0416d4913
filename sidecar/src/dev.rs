//! `tidegate dev`: a broker, a registry and sidecars in one process, for trying things out.
//!
//! In a folder with a `tidegate.yaml` it serves that; elsewhere the sample mesh that ships in the binary, with a little
//! traffic. It applies the contracts once, at the start. Nothing outlives it but the sample's files.

mod found;
mod kafka;
mod mesh;
mod show;
mod topics;
mod traffic;
mod tries;

pub use found::{Listeners, Running, USUAL_KAFKA, USUAL_REGISTRY};
pub(crate) use topics::remote_maker;

use crate::{
    app::{Sidecar, Stop, install_telemetry},
    apply,
    cli::{Context, Exit, Failure, complain},
    config::{Config, Listen},
    product::{self, Contracts, State},
    registry::embedded::EmbeddedRegistry,
    telemetry::Telemetry,
};
use axum::Router;
use found::Note;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tidegate_contracts::feed::changes::Actor;
use tidegate_topics::{embedded::EmbeddedBroker, plan::Allow};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tries::{Events, Try};

/// The port that registries usually have.
const REGISTRY_PORT: u16 = 8081;
/// Once the catalog has been read the products are ready. Longer than this, and something is wrong.
const READY: Duration = Duration::from_secs(30);
/// How often it is looked whether they are.
const LOOK: Duration = Duration::from_millis(5);
/// The last log lines get this long.
const FOR_TELEMETRY: Duration = Duration::from_secs(1);

/// What `dev` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
In a folder with a tidegate.yaml it serves that; elsewhere a sample mesh, which it writes into tidegate-sample/. Commands \
in another terminal, in this folder or below, find its broker and registry, unless their tidegate.yaml names others than \
localhost:9092 and http://localhost:8081. Everything published is gone when it ends.")]
pub struct Args {
    /// Send no sample events
    #[arg(long)]
    no_traffic: bool,
}

/// Serves with everything embedded, until it is told to stop.
///
/// # Errors
/// When a file is wrong, another `dev` runs in this folder, or no address can be had.
pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let mut stop = Stop::new()?;
    let dev = tokio::select! {
        dev = Dev::start(context) => dev?,
        // Nothing has been promised yet, and nothing is left behind.
        () = stop.wait() => return Ok(Exit::Success),
    };
    show::show(&dev, began.elapsed(), context);
    if dev.place.sample && !args.no_traffic {
        dev.send_traffic()?;
    }
    stop.wait().await;
    tokio::select! {
        () = dev.end() => Ok(Exit::Success),
        () = stop.wait() => Err(Failure::refused("ended by a second signal, before all was acked and answered").into()),
    }
}

/// What is served, and from where.
#[derive(Debug)]
struct Place {
    /// Where the note for other terminals is left.
    folder: PathBuf,
    /// The sidecars' files.
    sidecars: Vec<PathBuf>,
    /// Whether it is the sample mesh.
    sample: bool,
}

/// Everything, running.
#[derive(Debug)]
struct Dev {
    place: Place,
    running: Running,
    /// Where Kafka can be reached too, if that port was free.
    usual_kafka: Option<SocketAddr>,
    sidecars: Vec<Sidecar>,
    tries: Vec<Try>,
    telemetry: Telemetry,
    /// Ends the traffic and the registry, in this order.
    stop: [CancellationToken; 2],
    tasks: TaskTracker,
    /// Removed at the very end.
    note: Note,
}

/// One domain, before it is served.
struct Domain {
    config: Config,
    contracts: Contracts,
}

impl Place {
    fn find(context: &Context) -> Result<Self, Failure> {
        let config = context.config_path();
        if context.config.is_some() || config.exists() {
            let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return Ok(Self { folder: folder.to_owned(), sidecars: vec![config.to_owned()], sample: false });
        }
        let sample = Path::new(mesh::FOLDER);
        mesh::write(sample)?;
        Ok(Self { folder: PathBuf::from("."), sidecars: mesh::sidecars(sample)?, sample: true })
    }

    /// Reads the files of each domain.
    fn read(&self, context: &Context) -> Result<Vec<Domain>, Failure> {
        let mut domains = Vec::new();
        for file in &self.sidecars {
            let mut config = Config::load(file)?;
            if self.sample {
                // What happens shows in the replies; the log is for what goes wrong.
                config.telemetry.logs.level = "warn".to_owned();
            }
            let contracts = product::load(&config.contracts, &config.domain, &config.drift.policy())?;
            if !context.json() {
                complain(&contracts.findings.human(context.color));
            }
            domains.push(Domain { config, contracts });
        }
        Ok(domains)
    }
}

impl Dev {
    async fn start(context: &Context) -> Result<Self, Failure> {
        let place = Place::find(context)?;
        if let Some(running) = Running::find(&place.folder) {
            let message = format!("`tidegate dev` runs here already, with Kafka at {}", running.kafka);
            return Err(Failure::refused(message).hint("stop it, or start this one in another folder"));
        }
        let mut domains = place.read(context)?;
        let Some(first) = domains.first() else {
            let message = format!("{} has no folder with a tidegate.yaml", mesh::FOLDER);
            return Err(Failure::refused(message).hint("remove it: it will be written anew"));
        };
        let telemetry = install_telemetry(&first.config, context.verbose)?;

        let broker = tokio::task::spawn_blocking(EmbeddedBroker::start).await;
        let broker = broker.map_err(|error| Failure::refused("the embedded broker panicked").caused_by(error))?;
        let broker = Arc::new(broker.map_err(|error| Failure::refused(error.to_string()))?);
        let (tasks, stop) = (TaskTracker::new(), [CancellationToken::new(), CancellationToken::new()]);
        let registry = serve_registry(&tasks, stop[1].clone()).await?;
        let usual_kafka = kafka::lead_to(broker.bootstrap_servers(), &tasks, stop[1].clone()).await;
        let mut running = Running {
            folder: place.folder.clone(),
            kafka: broker.bootstrap_servers().to_owned(),
            registry: format!("http://{registry}"),
            domains: BTreeMap::new(),
        };

        // The producers' first acks take a while, so all at once.
        let mut applying = tokio::task::JoinSet::new();
        for Domain { config, contracts } in &mut domains {
            running.lead(config);
            let domain = apply::Domain::new(config.clone(), contracts.contracts.clone())?;
            let domain = domain.topics_made_by(topics::maker(broker.clone()));
            applying.spawn(async move {
                let by = Actor {
                    name: "tidegate dev".to_owned(),
                    program: concat!("tidegate/", env!("CARGO_PKG_VERSION")).to_owned(),
                };
                domain.apply(by, Duration::from_secs(60), Allow::default(), &apply::Progress::silent()).await
            });
        }
        while let Some(applied) = applying.join_next().await {
            applied.map_err(|error| Failure::refused("applying the contracts panicked").caused_by(error))??;
        }

        let tries = domains.iter().find_map(|domain| domain.events(place.sample));
        let mut sidecars = Vec::new();
        for domain in domains {
            let (name, scheme) = (domain.config.domain.clone(), domain.scheme());
            let sidecar = domain.serve(&telemetry, topics::router(broker.clone())).await?;
            let at = sidecar.addresses();
            let url = |address: SocketAddr| format!("{scheme}://{address}");
            let health = format!("http://{}", at.health);
            running.domains.insert(name, Listeners { data: at.data.map(url), admin: url(at.admin), health });
            sidecars.push(sidecar);
        }
        for sidecar in &sidecars {
            ready(sidecar).await?;
        }
        let tries = tries.and_then(|(domain, product, events)| {
            let listeners = running.domains.get(&domain)?;
            Some(events.tries(listeners.data.as_ref()?, &product).into())
        });
        let note = Note::leave(&place.folder, &running)?;
        Ok(Self {
            place,
            running,
            usual_kafka,
            sidecars,
            tries: tries.unwrap_or_default(),
            telemetry,
            stop,
            tasks,
            note,
        })
    }

    /// Sends sample events until the end.
    fn send_traffic(&self) -> Result<(), Failure> {
        let http = http_client().map_err(Failure::refused)?;
        let data = self.running.domains.iter();
        let data = data.filter_map(|(domain, listeners)| Some((domain.clone(), listeners.data.clone()?)));
        let data: BTreeMap<String, String> = data.collect();
        let stop = self.stop[0].clone();
        self.tasks.spawn(traffic::send(http, move |domain| data.get(domain).cloned(), stop));
        Ok(())
    }

    /// Ends everything: the traffic, the sidecars in their own order, the registry.
    async fn end(self) {
        let [traffic, registry] = &self.stop;
        traffic.cancel();
        for sidecar in self.sidecars {
            sidecar.drain().await;
        }
        registry.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.telemetry.shutdown(FOR_TELEMETRY).await;
        drop(self.note);
    }
}

impl Domain {
    fn scheme(&self) -> &'static str {
        if self.config.security.tls.is_some() { "https" } else { "http" }
    }

    /// Events to try, and the domain and product they are of.
    fn events(&self, sample: bool) -> Option<(String, String, Events)> {
        let domain = self.config.domain.clone();
        if sample {
            return (domain == "sales").then(|| (domain, "orders".to_owned(), Events::of_sample()));
        }
        if self.config.security.tls.is_some() || self.config.security.tokens.is_some() {
            return None;
        }
        let mut contracts = self.contracts.contracts.iter();
        contracts.find_map(|contract| Some((domain.clone(), contract.product.clone(), Events::make_up(contract)?)))
    }

    /// Starts its sidecar: on its own ports of the loopback interface, or free ones where they are taken.
    async fn serve(mut self, telemetry: &Telemetry, more: Router) -> Result<Sidecar, Failure> {
        let listen = &mut self.config.listen;
        for address in [&mut listen.data, &mut listen.admin, &mut listen.health] {
            *address = free(address.port()).await;
        }
        let start = |config, more| Sidecar::start_with(config, self.contracts.clone(), telemetry.tracing(), more);
        let sidecar = match start(self.config.clone(), more.clone()).await {
            Ok(sidecar) => sidecar,
            // Somebody may have been faster; whatever else it was will be so again.
            Err(_) => {
                let any = free(0).await;
                self.config.listen = Listen { data: any, admin: any, health: any };
                start(self.config, more).await?
            }
        };
        sidecar.push_metrics(telemetry);
        Ok(sidecar)
    }
}

/// This port on the loopback interface, or any when it is taken.
async fn free(port: u16) -> SocketAddr {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(wanted).await {
        Ok(_) => wanted,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}

async fn serve_registry(tasks: &TaskTracker, stop: CancellationToken) -> Result<SocketAddr, Failure> {
    let failed = |error| Failure::refused("the embedded registry cannot listen").caused_by(error);
    let listener = TcpListener::bind(free(REGISTRY_PORT).await).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let router = EmbeddedRegistry::new().router();
    tasks.spawn(async move {
        // Idle connections of clients would keep a graceful end waiting, and there is nothing here to lose.
        tokio::select! {
            served = axum::serve(listener, router) => {
                if let Err(error) = served {
                    tracing::error!(%error, "the embedded registry has ended");
                }
            }
            () = stop.cancelled() => {}
        }
    });
    Ok(address)
}

/// Waits until a sidecar serves all its products.
async fn ready(sidecar: &Sidecar) -> Result<(), Failure> {
    let deadline = Instant::now() + READY;
    loop {
        let products = sidecar.products().get();
        let waiting = products.values().flatten().find_map(|product| match &product.state {
            State::Ready(_) => None,
            State::NotReady(why) => Some(format!("{} is not ready: {why}", product.contract.reference())),
        });
        match waiting {
            None => return Ok(()),
            Some(why) if Instant::now() > deadline => return Err(Failure::refused(why)),
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// For plain HTTP on this machine.
fn http_client() -> Result<reqwest::Client, String> {
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(10));
    client.build().map_err(|error| format!("cannot make an HTTP client: {error}"))
}
