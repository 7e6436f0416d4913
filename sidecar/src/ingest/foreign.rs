//! Schema ids of pre-encoded events that are neither the contract's own nor in the catalog: the registry is asked once.
//!
//! A sick registry never makes a good event look bad: what it does not say in time is *failed*, not *rejected*.

use super::select::Target;
use crate::product::Serving;
use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tidegate_contracts::{
    plan::{Limits, Plan},
    schema::Schema,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A request that needs the registry has its answer so soon, whatever the registry does.
const BUDGET: Duration = Duration::from_millis(100);
/// How long a "no" is believed: soon enough after an `apply`, long enough that a wrong producer does no harm.
const NO_LASTS: Duration = Duration::from_secs(30);
/// How long a registry that did not answer is left alone, for this id.
const SILENCE_LASTS: Duration = Duration::from_secs(1);
/// Ids remembered. Beyond it all are forgotten: real ids are few, so this many are somebody's noise.
const REMEMBERED: usize = 1024;
/// Ids asked for at once, by all requests together.
const AT_ONCE: usize = 8;
/// How long a question may go on after the request that asked it had its answer, for those who come after it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the registry for a schema id: the schema's text if it is registered under the subject, `None` if it is not.
pub type Ask = Box<dyn Fn(String, u32) -> Answer + Send + Sync>;
/// What [`Ask`] returns; an error is why there is no answer.
pub type Answer = Pin<Box<dyn Future<Output = Result<Option<String>, String>> + Send>>;

/// Finds out about schema ids that the catalog does not know, and remembers.
pub struct Foreigners {
    shared: Arc<Shared>,
}

struct Shared {
    ask: Option<Ask>,
    limits: Limits,
    memory: Mutex<Memory>,
    asking: Arc<Semaphore>,
}

/// What a question will have found out.
type Told = watch::Receiver<Option<Standing>>;

#[derive(Default)]
struct Memory {
    /// By subject and id.
    known: HashMap<(String, u32), Known>,
    /// The questions that are on their way.
    pending: HashMap<(String, u32), Told>,
    /// How often all was forgotten: what was asked before is not to be remembered after.
    forgotten: u64,
}

/// What is known of the unknown ids of one request.
#[derive(Debug, Default)]
pub struct Foreign(HashMap<u32, Standing>);

#[derive(Debug, Clone)]
enum Standing {
    Ours(Arc<Plan>),
    NotOurs,
    Unavailable,
}

#[derive(Debug)]
struct Known {
    standing: Standing,
    /// A plan lasts: ids are never given twice.
    until: Option<Instant>,
}

/// What is known of a schema id.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'a> {
    /// It is one of this product's major version.
    Writer(&'a Plan),
    /// It is not.
    NotOurs,
    /// Only the registry could tell, and it did not.
    Unavailable,
}

impl Foreigners {
    /// Without a registry to ask, an id that the catalog does not know is nobody's.
    pub fn new(ask: Option<Ask>, limits: Limits) -> Self {
        let asking = Arc::new(Semaphore::new(AT_ONCE));
        Self { shared: Arc::new(Shared { ask, limits, memory: Mutex::default(), asking }) }
    }

    /// Finds out about those of the ids that the product does not know by itself. A question that takes longer than this
    /// does goes on by itself for a while, so that whoever comes next has the answer.
    pub async fn find(&self, target: &Target, ids: impl IntoIterator<Item = u32>) -> Foreign {
        let serving = target.serving();
        let mut unknown: Vec<u32> =
            ids.into_iter().filter(|id| *id != serving.schema_id && !serving.writers.contains_key(id)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let mut found = HashMap::new();
        // One after the other within one budget: a request with many unknown ids is not worth more.
        let deadline = Instant::now() + BUDGET;
        for id in unknown {
            found.insert(id, self.find_one(target, id, deadline).await);
        }
        Foreign(found)
    }

    async fn find_one(&self, target: &Target, id: u32, deadline: Instant) -> Standing {
        let shared = &self.shared;
        if shared.ask.is_none() {
            return Standing::NotOurs;
        }
        let key = (target.product().contract.subject.clone(), id);
        if let Some(standing) = shared.memory().known(&key) {
            return standing;
        }
        if Instant::now() >= deadline {
            return Standing::Unavailable;
        }
        let asked = async {
            let permit = Arc::clone(&shared.asking).acquire_owned().await.ok()?;
            let mut told = Shared::question(shared, target, &key, permit);
            told.wait_for(Option::is_some).await.ok().and_then(|standing| standing.clone())
        };
        match tokio::time::timeout_at(deadline.into(), asked).await {
            Ok(standing) => standing.unwrap_or(Standing::Unavailable),
            Err(_) => {
                tracing::debug!(subject = key.0, schema_id = id, "the registry did not tell a schema id in time");
                Standing::Unavailable
            }
        }
    }

    /// Forgets what was compiled against contracts that are no longer in force.
    pub fn forget(&self) {
        let mut memory = self.shared.memory();
        memory.known.clear();
        memory.pending.clear();
        memory.forgotten += 1;
    }
}

impl Shared {
    /// Asks in the background, unless that is known or asked already.
    fn question(this: &Arc<Self>, target: &Target, key: &(String, u32), permit: OwnedSemaphorePermit) -> Told {
        let mut memory = this.memory();
        // A channel that is closed is one whose question ended without an answer.
        if let Some(told) = memory.pending.get(key).filter(|told| told.has_changed().is_ok()) {
            return told.clone();
        }
        let (tell, told) = watch::channel(memory.known(key));
        if told.borrow().is_none() {
            memory.pending.insert(key.clone(), told.clone());
            let (this, target, key, forgotten) = (Arc::clone(this), target.clone(), key.clone(), memory.forgotten);
            tokio::spawn(async move {
                let standing = this.learn(&target, &key).await;
                this.remember(key, &standing, forgotten);
                tell.send_replace(Some(standing));
                drop(permit);
            });
        }
        told
    }

    /// Asks the registry.
    async fn learn(&self, target: &Target, key: &(String, u32)) -> Standing {
        let Some(ask) = &self.ask else { return Standing::NotOurs };
        let answer = tokio::time::timeout(PATIENCE, ask(key.0.clone(), key.1)).await;
        match answer.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(None) => Standing::NotOurs,
            Ok(Some(text)) => match self.compile(target, &text) {
                Ok(plan) => Standing::Ours(Arc::new(plan)),
                Err(reason) => {
                    tracing::warn!(
                        product = target.product().contract.reference(),
                        schema_id = key.1,
                        reason,
                        "a registered schema does not fit the contract"
                    );
                    Standing::NotOurs
                }
            },
            Err(reason) => {
                tracing::debug!(subject = key.0, schema_id = key.1, reason, "the registry did not tell a schema id");
                Standing::Unavailable
            }
        }
    }

    fn compile(&self, target: &Target, text: &str) -> Result<Plan, String> {
        let schema = Schema::parse(text).map_err(|error| error.to_string())?;
        target
            .product()
            .contract
            .plan_for(&schema, self.limits)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    fn remember(&self, key: (String, u32), standing: &Standing, forgotten: u64) {
        let lasts = match standing {
            Standing::Ours(_) => None,
            Standing::NotOurs => Some(NO_LASTS),
            Standing::Unavailable => Some(SILENCE_LASTS),
        };
        let until = lasts.map(|lasts| Instant::now() + lasts);
        let mut memory = self.memory();
        if memory.forgotten != forgotten {
            return;
        }
        memory.pending.remove(&key);
        if memory.known.len() >= REMEMBERED {
            memory.known.clear();
        }
        memory.known.insert(key, Known { standing: standing.clone(), until });
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn known(&self, key: &(String, u32)) -> Option<Standing> {
        let known = self.known.get(key)?;
        known.until.is_none_or(|until| Instant::now() < until).then(|| known.standing.clone())
    }
}

impl Foreign {
    pub(super) fn find<'a>(&'a self, serving: &'a Serving, id: u32) -> Found<'a> {
        if id == serving.schema_id {
            return Found::Writer(&serving.plan);
        }
        if let Some(plan) = serving.writers.get(&id) {
            return Found::Writer(plan);
        }
        match self.0.get(&id) {
            Some(Standing::Ours(plan)) => Found::Writer(plan),
            Some(Standing::NotOurs) => Found::NotOurs,
            Some(Standing::Unavailable) | None => Found::Unavailable,
        }
    }
}

impl fmt::Debug for Foreigners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreigners").field("asks", &self.shared.ask.is_some()).finish_non_exhaustive()
    }
}
