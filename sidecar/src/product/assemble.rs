//! From contracts and the catalog to what can be served. Pure, so that a reload can be decided before it happens.

use super::{Product, Serving, Snapshot, State};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use tidegate_contracts::{
    catalog::Catalog,
    contract::{Contract, TopicsMode},
    feed::catalog::{Lifecycle, Release, document_hash},
    plan::Limits,
    schema::Schema,
};
use tidegate_topics::producer::Unwritable;

/// What is known of the domain's catalog.
#[derive(Debug, Clone, Copy)]
pub enum Known<'c> {
    /// It has not been read to its end yet, and why.
    NotYet(&'c str),
    /// It has.
    Read(&'c Catalog),
}

/// The products of these contracts, as the catalog lets them be served. What has not changed since `before` is taken from
/// there.
pub fn assemble(contracts: &[Arc<Contract>], known: Known<'_>, limits: Limits, before: &Snapshot) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for contract in contracts {
        let majors = snapshot.entry(contract.product.clone()).or_default();
        let before = before.get(&contract.product).into_iter().flatten();
        let before = before.map(Arc::as_ref).find(|product| Arc::ptr_eq(&product.contract, contract));
        majors.push(Arc::new(product(contract, known, limits, before)));
    }
    snapshot
}

/// The products that could be served and could not after this, each with the reason: if there are any, the running
/// ones had better stay in force.
pub fn losses(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let ready = before.values().flatten().filter(|product| matches!(product.state, State::Ready(_)));
    let loss = |product: &Arc<Product>| {
        let major = product.contract.major();
        let after = after.get(&product.contract.product)?.iter().find(|after| after.contract.major() == major)?;
        match &after.state {
            State::Ready(_) => None,
            State::NotReady(reason) => Some(format!("{}: {reason}", product.contract.stem())),
        }
    };
    let mut losses: Vec<String> = ready.filter_map(loss).collect();
    losses.sort();
    losses
}

/// Takes out of service what has no topic to go to; everything as long as nobody has looked.
pub fn withhold(snapshot: &mut Snapshot, unwritable: Option<&BTreeMap<String, Unwritable>>) {
    for product in snapshot.values_mut().flatten() {
        let contract = &product.contract;
        let topic = &contract.topic;
        let why = match (unwritable.map(|unwritable| unwritable.get(topic)), contract.topics) {
            (None, _) => format!("the topic {topic} has not been looked at yet"),
            (Some(None), _) => continue,
            (Some(Some(Unwritable::Missing)), TopicsMode::Managed) => {
                format!("the topic {topic} does not exist; run `tidegate apply`")
            }
            (Some(Some(Unwritable::Missing)), TopicsMode::External) => format!(
                "the topic {topic} does not exist; it is managed elsewhere (`tidegate.topics: external`), and has to be \
                 made there"
            ),
            (Some(Some(Unwritable::Denied(why))), _) => why.clone(),
        };
        if let State::Ready(_) = product.state {
            *product = Arc::new(Product { contract: contract.clone(), state: State::NotReady(why) });
        }
    }
}

fn product(contract: &Arc<Contract>, known: Known<'_>, limits: Limits, before: Option<&Product>) -> Product {
    let before = before.and_then(|product| match &product.state {
        State::Ready(serving) => Some(serving),
        State::NotReady(_) => None,
    });
    let state = match known {
        Known::NotYet(why) => Err(format!("the domain's catalog could not be read yet: {why}")),
        Known::Read(catalog) => serving(contract, catalog, limits, before),
    };
    Product { contract: contract.clone(), state: state.map_or_else(State::NotReady, State::Ready) }
}

fn serving(
    contract: &Contract,
    catalog: &Catalog,
    limits: Limits,
    before: Option<&Serving>,
) -> Result<Serving, String> {
    let (product, major) = (contract.product.as_str(), contract.major());
    let state = catalog.major(product, major);
    if let Some(state) = state.filter(|state| state.lifecycle == Lifecycle::Retired) {
        let successor = state.successor.as_ref().map_or_else(String::new, |other| format!(" in favour of {other}"));
        return Err(format!("{} is retired{successor}", contract.stem()));
    }
    let release = catalog.release(product, &contract.version).ok_or_else(|| match state {
        Some(state) => {
            let reference = contract.reference();
            format!("{reference} is not released, {} is the last one that was; run `tidegate apply`", state.current)
        }
        None => format!("{} is not released; run `tidegate apply`", contract.reference()),
    })?;
    if let Some(difference) = difference(release, contract) {
        let version = &contract.version;
        return Err(format!(
            "the file differs from the released {version} ({difference}); raise the version and run `tidegate apply`"
        ));
    }
    let compile = |schema: &Schema| {
        let plan = contract.plan_for(schema, limits).map(Arc::new);
        plan.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    };
    let plan = match before {
        Some(before) => before.plan.clone(),
        None => compile(&contract.schema)?,
    };
    let mut writers = HashMap::new();
    for (version, other) in catalog.releases(product, major).filter(|(_, other)| other.value.id != release.value.id) {
        let plan = match before.and_then(|before| before.writers.get(&other.value.id)) {
            Some(plan) => Ok(plan.clone()),
            None => Schema::parse(&other.value.text).map_err(|error| error.to_string()).and_then(|of| compile(&of)),
        };
        match plan {
            Ok(plan) => drop(writers.insert(other.value.id, plan)),
            // Only pre-encoded events of that old version miss it, and they are told so one by one.
            Err(reason) => {
                tracing::warn!(product, %version, reason, "events encoded with this version's schema cannot be checked");
            }
        }
    }
    Ok(Serving { schema_id: release.value.id, key_schema_id: release.key.as_ref().map(|key| key.id), plan, writers })
}

/// The first thing in which a contract is not what was released under its version, if there is any. The resolved
/// document counts, not the file's text: comments, order and spelt-out defaults are no difference.
pub fn difference(release: &Release, contract: &Contract) -> Option<String> {
    if release.value.text != contract.schema.text() {
        return Some("the Avro schema".to_owned());
    }
    if release.topic != contract.topic {
        return Some(format!("the topic, which was {}", release.topic));
    }
    if release.document_hash == document_hash(contract) {
        return None;
    }
    let released: serde_json::Value = match serde_json::from_str(&release.document) {
        Ok(document) => document,
        Err(_) => return Some("the document".to_owned()),
    };
    Some(first_difference(&released, &contract.document, String::new()).unwrap_or_else(|| "the document".to_owned()))
}

/// The path to the first place where two documents differ. Lists of named things are compared by name.
fn first_difference(before: &Value, after: &Value, path: String) -> Option<String> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            keys.into_iter().find_map(|key| match (before.get(key), after.get(key)) {
                (Some(before), Some(after)) => first_difference(before, after, below(key)),
                _ => Some(below(key)),
            })
        }
        (Value::Array(before), Value::Array(after)) => {
            let name = |item: &Value, at: usize| {
                let name = ["name", "property"].iter().find_map(|key| item.get(key)?.as_str());
                name.map_or_else(|| at.to_string(), str::to_owned)
            };
            let longest = before.len().max(after.len());
            (0..longest).find_map(|at| match (before.get(at), after.get(at)) {
                (Some(one), Some(other)) if name(one, at) == name(other, at) => {
                    first_difference(one, other, format!("{path}[{}]", name(one, at)))
                }
                (one, other) => one.or(other).map(|item| format!("{path}[{}]", name(item, at))),
            })
        }
        (before, after) => (before != after).then_some(path),
    }
}
