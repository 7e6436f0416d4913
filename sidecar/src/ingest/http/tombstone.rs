//! The key of a tombstone: the text itself where the contract's key is one string, else JSON for the key's schema, such as
//! `42` or `{"tenant":"a","number":7}`.

use super::problems;
use crate::problem::Problem;
use tidegate_contracts::{
    contract::{Cleanup, Contract, KeyForm},
    plan::{JsonForm, Limits, Outcome, Plan, PlanOptions, Verdict},
    schema::Schema,
    violation::Violations,
};

/// The record key, frame and all.
pub(super) fn key(contract: &Contract, key_schema_id: Option<u32>, text: Option<&str>) -> Result<Vec<u8>, Problem> {
    if contract.cleanup != Cleanup::Compact {
        return Err(problems::not_compacted(&contract.reference()));
    }
    let text = text.filter(|text| !text.is_empty()).ok_or_else(problems::no_key)?;
    match (&contract.key_form, key_schema_id) {
        (KeyForm::Text, _) => Ok(text.as_bytes().to_vec()),
        (KeyForm::Avro { schema, .. }, Some(id)) => {
            let mut key = vec![0];
            key.extend_from_slice(&id.to_be_bytes());
            encode(contract, schema, text, &mut key).map_err(|violations| problems::bad_key(&violations))?;
            Ok(key)
        }
        (KeyForm::Avro { .. } | KeyForm::None, _) => Err(problems::not_compacted(&contract.reference())),
    }
}

/// Encodes by the key's own schema, compiled for this one key: tombstones are rare.
fn encode(contract: &Contract, schema: &str, text: &str, key: &mut Vec<u8>) -> Result<(), Violations> {
    let options = PlanOptions {
        key: Vec::new(),
        event_id: None,
        reject_undeclared: true,
        bytes_encoding: contract.bytes_encoding,
        limits: Limits::default(),
    };
    // The schema was compiled from the contract, and registered by `apply`.
    let plan = Schema::parse(schema).ok().and_then(|schema| Plan::compile(&schema, &[], options).ok());
    let mut outcome = Outcome::default();
    match plan.map(|plan| plan.encode_json(text.as_bytes(), JsonForm::Plain, key, &mut outcome)) {
        Some(Verdict::Sound) => Ok(()),
        _ => Err(outcome.violations),
    }
}
