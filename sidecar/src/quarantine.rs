//! `tidegate quarantine`: what broke its contract, and another try for it.
//!
//! Nothing is ever taken out of a quarantine topic. What a replay has published is said in the topic itself, by a record
//! that names its place; so a replay that died, or another one elsewhere, goes on where the last one ended.

mod entry;
mod replay;
mod report;

use crate::{
    cli::{Context, Exit, Failure},
    config::{self, Config},
    product,
};
use entry::{Filter, Position, Read};
use indicatif::{ProgressBar, ProgressStyle};
use report::{List, Listed};
use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tidegate_contracts::{
    contract::{Contract, OnViolation},
    path::FieldPath,
    timestamp::Timestamp,
    violation::Clause,
};
use tidegate_topics::{
    config::KafkaConfig,
    name::TopicName,
    tail::{self, Received, Start, TailError},
};

/// How long a topic may give nothing before the reading is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// What `quarantine` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Count what broke a product's contract by cause, and list the newest
    List(ListArgs),
    /// Show all that is known of single events
    Show(ShowArgs),
    /// Hold events against the contract of now, and with --publish publish those that keep it
    ///
    /// An interrupted one goes on where it ended. Two at the same time publish events twice, with the same ids.
    Replay(ReplayArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    which: Which,
    /// Events to list
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    /// Also those that a replay has published
    #[arg(long)]
    replayed: bool,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    #[command(flatten)]
    of: Of,
    /// Places in the quarantine topic, as `list` gives them
    #[arg(required = true, value_name = "PARTITION:OFFSET")]
    positions: Vec<Position>,
    /// The event itself, too: it may hold what not everybody may see
    #[arg(long)]
    payload: bool,
}

#[derive(Debug, clap::Args)]
struct ReplayArgs {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    which: Which,
    /// Publish what keeps the contract; without it, nothing is written
    #[arg(long)]
    publish: bool,
    /// Publish to a compacted topic, although an old event may take the place of a newer one of its key
    #[arg(long)]
    allow_reorder: bool,
}

#[derive(Debug, clap::Args)]
struct Of {
    /// The product, as `orders`, or `orders.v1` when it has several major versions
    #[arg(value_name = "PRODUCT")]
    product: String,
}

/// Which events are meant.
#[derive(Debug, clap::Args)]
struct Which {
    /// Only those that break this clause
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Clause::ALL.map(Clause::name)))]
    clause: Option<String>,
    /// Only those that break something at this field, or below it
    #[arg(long)]
    path: Option<FieldPath>,
    /// Only those received since: 2026-01-31T09:30:00Z, or how long ago, such as 90m or 2d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only those received before
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
}

/// Lists, shows or replays what broke its contract.
///
/// # Errors
/// When a file is wrong, Kafka cannot be reached, or something is refused.
pub async fn run(args: Args, context: &Context) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(args, context).await?,
        Command::Show(args) => show(args, context).await?,
        Command::Replay(args) => replay(args, context).await?,
    }
    Ok(Exit::Success)
}

async fn list(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let quarantine = Quarantine::of(&args.of, context)?;
    let filter = args.which.filter();
    let replayed = quarantine.replayed(&filter).await?;
    let mut list = List::new(&quarantine.contract, args.limit);
    quarantine
        .read(filter.start(), |record| {
            if let Read::Entry(entry) = Read::of(record)
                && filter.takes(&entry)
            {
                let replayed = replayed.contains(&entry.position);
                if !replayed || args.replayed {
                    list.add(Listed { entry, replayed });
                }
            }
            ControlFlow::Continue(())
        })
        .await?;
    list.print(context);
    Ok(())
}

async fn show(args: ShowArgs, context: &Context) -> Result<(), Failure> {
    let quarantine = Quarantine::of(&args.of, context)?;
    let mut wanted: HashSet<Position> = args.positions.iter().copied().collect();
    let offsets = entry::first_of_each_partition(&args.positions);
    quarantine
        .read(Start::Offsets(offsets), |record| {
            let position = Position { partition: record.partition, offset: record.offset };
            if wanted.remove(&position)
                && let Read::Entry(entry) = Read::of(record)
            {
                let payload = args.payload.then(|| record.value.as_deref().unwrap_or_default());
                report::print_one(&entry, payload, context);
            }
            if wanted.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
    match wanted.iter().min() {
        None => Ok(()),
        Some(missing) => {
            let failure = Failure::refused(format!("there is no record {missing} in {}", quarantine.topic));
            Err(failure.hint(
                "`tidegate quarantine list` gives the places; records are kept for seven days unless set otherwise",
            ))
        }
    }
}

async fn replay(args: ReplayArgs, context: &Context) -> Result<(), Failure> {
    let quarantine = Quarantine::of(&args.of, context)?;
    let compacted = quarantine.contract.cleanup == tidegate_contracts::contract::Cleanup::Compact;
    if args.publish && compacted && !args.allow_reorder {
        let stem = quarantine.contract.stem();
        let failure = Failure::refused(format!(
            "{stem} is compacted: an event from the quarantine would take the place of newer ones of its key"
        ));
        return Err(failure
            .hint("if that is right for each of them, say --allow-reorder; `--path` and `--since` narrow it down"));
    }
    let filter = args.which.filter();
    let replayed = quarantine.replayed(&filter).await?;
    let mut replay = replay::Replay::new(&quarantine, args.publish).await?;
    let outcome = replay.run(&filter, &replayed).await;
    replay.tally().print(&quarantine.contract, args.publish, context);
    replay.close().await;
    outcome
}

/// The quarantine of one product's major version.
#[derive(Debug)]
struct Quarantine {
    config: Config,
    kafka: KafkaConfig,
    contract: Arc<Contract>,
    topic: TopicName,
    /// Whether somebody looks at a progress bar.
    quiet: bool,
}

impl Quarantine {
    fn of(of: &Of, context: &Context) -> Result<Self, Failure> {
        let (config, _) = context.load_config_for_servers()?;
        let loaded = product::load(&config.contracts, &config.domain, &config.drift.policy())?;
        let contract = find(&loaded.contracts, &of.product)?;
        let topic = TopicName::new(contract.quarantine_topic()).map_err(|error| Failure::refused(error.to_string()))?;
        Ok(Self { kafka: config.kafka()?, config, contract, topic, quiet: context.json() })
    }

    /// The places of what replays have published, as far as the filter's time goes: such a record is always younger than
    /// the one it names.
    async fn replayed(&self, filter: &Filter) -> Result<HashSet<Position>, Failure> {
        let mut replayed = HashSet::new();
        self.read(filter.start(), |record| {
            if let Read::Replayed(position) = Read::of(record) {
                replayed.insert(position);
            }
            ControlFlow::Continue(())
        })
        .await?;
        Ok(replayed)
    }

    /// Gives every record from `start` to the end as it is now, until told to stop.
    async fn read(&self, start: Start, mut with: impl FnMut(&Received) -> ControlFlow<()>) -> Result<(), Failure> {
        let mut reading = self.open(start)?;
        while let Some(record) = reading.next().await.map_err(|error| missing(error, &self.contract))? {
            if with(&record).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn open(&self, start: Start) -> Result<Reading, Failure> {
        let tail = tail::read(&self.kafka, &self.topic, start, PATIENCE).map_err(unread)?;
        let bar = if self.quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}%") {
            bar.set_style(style);
        }
        Ok(Reading { tail, bar: bar.with_message(self.topic.to_string()) })
    }
}

/// A topic on its way to the end, with a bar for whoever watches.
struct Reading {
    tail: tail::Tail,
    bar: ProgressBar,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Received>, TailError> {
        let next = self.tail.next().await.transpose()?;
        let progress = self.tail.progress();
        self.bar.set_length(progress.total);
        self.bar.set_position(progress.done);
        if next.is_none() {
            self.bar.finish_and_clear();
        }
        Ok(next)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Which {
    fn filter(&self) -> Filter {
        let Self { clause, path, since, until } = self;
        Filter { clause: clause.clone(), path: path.clone(), since: *since, until: *until }
    }
}

/// The contract that a caller means.
fn find(contracts: &[Arc<Contract>], name: &str) -> Result<Arc<Contract>, Failure> {
    let meant: Vec<&Arc<Contract>> =
        contracts.iter().filter(|contract| contract.product == name || contract.stem() == name).collect();
    let stems = |contracts: &mut dyn Iterator<Item = &Arc<Contract>>| {
        contracts.map(|contract| format!("`{}`", contract.stem())).collect::<Vec<_>>().join(", ")
    };
    match meant.as_slice() {
        [one] => Ok(Arc::clone(one)),
        [] => {
            let failure = Failure::usage(format!("no contract of this folder is about `{name}`"));
            match contracts {
                [] => Err(failure.hint("there are none: check `contracts` in tidegate.yaml")),
                _ => Err(failure.hint(format!("there are {}", stems(&mut contracts.iter())))),
            }
        }
        several => {
            let failure = Failure::usage(format!("`{name}` has several major versions"));
            Err(failure.hint(format!("say which one: {}", stems(&mut several.iter().copied()))))
        }
    }
}

/// Why a product's quarantine cannot be read: no apply makes one that nothing is kept in, although one of an earlier
/// version may be there.
fn missing(error: TailError, contract: &Contract) -> Failure {
    match (&error, keeps(contract)) {
        (TailError::NoTopic(_), Err(failure)) => failure,
        _ => unread(error),
    }
}

/// Whether what breaks a contract is kept at all.
fn keeps(contract: &Contract) -> Result<(), Failure> {
    match contract.on_violation {
        OnViolation::Quarantine | OnViolation::Mark => Ok(()),
        OnViolation::Reject => {
            let message = format!(
                "{} keeps nothing in quarantine: what breaks its contract is rejected, and kept nowhere",
                contract.stem()
            );
            let hint = "that is its `tidegate.onViolation: reject`, or the default of a contract with fields that are \
                        not openly classified; `quarantine` keeps what breaks it from the next release on";
            Err(Failure::refused(message).hint(hint))
        }
    }
}

/// A moment as RFC 3339 has it, a date, or how long ago.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = config::parse_duration(text) {
        let now = Timestamp::from(SystemTime::now());
        return Ok(Timestamp(now.0.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))));
    }
    let midnight = format!("{text}T00:00:00Z");
    text.parse().or_else(|_| midnight.parse()).map_err(|_| {
        format!(
            "`{text}` is neither a moment such as 2026-01-31T09:30:00Z or 2026-01-31, nor how long ago, such as 90m"
        )
    })
}

fn unread(error: TailError) -> Failure {
    match error.is_unreachable() {
        true => Failure::unreachable(error.to_string()),
        false => Failure::refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
