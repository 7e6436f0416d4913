//! Which product's which major version a caller means.

use crate::product::{Product, Serving, Snapshot, State};
use std::sync::Arc;
use tidegate_contracts::contract::KeyForm;

/// A product that can be served.
#[derive(Debug, Clone)]
pub struct Target(Arc<Product>);

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// No contract file of this sidecar is about such a product.
    #[error("this sidecar serves no product `{name}`{}", hint(suggestion.as_deref()))]
    UnknownProduct {
        /// What the caller said.
        name: String,
        /// What they may have meant.
        suggestion: Option<String>,
    },
    /// The product has other major versions.
    #[error("`{product}` has no version {asked}; it has {}", list(.live))]
    UnknownVersion {
        /// The product.
        product: String,
        /// What the caller said.
        asked: u64,
        /// What there is.
        live: Vec<u64>,
    },
    /// Several major versions are live, and the caller has to choose.
    #[error("`{product}` is live in versions {}; say which one with ?version=", list(.live))]
    Ambiguous {
        /// The product.
        product: String,
        /// What there is.
        live: Vec<u64>,
    },
    /// It is not ready.
    #[error("`{product}` is not ready: {reason}")]
    NotReady {
        /// The product.
        product: String,
        /// Why, and the way out.
        reason: String,
    },
}

impl Target {
    /// Finds what a caller means. Without a version it is the only one that is ready: a new major that is not applied
    /// yet takes nothing from those who have not heard of it.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(snapshot: &Snapshot, name: &str, version: Option<u64>) -> Result<Self, NoTarget> {
        let Some(versions) = snapshot.get(name) else {
            return Err(NoTarget::UnknownProduct { name: name.to_owned(), suggestion: suggest(snapshot, name) });
        };
        let majors = |of: &mut dyn Iterator<Item = &Arc<Product>>| {
            let mut majors: Vec<u64> = of.map(|product| product.contract.major()).collect();
            majors.sort_unstable();
            majors
        };
        let ready = |product: &&Arc<Product>| matches!(product.state, State::Ready(_));
        let product = name.to_owned();
        let chosen = match version {
            Some(asked) => versions
                .iter()
                .find(|product| product.contract.major() == asked)
                .ok_or_else(|| NoTarget::UnknownVersion { product, asked, live: majors(&mut versions.iter()) })?,
            None => match versions.iter().filter(ready).collect::<Vec<_>>().as_slice() {
                [one] => one,
                // None is live: which one was meant is asked for when there is a choice.
                [] => versions
                    .iter()
                    .max_by_key(|product| product.contract.major())
                    .ok_or(NoTarget::UnknownProduct { name: product, suggestion: None })?,
                several => {
                    return Err(NoTarget::Ambiguous { product, live: majors(&mut several.iter().copied()) });
                }
            },
        };
        let not_ready =
            |reason: &str| Err(NoTarget::NotReady { product: chosen.contract.reference(), reason: reason.to_owned() });
        match &chosen.state {
            State::NotReady(reason) => not_ready(reason),
            State::Ready(serving)
                if serving.key_schema_id.is_none() && matches!(chosen.contract.key_form, KeyForm::Avro { .. }) =>
            {
                not_ready("the catalog has no id for its key schema: run `tidegate apply`")
            }
            State::Ready(_) => Ok(Self(Arc::clone(chosen))),
        }
    }

    /// The product.
    pub fn product(&self) -> &Arc<Product> {
        &self.0
    }

    /// What serving it takes.
    pub fn serving(&self) -> &Serving {
        match &self.0.state {
            State::Ready(serving) => serving,
            State::NotReady(_) => unreachable!("`find` makes a target of ready products only"),
        }
    }
}

fn suggest(snapshot: &Snapshot, name: &str) -> Option<String> {
    let near = snapshot.keys().map(|known| (strsim::jaro_winkler(known, name), known));
    let (_, best) = near.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(best.clone())
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn list(majors: &[u64]) -> String {
    majors.iter().map(u64::to_string).collect::<Vec<_>>().join(" and ")
}
