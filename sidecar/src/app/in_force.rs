//! Which contracts are in force: those of the start until files that can take their place have been read.

use crate::product::{Contracts, Known, Snapshot, assemble, losses, withhold};
use std::collections::BTreeMap;
use tidegate_contracts::{catalog::Catalog, feed::catalog::CatalogEntry, plan::Limits};
use tidegate_topics::producer::Unwritable;

/// What is heard of the catalog and of the topics.
#[derive(Debug)]
pub(super) enum News {
    /// A record; none in its place is a tombstone.
    Record(String, Option<Box<CatalogEntry>>),
    /// All that was there at first has been told.
    Complete,
    /// It cannot be read, and is being tried again.
    Trouble(String),
    /// These of the products' topics cannot be written to, and the others can.
    Unwritable(BTreeMap<String, Unwritable>),
}

/// The contracts in force, those that wait to be, and the catalog as far as it is known. Pure: files and the catalog
/// come in, a snapshot comes out.
#[derive(Debug)]
pub(super) struct InForce {
    limits: Limits,
    contracts: Contracts,
    /// Files that were read well and are not in force yet, since a running product would not be ready with them.
    waiting: Option<Contracts>,
    /// Why the files of now cannot be read, if they cannot.
    broken: Option<String>,
    catalog: Catalog,
    /// Why the catalog counts for nothing, until it has been read to its end once. From then on it counts, whatever
    /// becomes of Kafka: it only ever grows.
    unread: Option<String>,
    /// Topics that cannot be written to; none before they were looked at for the first time.
    unwritable: Option<BTreeMap<String, Unwritable>>,
}

/// What is to be put in force.
#[derive(Debug)]
pub(super) struct Decision {
    /// The products.
    pub(super) snapshot: Snapshot,
    /// Why the files of now are not in force, if they are not.
    pub(super) held: Option<String>,
}

impl InForce {
    /// The contracts of the start, before anything is known of the catalog; `why` says so.
    pub(super) fn new(domain: &str, contracts: Contracts, limits: Limits, why: &str) -> Self {
        let (catalog, unread) = (Catalog::new(domain), Some(why.to_owned()));
        Self { limits, contracts, waiting: None, broken: None, catalog, unread, unwritable: None }
    }

    /// The files were read again: all of them, or why not.
    pub(super) fn files(&mut self, read: Result<Contracts, String>) {
        match read {
            Ok(contracts) => {
                let contracts = self.keep_unchanged(contracts);
                (self.waiting, self.broken) = (Some(contracts), None);
            }
            // What was waiting is not what the files say any more.
            Err(reason) => (self.waiting, self.broken) = (None, Some(reason)),
        }
    }

    /// Something is heard of the catalog.
    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Record(key, entry) => drop(self.catalog.take(&key, entry.map(|entry| *entry))),
            News::Complete => self.unread = None,
            News::Trouble(why) => self.unread = self.unread.take().and(Some(why)),
            News::Unwritable(topics) => self.unwritable = Some(topics),
        }
    }

    /// What is to be in force now, after what is.
    pub(super) fn decide(&mut self, before: &Snapshot) -> Decision {
        let known = self.unread.as_ref().map_or(Known::Read(&self.catalog), |why| Known::NotYet(why));
        let mut held = self.broken.as_ref().map(|reason| format!("the files of now are not in force: {reason}"));
        let assemble = |of: &Contracts| assemble(&of.contracts, known, self.limits, before);
        let mut snapshot = None;
        if let Some(waiting) = &self.waiting {
            let of_waiting = assemble(waiting);
            let losses = losses(before, &of_waiting);
            if losses.is_empty() {
                snapshot = Some(of_waiting);
            } else {
                held = Some(format!("the files of now wait until each product is released: {}", losses.join("; ")));
            }
        }
        let taken_up = snapshot.is_some();
        let mut snapshot = snapshot.unwrap_or_else(|| assemble(&self.contracts));
        if taken_up {
            self.contracts = self.waiting.take().unwrap_or_default();
        }
        withhold(&mut snapshot, self.unwritable.as_ref());
        Decision { snapshot, held }
    }

    /// Takes the contract in force for each that says the same, so that its compiled plans are kept.
    fn keep_unchanged(&self, mut read: Contracts) -> Contracts {
        for contract in &mut read.contracts {
            let same = self.contracts.contracts.iter().find(|old| {
                old.reference() == contract.reference()
                    && old.schema.text() == contract.schema.text()
                    && old.document == contract.document
            });
            if let Some(same) = same {
                *contract = same.clone();
            }
        }
        read
    }
}

#[cfg(test)]
mod tests;
