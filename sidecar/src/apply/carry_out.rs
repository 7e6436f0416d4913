//! The steps of an apply, ordered by the log. Each is idempotent, so that an apply which died at any of them can be run
//! again: what is done is found done, and its unfinished *applying* entry is taken over when its lease has run out.

use super::{
    kafka::Kafka,
    progress::{Progress, Step},
    registry,
    releases::{self, Release, Wanted},
};
use crate::{
    cli::{Exit, Failure},
    registry::Registry,
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tidegate_contracts::{
    catalog,
    contract::Contract,
    feed::{
        catalog::{Release as ReleaseRecord, document_hash},
        changes::{Actor, Applying, Change, Released, Severity, What},
    },
    release::{Intent, ReleaseLog, Standing},
    timestamp::Timestamp,
};
use tidegate_topics::plan::Allow;
use uuid::Uuid;

/// How often the log is read while another apply is waited for.
const POLL: Duration = Duration::from_millis(500);
/// How often the catalog is compared with the log before we give up: somebody else keeps releasing.
const ROUNDS: usize = 10;

/// Who applies, and with what.
#[derive(Debug)]
pub(super) struct Apply<'a> {
    pub(super) kafka: &'a Kafka,
    pub(super) registry: &'a Registry,
    pub(super) progress: &'a Progress,
    pub(super) by: Actor,
    /// How long others leave an unfinished apply of ours alone.
    pub(super) lease: Duration,
    /// What may be done to topics beyond what is harmless.
    pub(super) allow: Allow,
}

/// One of the domain's own topics.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) topic: String,
    pub(super) wanted: Wanted,
}

/// One product's release, from the win on.
struct Won<'a> {
    contract: &'a Contract,
    applying: Applying,
}

impl Apply<'_> {
    /// Does everything. `feeds` are the domain's own topics, each with its schema.
    pub(super) async fn run(&self, feeds: &[Feed], contracts: &[Arc<Contract>]) -> Result<(), Failure> {
        let mut ids = BTreeMap::new();
        for Feed { topic, wanted } in feeds {
            let id = registry::settle(self.registry, std::slice::from_ref(wanted), None).await?;
            ids.extend(id.first().map(|id| (topic.clone(), *id)));
        }
        for done in self.kafka.settle_feeds(self.allow).await? {
            self.progress.done(Step::Topics, None, &done);
        }
        self.kafka.speak_with(ids);
        self.progress.done(Step::Feeds, None, "the domain's feeds are there");
        for contract in contracts {
            self.product(contract).await?;
        }
        self.catalog().await
    }

    async fn product(&self, contract: &Contract) -> Result<(), Failure> {
        loop {
            let log = self.kafka.log().await?;
            match releases::release(contract, &log, now()) {
                Release::Nothing => return self.repair(contract, &log).await,
                Release::Refused(refused) => return Err(Failure::refused(refused.reason).hint(refused.hint)),
                Release::Busy { by, version, lease } => {
                    let why = format!("{by} is applying {version} and has until {lease}");
                    self.wait(contract, lease, &why).await?;
                }
                Release::Next { builds_on, .. } => {
                    if self.release(contract, builds_on).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Tries to win the release and to carry it out; `false` when another apply won.
    async fn release(&self, contract: &Contract, builds_on: Option<String>) -> Result<bool, Failure> {
        let applying = Applying {
            apply: Uuid::now_v7().to_string(),
            version: contract.version.to_string(),
            builds_on,
            proposal: None,
            document_hash: document_hash(contract),
            lease: now().plus(self.lease),
        };
        let mut won = Won { contract, applying };
        let released = self.try_release(&mut won).await;
        if released.as_ref().is_err_and(|failure| failure.exit != Exit::Unreachable) {
            // Nobody need wait for a lease that is not used any more. If this cannot be said, they wait.
            won.applying.lease = now();
            let _ = self.say(contract, What::Applying(won.applying)).await;
        }
        released
    }

    async fn try_release(&self, won: &mut Won<'_>) -> Result<bool, Failure> {
        let contract = won.contract;
        let log = self.say(contract, What::Applying(won.applying.clone())).await?;
        match log.standing(won.intent()) {
            Standing::Won => {}
            // Another was first; what that means for us the log says by now.
            Standing::Lost(_) => return Ok(false),
            standing => return Err(lost(contract, standing)),
        }
        let stem = contract.stem();
        self.progress.done(Step::Applying, Some(&stem), &format!("{} is ours to release", contract.version));

        let ids = registry::settle(self.registry, &wanted(contract)?, None).await?;
        let (value, key) = (ids.first().copied().unwrap_or_default(), ids.get(1).copied());
        self.progress.done(Step::Registry, Some(&stem), &format!("schema {value} is registered"));
        self.extend(won).await?;
        self.topics(contract).await?;
        self.progress.done(Step::Topics, Some(&stem), &format!("topic {} is as it should be", contract.topic));
        self.extend(won).await?;

        let release = ReleaseRecord::of(contract, value, key)
            .map_err(|error| Failure::refused(format!("cannot describe {}", contract.reference())).caused_by(error))?;
        let released = Released {
            apply: won.applying.apply.clone(),
            builds_on: won.applying.builds_on.clone(),
            proposal: None,
            release,
            // Comparing two contracts comes with the next issue; until then the version's own step says how much changed.
            differences: Vec::new(),
            severity: claimed_severity(contract, &log),
        };
        let log = self.say(contract, What::Released(released)).await?;
        match log.standing(won.intent()) {
            Standing::Released => {}
            standing => return Err(lost(contract, standing)),
        }
        self.progress.done(Step::Released, Some(&stem), &format!("{} is released", contract.version));
        Ok(true)
    }

    /// What is out already and has been changed by somebody, put right.
    async fn repair(&self, contract: &Contract, log: &ReleaseLog) -> Result<(), Failure> {
        let released = log.product(&contract.product).and_then(|product| product.release(&contract.version));
        let released = released.map(|released| &released.released.release);
        registry::settle(self.registry, &wanted(contract)?, released).await?;
        self.topics(contract).await
    }

    async fn topics(&self, contract: &Contract) -> Result<(), Failure> {
        for done in self.kafka.settle_product(contract, self.allow).await? {
            self.progress.done(Step::Topics, Some(&contract.stem()), &done);
        }
        Ok(())
    }

    /// Makes the catalog say what the log does, until it does: another apply may be writing older entries meanwhile.
    async fn catalog(&self) -> Result<(), Failure> {
        let mut written = Vec::new();
        for _ in 0..ROUNDS {
            let missing = catalog::missing(&self.kafka.log().await?, &self.kafka.catalog().await?);
            if missing.is_empty() {
                if !written.is_empty() {
                    self.progress.done(Step::Catalog, None, &format!("the catalog has {}", written.join(", ")));
                }
                return Ok(());
            }
            for entry in &missing {
                self.kafka.list(entry).await?;
                written.push(tidegate_contracts::feed::FeedRecord::key(entry));
            }
        }
        let failure = Failure::refused("the catalog does not come to say what the changes log does");
        Err(failure.hint("other applies keep changing it; run `tidegate apply` again when they are done"))
    }

    /// Says again that we are at it when much of the lease is gone.
    async fn extend(&self, won: &mut Won<'_>) -> Result<(), Failure> {
        if now().plus(self.lease / 2) < won.applying.lease {
            return Ok(());
        }
        won.applying.lease = now().plus(self.lease);
        let log = self.say(won.contract, What::Applying(won.applying.clone())).await?;
        match log.standing(won.intent()) {
            Standing::Won => Ok(()),
            standing => Err(lost(won.contract, standing)),
        }
    }

    /// Writes an entry to the log and reads it back.
    async fn say(&self, contract: &Contract, what: What) -> Result<ReleaseLog, Failure> {
        let change = Change {
            id: Uuid::now_v7().to_string(),
            domain: contract.domain.clone(),
            product: contract.product.clone(),
            at: now(),
            by: self.by.clone(),
            what,
        };
        self.kafka.say(&change).await
    }

    /// Waits until the product's apply in flight is done, or its lease is over.
    async fn wait(&self, contract: &Contract, lease: Timestamp, why: &str) -> Result<(), Failure> {
        self.progress.waiting(&contract.stem(), why);
        while now() < lease {
            tokio::time::sleep(POLL).await;
            let log = self.kafka.log().await?;
            match log.winner(&contract.product) {
                // It was extended, or the next one is at it: look anew, and say so.
                Some(winner) if winner.applying.lease == lease => {}
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}

impl Won<'_> {
    fn intent(&self) -> Intent<'_> {
        Intent {
            product: &self.contract.product,
            apply: &self.applying.apply,
            version: &self.contract.version,
            builds_on: self.applying.builds_on.as_deref(),
        }
    }
}

/// The schemas a contract wants registered.
pub(super) fn wanted(contract: &Contract) -> Result<Vec<Wanted>, Failure> {
    let failure = |error| Failure::refused(format!("the key schema of {}", contract.reference())).caused_by(error);
    releases::wanted(contract).map_err(failure)
}

/// What the version's own step claims that consumers will see.
fn claimed_severity(contract: &Contract, log: &ReleaseLog) -> Severity {
    let before = log.product(&contract.product).and_then(|product| product.current(contract.major()));
    let other_majors = log.product(&contract.product).is_some_and(|product| !product.majors().is_empty());
    match before {
        None if other_majors => Severity::Breaking,
        None => Severity::Safe,
        Some(before) if before.version.minor == contract.version.minor => Severity::Editorial,
        Some(_) => Severity::Safe,
    }
}

fn lost(contract: &Contract, standing: Standing) -> Failure {
    let reason = match standing {
        Standing::Lost(refusal) => refusal.to_string(),
        Standing::Unread => "our entry is not in the changes log although kafka acked it".to_owned(),
        Standing::Won => "our released entry does not count".to_owned(),
        Standing::Released => "it is released already".to_owned(),
    };
    let failure = Failure::refused(format!("{} is not released: {reason}", contract.reference()));
    failure.hint("run `tidegate apply` again; what is done stays done")
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
