//! The mapping of DESIGN.md, sentence by sentence, and what stands around it.

mod avro_form;
mod captures;
mod hostile;
mod mapping;
mod numbers;
mod syntax;
mod violations;

use super::*;
use crate::violation::Clause;

/// A plan for a schema's text, without rules.
fn plan(schema: &str) -> Plan {
    plan_with(schema, &[], PlanOptions::default())
}

fn plan_with(schema: &str, rules: &[Rule], options: PlanOptions) -> Plan {
    let schema = Schema::parse(schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    Plan::compile(&schema, rules, options).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// A record of one field `a` of this type.
fn field(kind: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{kind}}}]}}"#)
}

fn run(plan: &Plan, json: impl AsRef<[u8]>) -> (Verdict, Vec<u8>, Outcome) {
    run_form(plan, json, JsonForm::Plain)
}

fn run_form(plan: &Plan, json: impl AsRef<[u8]>, form: JsonForm) -> (Verdict, Vec<u8>, Outcome) {
    let (mut out, mut outcome) = (b"before".to_vec(), Outcome::default());
    let verdict = plan.encode_json(json.as_ref(), form, &mut out, &mut outcome);
    let body = out.strip_prefix(b"before").expect("what stood in `out` stays").to_vec();
    if verdict == Verdict::Broken {
        assert!(body.is_empty(), "a broken event leaves no body");
    } else {
        let mut again = Outcome::default();
        assert_eq!(plan.check_avro(&body, &mut again), verdict, "what we encode, we accept: {:?}", again.violations);
        assert_eq!((&again.key, &again.event_id), (&outcome.key, &outcome.event_id));
        assert_eq!(clauses(&again), clauses(&outcome));
    }
    (verdict, body, outcome)
}

/// `path clause`, for each violation listed.
fn clauses(outcome: &Outcome) -> Vec<String> {
    let mut found: Vec<_> =
        outcome.violations.listed.iter().map(|found| format!("{} {}", found.path, found.clause)).collect();
    found.sort();
    found
}

/// The body that a value has, or the clause it breaks.
#[track_caller]
fn check(plan: &Plan, json: impl AsRef<[u8]>, expected: Result<&[u8], Clause>) {
    let text = String::from_utf8_lossy(json.as_ref()).into_owned();
    let (verdict, body, outcome) = run(plan, json);
    match expected {
        Ok(bytes) => {
            assert_eq!(verdict, Verdict::Sound, "{text}: {:?}", outcome.violations);
            assert_eq!(body, bytes, "{text}");
            assert!(outcome.violations.is_empty());
        }
        Err(clause) => {
            assert_ne!(verdict, Verdict::Sound, "{text}");
            let found: Vec<_> = outcome.violations.listed.iter().map(|found| found.clause).collect();
            assert_eq!(found, [clause], "{text}");
        }
    }
}
