//! The catalog as a reader knows it, and as the changes log says it should be.

use crate::{
    feed::{
        FeedRecord,
        catalog::{CatalogEntry, Entry, Major, Release},
    },
    release::{ProductLog, ReleaseLog},
};
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};

/// What a domain's catalog topic says: the last entry of each key.
#[derive(Debug, Clone)]
pub struct Catalog {
    domain: String,
    products: BTreeMap<String, Product>,
    /// Every key in force, with its product, so that a tombstone finds what it takes away.
    entries: BTreeMap<String, CatalogEntry>,
    skipped: Skipped,
}

/// What the catalog says about one product.
#[derive(Debug, Clone, Default)]
struct Product {
    releases: BTreeSet<Version>,
    majors: BTreeSet<u64>,
}

/// Entries that a reader met and that changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Another domain spoke, which it may not here.
    pub wrong_speaker: u64,
    /// The record's key is not its entry's.
    pub wrong_key: u64,
    /// The version is no semantic version.
    pub no_version: u64,
}

impl Catalog {
    /// An empty catalog of a domain.
    pub fn new(domain: impl Into<String>) -> Self {
        Self { domain: domain.into(), products: BTreeMap::new(), entries: BTreeMap::new(), skipped: Skipped::default() }
    }

    /// The domain whose catalog it is.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Takes the next record of the topic; `None` is a tombstone. Says whether anything changed.
    pub fn take(&mut self, key: &str, entry: Option<CatalogEntry>) -> bool {
        let Some(entry) = entry else { return self.forget(key) };
        if entry.domain != self.domain {
            self.skipped.wrong_speaker += 1;
            return false;
        }
        if entry.key() != key {
            self.skipped.wrong_key += 1;
            return false;
        }
        if self.entries.get(key) == Some(&entry) {
            return false;
        }
        let version = match &entry.what {
            Entry::Release(release) => match release.version.parse::<Version>() {
                Ok(version) => Some(version),
                Err(_) => {
                    self.skipped.no_version += 1;
                    return false;
                }
            },
            Entry::Major(_) => None,
        };
        let product = self.products.entry(entry.product.clone()).or_default();
        match (&entry.what, version) {
            (Entry::Major(major), _) => product.majors.insert(major.major.into()),
            (Entry::Release(_), Some(version)) => product.releases.insert(version),
            (Entry::Release(_), None) => false,
        };
        self.entries.insert(key.to_owned(), entry);
        true
    }

    /// What was skipped so far.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Every entry in force, by key.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &CatalogEntry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    /// The products there are, by name.
    pub fn products(&self) -> impl Iterator<Item = &str> {
        self.products.keys().map(String::as_str)
    }

    /// The release of a version.
    pub fn release(&self, product: &str, version: &Version) -> Option<&Release> {
        match &self.entries.get(&format!("{product}@{version}"))?.what {
            Entry::Release(release) => Some(release),
            Entry::Major(_) => None,
        }
    }

    /// The releases of a major, lowest version first.
    pub fn releases(&self, product: &str, major: u64) -> impl Iterator<Item = (&Version, &Release)> {
        let versions = self.products.get(product).into_iter().flat_map(|known| &known.releases);
        versions
            .filter(move |version| version.major == major)
            .filter_map(move |version| Some((version, self.release(product, version)?)))
    }

    /// The state of a major.
    pub fn major(&self, product: &str, major: u64) -> Option<&Major> {
        match &self.entries.get(&format!("{product}.v{major}"))?.what {
            Entry::Major(state) => Some(state),
            Entry::Release(_) => None,
        }
    }

    /// The majors of a product, lowest first.
    pub fn majors(&self, product: &str) -> impl Iterator<Item = &Major> {
        let majors = self.products.get(product).into_iter().flat_map(|known| &known.majors);
        majors.filter_map(move |major| self.major(product, *major))
    }

    /// The releases whose value schema has this id: several, when versions differ in more than their schema, or when
    /// products share one.
    pub fn by_schema_id(&self, id: u32) -> impl Iterator<Item = (&str, &Release)> {
        self.entries.values().filter_map(move |entry| match &entry.what {
            Entry::Release(release) if release.value.id == id => Some((entry.product.as_str(), release)),
            _ => None,
        })
    }

    fn forget(&mut self, key: &str) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        if let Some(product) = self.products.get_mut(&entry.product) {
            match &entry.what {
                Entry::Major(major) => product.majors.remove(&major.major.into()),
                Entry::Release(release) => {
                    release.version.parse().is_ok_and(|version| product.releases.remove(&version))
                }
            };
            if product.majors.is_empty() && product.releases.is_empty() {
                self.products.remove(&entry.product);
            }
        }
        true
    }
}

/// Every entry that the catalog should hold, by the log: first the releases, then the majors, so that a reader who
/// learns of a current version already has it.
pub fn derive(log: &ReleaseLog) -> Vec<CatalogEntry> {
    let entries = |of: fn(&ProductLog) -> Vec<(crate::timestamp::Timestamp, String, Entry)>| {
        log.products().flat_map(move |(product, state)| {
            of(state).into_iter().map(move |(at, change, what)| CatalogEntry {
                domain: log.domain().to_owned(),
                product: product.to_owned(),
                at,
                change,
                what,
            })
        })
    };
    let releases = |state: &ProductLog| {
        let releases = state.releases().iter();
        releases.map(|of| (of.at, of.id.clone(), Entry::Release(of.released.release.clone()))).collect()
    };
    let majors = |state: &ProductLog| {
        let majors = state.majors().iter();
        majors
            .map(|(major, of)| {
                let state = Major {
                    // The log takes no version whose major is larger.
                    major: u32::try_from(*major).unwrap_or(u32::MAX),
                    topic: of.topic.clone(),
                    current: of.current.to_string(),
                    lifecycle: of.lifecycle,
                    deprecation: of.deprecation.clone(),
                    successor: of.successor.clone(),
                };
                (of.at, of.change.clone(), Entry::Major(state))
            })
            .collect()
    };
    entries(releases).chain(entries(majors)).collect()
}

/// The entries that have to be written for the catalog to say what the log does.
pub fn missing(log: &ReleaseLog, catalog: &Catalog) -> Vec<CatalogEntry> {
    derive(log).into_iter().filter(|entry| catalog.entries.get(&entry.key()) != Some(entry)).collect()
}

#[cfg(test)]
mod tests;
