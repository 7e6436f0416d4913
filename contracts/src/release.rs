//! The fold of a domain's changes log: what is proposed, in flight, released, deprecated and retired, and what may
//! come next.
//!
//! The log decides, not locks. An apply writes an *applying* record that names the release it builds on, reads the log
//! back, and goes on only if this fold says that it won: it was the first to build on that release, or the one before
//! it let its lease run out. Only the winner's *released* record counts. The fold looks at nothing but the records, so
//! every reader comes to the same verdict.

use crate::{
    feed::{
        catalog::Lifecycle,
        changes::{Actor, Applying, Change, Deprecated, Deprecation, Overridden, Proposed, Released, Retired, What},
    },
    timestamp::Timestamp,
};
use semver::Version;
use std::collections::BTreeMap;

/// The state of a domain's log up to some offset.
#[derive(Debug, Clone)]
pub struct ReleaseLog {
    domain: String,
    products: BTreeMap<String, ProductLog>,
    next_offset: i64,
    skipped: Skipped,
}

/// What the log says about one product.
#[derive(Debug, Clone, Default)]
pub struct ProductLog {
    releases: Vec<ReleaseState>,
    majors: BTreeMap<u64, MajorState>,
    in_flight: Option<InFlight>,
    proposals: BTreeMap<String, Proposal>,
    overrides: Vec<Override>,
    /// Why applies lost that wanted to build on the last release, by apply id.
    lost: BTreeMap<String, Refusal>,
}

/// A release that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseState {
    /// The id of its released entry, which the next release builds on.
    pub id: String,
    /// Its offset in the log.
    pub offset: i64,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Its version.
    pub version: Version,
    /// What was said.
    pub released: Released,
}

/// The state of one major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MajorState {
    /// The last version released in it.
    pub current: Version,
    /// The topic that carries its events.
    pub topic: String,
    /// Where in its life it stands.
    pub lifecycle: Lifecycle,
    /// When and for what it is given up, when that was said.
    pub deprecation: Option<Deprecation>,
    /// What takes the place of a retired version.
    pub successor: Option<String>,
    /// The id of the last entry that changed this state.
    pub change: String,
    /// When that was said.
    pub at: Timestamp,
}

/// The apply that won the next release and has not finished it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// Who runs it.
    pub by: Actor,
    /// What it wants, with its lease as last extended.
    pub applying: Applying,
    /// Whose unfinished apply it took over, if anybody's.
    pub took_over: Option<String>,
}

/// A proposal that is neither withdrawn nor released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// When it was announced.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// What was announced.
    pub proposed: Proposed,
}

/// A refusal that somebody overrode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The id of the entry.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// What and why.
    pub overridden: Overridden,
}

/// Entries that a reader met and that changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Another domain spoke, which it may not here.
    pub wrong_speaker: u64,
    /// Applying entries that lost, and released entries of applies that had not won.
    pub lost: u64,
    /// Entries about what is not there: a proposal, a product, a major version.
    pub pointless: u64,
}

/// What an entry did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// It counts.
    Taken,
    /// It was read before.
    Known,
    /// Its speaker is not the log's domain.
    WrongSpeaker,
    /// It is an applying entry that lost, or the released entry of an apply that had not won.
    Lost(Refusal),
    /// It is about what is not there.
    Pointless,
}

/// An apply that is about to be, or was, written to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent<'a> {
    /// The product.
    pub product: &'a str,
    /// The id of this apply.
    pub apply: &'a str,
    /// The version it wants to release.
    pub version: &'a Version,
    /// The release it builds on.
    pub builds_on: Option<&'a str>,
}

/// What a version would be if it came next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The product's first version.
    First,
    /// The next version of a major.
    Version {
        /// The version it comes after.
        after: Version,
    },
    /// A new major, beside these.
    NewMajor {
        /// The majors there are.
        beside: Vec<u64>,
    },
}

/// Where an apply stands once it has read its applying entry back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its applying entry has not been read yet.
    Unread,
    /// It won and may go on.
    Won,
    /// It has released its version.
    Released,
    /// It may not go on.
    Lost(Refusal),
}

/// Why a version may not come next, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something was released since.
    #[error(
        "{} was released since this was planned; run `tidegate plan` again",
        .last.as_ref().map_or_else(|| "nothing".to_owned(), Version::to_string)
    )]
    Stale {
        /// The last release of the product.
        last: Option<Version>,
    },
    /// Another apply is at it.
    #[error("{by} is applying {version} and has until {lease}; wait for it, or take it over after that")]
    InFlight {
        /// Who runs it.
        by: String,
        /// What it wants to release.
        version: String,
        /// Until when it is left alone.
        lease: Timestamp,
    },
    /// Another apply took this one over.
    #[error("{by} took this apply over, since its lease ran out; see `tidegate changes`")]
    TakenOver {
        /// Who runs the other.
        by: String,
    },
    /// That version is out and never changes.
    #[error("{0} is released and never changes; give the contract a higher version")]
    AlreadyReleased(Version),
    /// A later version of that major is out.
    #[error("{wanted} is not higher than {current}, the last release of its major; give the contract a higher version")]
    NotHigher {
        /// What was wanted.
        wanted: Version,
        /// What is out.
        current: Version,
    },
    /// A new major must be higher than all before it.
    #[error("major {wanted} was never released, and {highest} is out already; the next new major is {}", .highest + 1)]
    MajorTooLow {
        /// What was wanted.
        wanted: u64,
        /// The highest there is.
        highest: u64,
    },
    /// That major is given up.
    #[error(
        "major {major} is retired{}; release a new major instead",
        .successor.as_ref().map_or_else(String::new, |successor| format!(" in favour of {successor}"))
    )]
    Retired {
        /// The major.
        major: u64,
        /// What takes its place.
        successor: Option<String>,
    },
    /// Not a version the log can hold.
    #[error("`{0}` is not a semantic version such as 1.2.0")]
    NotAVersion(String),
    /// A released entry without the win.
    #[error("this apply never won; see `tidegate changes`")]
    NeverWon,
}

impl ReleaseLog {
    /// An empty log of a domain.
    pub fn new(domain: impl Into<String>) -> Self {
        Self { domain: domain.into(), products: BTreeMap::new(), next_offset: 0, skipped: Skipped::default() }
    }

    /// The domain whose log it is.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Takes the entry at an offset. Entries come in the order of their offsets; one that was taken before changes
    /// nothing.
    pub fn take(&mut self, offset: i64, change: Change) -> Effect {
        if offset < self.next_offset {
            return Effect::Known;
        }
        self.next_offset = offset + 1;
        if change.domain != self.domain {
            self.skipped.wrong_speaker += 1;
            return Effect::WrongSpeaker;
        }
        let effect = self.products.entry(change.product.clone()).or_default().take(offset, change);
        match &effect {
            Effect::Lost(_) => self.skipped.lost += 1,
            Effect::Pointless => self.skipped.pointless += 1,
            _ => {}
        }
        effect
    }

    /// The offset after the last entry taken.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// What was skipped so far.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Everything said about a product, if anything was.
    pub fn product(&self, product: &str) -> Option<&ProductLog> {
        self.products.get(product)
    }

    /// All products, by name.
    pub fn products(&self) -> impl Iterator<Item = (&str, &ProductLog)> {
        self.products.iter().map(|(name, log)| (name.as_str(), log))
    }

    /// The apply that won the product's next release and has not finished it.
    pub fn winner(&self, product: &str) -> Option<&InFlight> {
        self.product(product)?.in_flight.as_ref()
    }

    /// Whether an apply may write its applying entry now.
    ///
    /// # Errors
    /// When it would lose, with the way out.
    pub fn may_apply(&self, intent: Intent<'_>, now: Timestamp) -> Result<Next, Refusal> {
        let nothing = ProductLog::default();
        let product = self.product(intent.product).unwrap_or(&nothing);
        product.may_apply(intent.apply, intent.version, intent.builds_on, now)
    }

    /// Where an apply stands, by the log as far as it was read. An apply asks this after its applying entry and again
    /// before each step.
    pub fn standing(&self, intent: Intent<'_>) -> Standing {
        let Some(product) = self.product(intent.product) else { return Standing::Unread };
        let ours = |in_flight: &InFlight| {
            in_flight.applying.apply == intent.apply && in_flight.applying.version == intent.version.to_string()
        };
        if product.release(intent.version).is_some_and(|release| release.released.apply == intent.apply) {
            Standing::Released
        } else if product.in_flight.as_ref().is_some_and(ours) {
            Standing::Won
        } else if let Some(refusal) = product.lost.get(intent.apply) {
            Standing::Lost(refusal.clone())
        } else if product.last_id() != intent.builds_on {
            Standing::Lost(product.stale())
        } else {
            Standing::Unread
        }
    }
}

impl ProductLog {
    /// Every release that counts, in order.
    pub fn releases(&self) -> &[ReleaseState] {
        &self.releases
    }

    /// The last release: what the next one builds on.
    pub fn last(&self) -> Option<&ReleaseState> {
        self.releases.last()
    }

    /// The release of a version.
    pub fn release(&self, version: &Version) -> Option<&ReleaseState> {
        self.releases.iter().find(|release| release.version == *version)
    }

    /// The last release of a major.
    pub fn current(&self, major: u64) -> Option<&ReleaseState> {
        self.release(&self.majors.get(&major)?.current)
    }

    /// The majors that were ever released, lowest first.
    pub fn majors(&self) -> &BTreeMap<u64, MajorState> {
        &self.majors
    }

    /// The apply that won the next release and has not finished it.
    pub fn in_flight(&self) -> Option<&InFlight> {
        self.in_flight.as_ref()
    }

    /// The open proposals, by the id of their entry, oldest first.
    pub fn proposals(&self) -> &BTreeMap<String, Proposal> {
        &self.proposals
    }

    /// Every refusal that was overridden, in order.
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }

    fn last_id(&self) -> Option<&str> {
        self.last().map(|release| release.id.as_str())
    }

    fn stale(&self) -> Refusal {
        Refusal::Stale { last: self.last().map(|release| release.version.clone()) }
    }

    fn may_apply(
        &self,
        apply: &str,
        version: &Version,
        builds_on: Option<&str>,
        now: Timestamp,
    ) -> Result<Next, Refusal> {
        if self.release(version).is_some() {
            return Err(Refusal::AlreadyReleased(version.clone()));
        }
        if builds_on != self.last_id() {
            return Err(self.stale());
        }
        if let Some(InFlight { by, applying, .. }) = &self.in_flight
            && applying.apply != apply
            && now < applying.lease
        {
            let (by, version) = (by.name.clone(), applying.version.clone());
            return Err(Refusal::InFlight { by, version, lease: applying.lease });
        }
        self.next(version)
    }

    fn next(&self, version: &Version) -> Result<Next, Refusal> {
        match (self.majors.get(&version.major), self.majors.last_key_value()) {
            (Some(state), _) if state.lifecycle == Lifecycle::Retired => {
                Err(Refusal::Retired { major: version.major, successor: state.successor.clone() })
            }
            (Some(MajorState { current, .. }), _) if version.cmp_precedence(current).is_le() => {
                Err(Refusal::NotHigher { wanted: version.clone(), current: current.clone() })
            }
            (Some(state), _) => Ok(Next::Version { after: state.current.clone() }),
            (None, None) => Ok(Next::First),
            (None, Some((highest, _))) if version.major < *highest => {
                Err(Refusal::MajorTooLow { wanted: version.major, highest: *highest })
            }
            (None, Some(_)) => Ok(Next::NewMajor { beside: self.majors.keys().copied().collect() }),
        }
    }

    fn take(&mut self, offset: i64, change: Change) -> Effect {
        let Change { id, at, by, what, .. } = change;
        match what {
            What::Proposed(proposed) => {
                self.proposals.insert(id, Proposal { at, by, proposed });
                Effect::Taken
            }
            What::Withdrawn(withdrawn) => match self.proposals.remove(&withdrawn.proposal) {
                Some(_) => Effect::Taken,
                None => Effect::Pointless,
            },
            What::Applying(applying) => self.take_applying(at, by, applying),
            What::Released(released) => self.take_released(offset, id, at, by, released),
            What::Overridden(overridden) => {
                self.overrides.push(Override { id, at, by, overridden });
                Effect::Taken
            }
            What::Deprecated(Deprecated { major, deprecation }) => self.change_major(major, id, at, |state| {
                if state.lifecycle != Lifecycle::Retired {
                    state.lifecycle = match &deprecation {
                        Some(_) => Lifecycle::Deprecated,
                        None => Lifecycle::Active,
                    };
                }
                state.deprecation = deprecation;
            }),
            What::Retired(Retired { major, successor, .. }) => self.change_major(major, id, at, |state| {
                state.lifecycle = Lifecycle::Retired;
                state.successor = successor;
            }),
        }
    }

    fn take_applying(&mut self, at: Timestamp, by: Actor, applying: Applying) -> Effect {
        let Some(version) = parse_version(&applying.version) else {
            return self.lose(applying.apply, Refusal::NotAVersion(applying.version));
        };
        if let Err(refusal) = self.may_apply(&applying.apply, &version, applying.builds_on.as_deref(), at) {
            return self.lose(applying.apply, refusal);
        }
        self.lost.remove(&applying.apply);
        let took_over = match self.in_flight.take() {
            Some(before) if before.applying.apply != applying.apply => {
                let refusal = Refusal::TakenOver { by: by.name.clone() };
                self.lost.insert(before.applying.apply.clone(), refusal);
                Some(before.applying.apply)
            }
            Some(before) => before.took_over,
            None => None,
        };
        self.in_flight = Some(InFlight { by, applying, took_over });
        Effect::Taken
    }

    fn take_released(&mut self, offset: i64, id: String, at: Timestamp, by: Actor, released: Released) -> Effect {
        let won = self.in_flight.as_ref().is_some_and(|InFlight { applying, .. }| {
            applying.apply == released.apply
                && applying.version == released.release.version
                && applying.document_hash == released.release.document_hash
                && self.last_id() == released.builds_on.as_deref()
        });
        let Some(version) = parse_version(&released.release.version).filter(|_| won) else {
            let refusal = self.lost.get(&released.apply).cloned().unwrap_or(Refusal::NeverWon);
            return Effect::Lost(refusal);
        };
        self.in_flight = None;
        self.lost.clear();
        if let Some(proposal) = &released.proposal {
            self.proposals.remove(proposal);
        }
        let topic = released.release.topic.clone();
        let state = self.majors.entry(version.major).or_insert_with(|| MajorState {
            current: version.clone(),
            topic: String::new(),
            lifecycle: Lifecycle::Active,
            deprecation: None,
            successor: None,
            change: String::new(),
            at,
        });
        (state.current, state.topic) = (version.clone(), topic);
        (state.change, state.at) = (id.clone(), at);
        self.releases.push(ReleaseState { id, offset, at, by, version, released });
        Effect::Taken
    }

    fn lose(&mut self, apply: String, refusal: Refusal) -> Effect {
        let winning = self.in_flight.as_ref().is_some_and(|in_flight| in_flight.applying.apply == apply);
        if !winning {
            self.lost.entry(apply).or_insert_with(|| refusal.clone());
        }
        Effect::Lost(refusal)
    }

    fn change_major(&mut self, major: u32, id: String, at: Timestamp, change: impl FnOnce(&mut MajorState)) -> Effect {
        match self.majors.get_mut(&major.into()) {
            Some(state) => {
                change(state);
                (state.change, state.at) = (id, at);
                Effect::Taken
            }
            None => Effect::Pointless,
        }
    }
}

/// A version as the feeds carry it; their major is a u32.
fn parse_version(text: &str) -> Option<Version> {
    let version: Version = text.parse().ok()?;
    u32::try_from(version.major).ok().map(|_| version)
}

#[cfg(test)]
mod tests;
