//! What we encode, apache-avro decodes to the same value.

use crate::generate::{Entropy, sample, schema};
use apache_avro::{reader::datum::GenericDatumReader, types::Value, writer::datum::GenericDatumWriter};
use proptest::prelude::*;
use tidegate_contracts::{
    plan::{BytesEncoding, JsonForm, Outcome, Plan, PlanOptions, Verdict, ambiguous_unions},
    schema::Schema,
};

proptest! {
    #![proptest_config(crate::cases(600))]

    /// Also: where [`ambiguous_unions`] names nothing, the value alone decides the branch.
    #[test]
    fn what_we_encode_apache_avro_decodes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut entropy = Entropy(&bytes);
        let text = schema(&mut entropy);
        let ours = Schema::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let theirs = apache_avro::Schema::parse_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let reader = GenericDatumReader::builder(&theirs).build().unwrap();
        let writer = GenericDatumWriter::builder(&theirs).build().unwrap();
        let plan = Plan::compile(&ours, &[], crate::roomy()).unwrap();
        let (mut outcome, mut again) = (Outcome::default(), Outcome::default());
        for _ in 0..3 {
            let sample = sample(&ours, &mut entropy);
            let decided = ambiguous_unions(&ours, BytesEncoding::Base64).is_empty();
            let plain = decided.then_some((&sample.plain, JsonForm::Plain));
            for (json, form) in plain.into_iter().chain([(&sample.tagged, JsonForm::Avro)]) {
                let mut body = Vec::new();
                let verdict = plan.encode_json(json.as_bytes(), form, &mut body, &mut outcome);
                prop_assert_eq!(verdict, Verdict::Sound, "{} of {}: {:?}", json, text, outcome.violations);
                let decoded = reader.read_value(&mut &body[..]);
                prop_assert_eq!(decoded.as_ref().ok(), Some(&sample.value), "{} of {}", json, text);
                prop_assert_eq!(plan.check_avro(&body, &mut again), Verdict::Sound, "{} of {}", json, text);
                // The other way round: byte for byte, where their maps leave no choice of order.
                if !has_long_map(&sample.value) {
                    let encoded = writer.write_value_to_vec(sample.value.clone()).unwrap();
                    prop_assert_eq!(encoded, body, "{} of {}", json, text);
                }
            }
        }
    }

    #[test]
    fn schemas_are_read_as_apache_avro_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = schema(&mut Entropy(&bytes));
        let ours = Schema::parse(&text).unwrap();
        let whole = Schema::parse(&ours.text_of(ours.root())).unwrap();
        prop_assert_eq!(&whole.canonical_form(), &ours.canonical_form());
        for (path, id) in ours.paths() {
            prop_assert_eq!(ours.resolve(&path).map(|found| found.type_id), Some(id), "{}", path);
            let alone = ours.text_of(id);
            prop_assert!(apache_avro::Schema::parse_str(&alone).is_ok(), "{} of {}", alone, text);
            prop_assert!(Schema::parse(&alone).is_ok(), "{} of {}", alone, text);
        }
        // Their canonical form keeps something of logical types, against the specification.
        let mut plain: serde_json::Value = serde_json::from_str(&text).unwrap();
        forget_logical_types(&mut plain);
        let theirs = apache_avro::Schema::parse_str(&plain.to_string()).unwrap().canonical_form();
        prop_assert_eq!(ours.canonical_form(), theirs);
    }

    /// A schema that someone broke is refused or read, and nothing else.
    #[test]
    fn broken_schemas_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut text = schema(&mut Entropy(&bytes));
        for (from, to, with) in cuts {
            let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
            let range = from.min(to)..from.max(to).min(from.min(to) + 12);
            if text.is_char_boundary(range.start) && text.is_char_boundary(range.end) {
                text.replace_range(range, ["", "\"", "1", "null", "[", "}", ",", "\"R0\"", "\"record\""][usize::from(with) % 9]);
            }
        }
        if let Ok(schema) = Schema::parse(&text) {
            let _ = (schema.paths(), schema.fingerprint(), schema.text_of(schema.root()), Schema::parse(schema.text()).unwrap());
            Plan::compile(&schema, &[], PlanOptions::default()).unwrap();
        }
    }
}

fn forget_logical_types(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(object) => {
            object.retain(|key, _| !["logicalType", "precision", "scale"].contains(&key.as_str()));
            object.values_mut().for_each(forget_logical_types);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(forget_logical_types),
        _ => {}
    }
}

fn has_long_map(value: &Value) -> bool {
    match value {
        Value::Map(entries) => entries.len() > 1 || entries.values().any(has_long_map),
        Value::Array(items) => items.iter().any(has_long_map),
        Value::Record(fields) => fields.iter().any(|(_, value)| has_long_map(value)),
        Value::Union(_, value) => has_long_map(value),
        _ => false,
    }
}
