//! Paths through a schema.

use super::{Kind, Resolved, Schema, TypeId};
use crate::path::{FieldPath, Step};
use std::collections::HashSet;

/// A schema of more paths is refused; types that share types can make them grow exponentially.
pub(super) const MAX: usize = 20_000;

pub(super) fn resolve(schema: &Schema, steps: &[Step]) -> Option<Resolved> {
    find(schema, schema.root(), steps)
}

fn find(schema: &Schema, id: TypeId, steps: &[Step]) -> Option<Resolved> {
    if let Kind::Union(branches) = &schema.get(id).kind {
        let nullable = branches.iter().any(|branch| schema.get(*branch).kind == Kind::Null);
        let mut others = branches.iter().filter(|branch| schema.get(**branch).kind != Kind::Null);
        return match (branches.len() - usize::from(nullable), steps) {
            (1, _) => others.find_map(|branch| find(schema, *branch, steps)).map(|found| found.or_nullable(nullable)),
            (0, _) | (_, []) => steps.is_empty().then_some(Resolved { type_id: id, nullable }),
            _ => others.find_map(|branch| find(schema, *branch, steps)).map(|found| found.or_nullable(true)),
        };
    }
    let Some((step, rest)) = steps.split_first() else { return Some(Resolved { type_id: id, nullable: false }) };
    match (step, &schema.get(id).kind) {
        (Step::Field(name), Kind::Record(record)) => {
            let field = record.fields.iter().find(|field| field.name == *name)?;
            find(schema, field.type_id, rest)
        }
        (Step::Items, Kind::Array(items)) => find(schema, *items, rest),
        (Step::Values, Kind::Map(values)) => find(schema, *values, rest),
        _ => None,
    }
}

impl Resolved {
    fn or_nullable(self, nullable: bool) -> Self {
        Self { nullable: self.nullable || nullable, ..self }
    }
}

/// Every path, or nothing when there are more than [`MAX`].
pub(super) fn all(schema: &Schema) -> Option<Vec<(FieldPath, TypeId)>> {
    let (inside, seen) = (Vec::new(), HashSet::new());
    let mut lister = Lister { schema, path: Vec::new(), inside, steps: 0, seen, found: Vec::new() };
    lister.descend(schema.root()).then_some(lister.found)
}

struct Lister<'a> {
    schema: &'a Schema,
    path: Vec<Step>,
    /// The named types that the current path goes through.
    inside: Vec<TypeId>,
    /// How many were taken, so that repeated paths are bounded too.
    steps: usize,
    /// Two branches of a union may both have a path; the first one counts.
    seen: HashSet<FieldPath>,
    found: Vec<(FieldPath, TypeId)>,
}

impl Lister<'_> {
    /// Lists what is below a type; says whether there was room for all.
    fn descend(&mut self, id: TypeId) -> bool {
        if self.inside.contains(&id) {
            return true;
        }
        let schema = self.schema;
        let kind = &schema.get(id).kind;
        if kind.is_named() {
            self.inside.push(id);
        }
        let fits = match kind {
            Kind::Record(record) => {
                record.fields.iter().all(|field| self.step(Step::Field(field.name.clone()), field.type_id))
            }
            Kind::Array(items) => self.step(Step::Items, *items),
            Kind::Map(values) => self.step(Step::Values, *values),
            Kind::Union(branches) => branches.iter().all(|branch| self.descend(*branch)),
            _ => true,
        };
        if kind.is_named() {
            self.inside.pop();
        }
        fits
    }

    fn step(&mut self, step: Step, id: TypeId) -> bool {
        self.steps += 1;
        if self.steps > MAX {
            return false;
        }
        self.path.push(step);
        let path = FieldPath::new(self.path.clone());
        if self.seen.insert(path.clone())
            && let Some(resolved) = resolve(self.schema, path.steps())
        {
            self.found.push((path, resolved.type_id));
        }
        let fits = self.descend(id);
        self.path.pop();
        fits
    }
}
