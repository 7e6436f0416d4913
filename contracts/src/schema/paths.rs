//! Paths through a schema.

use super::{Kind, Resolved, Schema, TypeId};
use crate::path::{FieldPath, Step};
use std::collections::HashSet;

/// A schema of more paths is refused; types that share types can make them grow exponentially.
pub(super) const MAX: usize = 20_000;

pub(super) fn resolve(schema: &Schema, steps: &[Step]) -> Option<Resolved> {
    Finder { schema, failed: HashSet::new() }.find(schema.root(), steps)
}

struct Finder<'a> {
    schema: &'a Schema,
    /// Unions that were tried in vain, each with how many steps were left: without it, recursive ones would be tried
    /// again and again.
    failed: HashSet<(TypeId, usize)>,
}

impl Finder<'_> {
    fn find(&mut self, id: TypeId, steps: &[Step]) -> Option<Resolved> {
        let schema = self.schema;
        if let Kind::Union(branches) = &schema.get(id).kind {
            let nullable = branches.iter().any(|branch| schema.get(*branch).kind == Kind::Null);
            let others = branches.len() - usize::from(nullable);
            if others != 1 && steps.is_empty() {
                return Some(Resolved { type_id: id, nullable });
            }
            if self.failed.contains(&(id, steps.len())) {
                return None;
            }
            // What stands in only one of several branches may be absent.
            let absent = nullable || others > 1;
            let mut branches = branches.iter().filter(|branch| schema.get(**branch).kind != Kind::Null);
            let found = branches.find_map(|branch| self.find(*branch, steps));
            if found.is_none() {
                self.failed.insert((id, steps.len()));
            }
            return found.map(|found| Resolved { nullable: found.nullable || absent, ..found });
        }
        let Some((step, rest)) = steps.split_first() else { return Some(Resolved { type_id: id, nullable: false }) };
        match (step, &schema.get(id).kind) {
            (Step::Field(name), Kind::Record(record)) => {
                let field = record.fields.iter().find(|field| field.name == *name)?;
                self.find(field.type_id, rest)
            }
            (Step::Items, Kind::Array(items)) => self.find(*items, rest),
            (Step::Values, Kind::Map(values)) => self.find(*values, rest),
            _ => None,
        }
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
