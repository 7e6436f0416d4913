//! `tidegate plan` and `tidegate apply`: topics, schemas, releases and catalog, made as the contracts say.
//!
//! `plan` reads everything and changes nothing. `apply` shows the same plan, asks, and then carries it out in the order
//! of the domain's changes log, see `carry_out`.

mod carry_out;
mod kafka;
mod plan;
mod progress;
mod registry;
mod releases;

pub use kafka::{Made, Maker};
pub use plan::{ContractPlan, Plan};
pub use progress::Progress;
pub use releases::{LevelChange, NotDone, Release, SubjectPlan};

use crate::{
    cli::{Context, Exit, Failure, complain, print},
    config::{self, Config},
    dev, product,
    registry::{Registry, RegistryError},
};
use anyhow::Result;
use carry_out::{Apply, Feed, wanted};
use kafka::Kafka;
use std::{io::BufRead as _, sync::Arc, time::SystemTime};
use tidegate_contracts::{
    catalog, contract::Contract, feed::changes::Actor, release::ReleaseLog, timestamp::Timestamp,
};
use tidegate_topics::plan::Allow;

/// The feeds whose topics and schemas `apply` makes.
const FEEDS: [&str; 2] = ["changes", "catalog"];

/// What `plan` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads Kafka, the registry and the changes log, and changes nothing. Each line begins with what would be done: + made, \
~ changed, … waited for, ! refused, = different and left as it is.")]
pub struct PlanArgs {
    /// End with 3 when there are changes
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    how: How,
}

/// What `apply` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Shows what `tidegate plan` shows, asks, and does it. It deletes nothing, takes no partitions away, and leaves options \
alone of which the contracts say nothing. It can be run again, whatever became of the last one.")]
pub struct ApplyArgs {
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
    /// Who applies, as the changes log will say [default: user@host]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// How long others leave this apply alone if it dies
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = config::parse_duration)]
    lease: std::time::Duration,
    #[command(flatten)]
    how: How,
}

/// What both take.
#[derive(Debug, Clone, Copy, clap::Args)]
struct How {
    /// Add partitions to keyed topics where a contract asks for more: keys move to other partitions, and the order of
    /// their events across that moment is lost
    #[arg(long)]
    repartition_keyed: bool,
}

/// Shows what `apply` would do.
///
/// # Errors
/// When a file is wrong or a server cannot be reached.
pub async fn run_plan(args: PlanArgs, context: &Context) -> Result<Exit> {
    let domain = Domain::load(context)?;
    let plan = domain.plan(args.how.allow()).await?;
    domain.show(&plan, context);
    Ok(match (plan.refusals().is_empty(), plan.is_done()) {
        (false, _) => Exit::Refused,
        (true, false) if args.exit_code => Exit::Changes,
        (true, _) => Exit::Success,
    })
}

/// Makes topics, schemas and catalog as the contracts say.
///
/// # Errors
/// As [`run_plan`], and when something is refused.
pub async fn run_apply(args: ApplyArgs, context: &Context) -> Result<Exit> {
    let domain = Domain::load(context)?;
    let plan = domain.plan(args.how.allow()).await?;
    domain.show(&plan, context);
    if !plan.refusals().is_empty() {
        return Err(Failure::refused("nothing was applied, since part of it is refused (see above)").into());
    }
    if plan.is_done() {
        return Ok(Exit::Success);
    }
    if !args.yes && !asked(context)? {
        return Err(Failure::refused("nothing was applied").into());
    }
    let by = Actor {
        name: args.by.unwrap_or_else(user_at_host),
        program: concat!("tidegate/", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    domain.apply(by, args.lease, args.how.allow(), &Progress::new(context)).await?;
    context.print(String::new, || serde_json::json!({ "applied": true }));
    Ok(Exit::Success)
}

/// A domain's contracts, and the servers they are applied to.
#[derive(Debug)]
pub struct Domain {
    config: Config,
    feeds: Vec<Feed>,
    contracts: Vec<Arc<Contract>>,
    kafka: Kafka,
    registry: Registry,
}

impl Domain {
    fn load(context: &Context) -> Result<Self, Failure> {
        let (config, running) = context.load_config_for_servers()?;
        let loaded = product::load(&config.contracts, &config.domain, &config.drift.policy())?;
        if !context.json() {
            complain(&loaded.findings.human(context.color));
        }
        let domain = Self::new(config, loaded.contracts)?;
        Ok(match running {
            Some(running) => domain.topics_made_by(dev::remote_maker(running)),
            None => domain,
        })
    }

    /// Contracts and the servers that the configuration names; nothing is connected yet.
    ///
    /// # Errors
    /// When the servers' settings cannot be used, or two topics collide.
    pub fn new(config: Config, contracts: Vec<Arc<Contract>>) -> Result<Self, Failure> {
        let registry = config.registry.as_ref().ok_or_else(|| {
            let failure = Failure::refused("this configuration has no schema registry, and apply registers schemas");
            failure.hint("add `registry: {url: …}`")
        })?;
        let registry = Registry::new(registry).map_err(RegistryError::into_failure)?;
        let kafka = Kafka::new(&config, &contracts)?;
        let feeds = FEEDS.iter().map(|name| feed(&config.domain, name)).collect::<Result<_, _>>()?;
        Ok(Self { config, feeds, contracts, kafka, registry })
    }

    /// Has topics made by somebody else than Kafka's admin API.
    #[must_use]
    pub fn topics_made_by(mut self, maker: Maker) -> Self {
        self.kafka.made_by(maker);
        self
    }

    /// Reads everything and says what an apply would do.
    ///
    /// # Errors
    /// When a server cannot be reached or does not let us read.
    pub async fn plan(&self, allow: Allow) -> Result<Plan, Failure> {
        let topics = self.kafka.plan(allow).await?;
        let log = self.kafka.log().await?;
        let catalog = self.kafka.catalog().await?;
        let mut contracts = Vec::new();
        let mut feeds = Vec::new();
        for feed in &self.feeds {
            feeds.extend(registry::plan(&self.registry, std::slice::from_ref(&feed.wanted), None, None).await?);
        }
        for contract in &self.contracts {
            contracts.push(self.contract_plan(contract, &log).await?);
        }
        let missing = catalog::missing(&log, &catalog);
        let catalog = missing.iter().map(tidegate_contracts::feed::FeedRecord::key).collect();
        Ok(Plan { domain: self.config.domain.clone(), feeds, contracts, topics, catalog })
    }

    async fn contract_plan(&self, contract: &Contract, log: &ReleaseLog) -> Result<ContractPlan, Failure> {
        let now = Timestamp::from(SystemTime::now());
        let product = log.product(&contract.product);
        let released = product.and_then(|product| product.release(&contract.version));
        let released = released.map(|released| &released.released.release);
        let last = product.and_then(|product| product.current(contract.major())).map(|last| &last.released.release);
        Ok(ContractPlan {
            product: contract.stem(),
            version: contract.version.to_string(),
            release: releases::release(contract, log, now),
            subjects: registry::plan(&self.registry, &wanted(contract)?, released, last).await?,
        })
    }

    /// Carries out what [`Domain::plan`] says, as it is by then. `by` stands in the changes log; `lease` is how long
    /// others leave this apply alone if it dies.
    ///
    /// # Errors
    /// When a server cannot be reached or refuses; what was done by then stays done, and another apply goes on from there.
    pub async fn apply(
        &self,
        by: Actor,
        lease: std::time::Duration,
        allow: Allow,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let apply = Apply { kafka: &self.kafka, registry: &self.registry, progress, by, lease, allow };
        let applied = apply.run(&self.feeds, &self.contracts).await;
        self.kafka.close().await;
        applied
    }

    fn show(&self, plan: &Plan, context: &Context) {
        context.print(|| plan.human(context.color), || serde_json::json!({ "plan": plan, "done": plan.is_done() }));
    }
}

impl How {
    fn allow(self) -> Allow {
        Allow { repartition_keyed: self.repartition_keyed }
    }
}

/// One of the domain's own feeds, whose schema ships in the binary.
fn feed(domain: &str, feed: &str) -> Result<Feed, Failure> {
    let broken = |why: String| Failure::refused(format!("the built-in schema of the {feed} feed: {why}"));
    let of = tidegate_contracts::feed::contract(domain, feed).ok_or_else(|| broken("it is missing".to_owned()))?;
    let wanted = releases::wanted_of_feed(domain, feed, of.schema).map_err(|error| broken(error.to_string()))?;
    Ok(Feed { topic: tidegate_contracts::feed::topic(domain, feed), wanted })
}

/// Asks on the terminal; where there is none, nobody can be asked.
fn asked(context: &Context) -> Result<bool, Failure> {
    if context.json() || !progress::is_interactive() {
        let failure = Failure::usage("nothing was applied, since nobody can be asked here");
        return Err(failure.hint("look at the plan, then run it with --yes"));
    }
    print("Apply this? Only `yes` is taken for yes: ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::refused("cannot read the answer").caused_by(error))?;
    Ok(answer.trim() == "yes")
}

fn user_at_host() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "somebody".to_owned());
    let kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = variable("HOSTNAME").or_else(kernel).map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
    format!("{user}@{}", host.unwrap_or_else(|| "somewhere".to_owned()))
}
