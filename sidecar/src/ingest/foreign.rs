//! Schema ids of pre-encoded events that are neither the contract's own nor in the catalog: the registry is asked once.
//!
//! A sick registry never makes a good event look bad: what it does not say in time is *failed*, not *rejected*.

use super::select::Target;
use crate::product::Serving;
use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tidegate_contracts::{
    plan::{Limits, Plan},
    schema::Schema,
};
use tokio::sync::Semaphore;

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

/// Asks the registry for a schema id: the schema's text if it is registered under the subject, `None` if it is not.
pub type Ask = Box<dyn Fn(String, u32) -> Answer + Send + Sync>;
/// What [`Ask`] returns; an error is why there is no answer.
pub type Answer = Pin<Box<dyn Future<Output = Result<Option<String>, String>> + Send>>;

/// Finds out about schema ids that the catalog does not know, and remembers.
pub struct Foreigners {
    ask: Option<Ask>,
    limits: Limits,
    /// By subject and id.
    known: Mutex<HashMap<(String, u32), Known>>,
    asking: Semaphore,
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
        Self { ask, limits, known: Mutex::default(), asking: Semaphore::new(AT_ONCE) }
    }

    /// Finds out about those of the ids that the product does not know by itself.
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
        let Some(ask) = &self.ask else { return Standing::NotOurs };
        let contract = &target.product().contract;
        let key = (contract.subject.clone(), id);
        if let Some(standing) = self.remembered(&key) {
            return standing;
        }
        let asked = async {
            let _permit = self.asking.acquire().await;
            // Whoever waited here may find that somebody else has asked meanwhile.
            match self.remembered(&key) {
                Some(standing) => Ok(standing),
                None => ask(key.0.clone(), id).await.map(|text| match text {
                    None => Standing::NotOurs,
                    Some(text) => match self.compile(target, &text) {
                        Ok(plan) => Standing::Ours(Arc::new(plan)),
                        Err(reason) => {
                            tracing::warn!(
                                product = contract.reference(),
                                schema_id = id,
                                reason,
                                "a registered schema does not fit the contract"
                            );
                            Standing::NotOurs
                        }
                    },
                }),
            }
        };
        let answer = tokio::time::timeout_at(deadline.into(), asked).await;
        let standing = match answer {
            Ok(Ok(standing)) => standing,
            silence => {
                let reason = silence
                    .map(|answer| answer.err().unwrap_or_default())
                    .unwrap_or_else(|_| "no answer in time".to_owned());
                tracing::debug!(subject = key.0, schema_id = id, reason, "the registry did not tell a schema id");
                Standing::Unavailable
            }
        };
        self.remember(key, &standing);
        standing
    }

    fn compile(&self, target: &Target, text: &str) -> Result<Plan, String> {
        let schema = Schema::parse(text).map_err(|error| error.to_string())?;
        target
            .product()
            .contract
            .plan_for(&schema, self.limits)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    fn remembered(&self, key: &(String, u32)) -> Option<Standing> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(key)?;
        known.until.is_none_or(|until| Instant::now() < until).then(|| known.standing.clone())
    }

    fn remember(&self, key: (String, u32), standing: &Standing) {
        let lasts = match standing {
            Standing::Ours(_) => None,
            Standing::NotOurs => Some(NO_LASTS),
            Standing::Unavailable => Some(SILENCE_LASTS),
        };
        let until = lasts.map(|lasts| Instant::now() + lasts);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, Known { standing: standing.clone(), until });
    }

    /// Forgets what was compiled against contracts that are no longer in force.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
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
        f.debug_struct("Foreigners").field("asks", &self.ask.is_some()).finish_non_exhaustive()
    }
}
