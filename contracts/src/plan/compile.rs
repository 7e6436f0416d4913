//! Schema, rules and captures → nodes.

use super::{
    EVENT_ID_TYPES, MAX_DEPTH, Plan, PlanOptions, PlanProblem,
    names::Names,
    node::{BranchPlan, Decimal, EnumPlan, FieldPlan, Node, NodeId, Op, RecordPlan, Shape, UnionPlan},
    rules::{self, Literals},
    temporal::Temporal,
};
use crate::{
    path::{FieldPath, Step},
    rule::{Check, Rule},
    schema::{Fixed, Kind, Logical, Record, Schema, TypeId, encode_default},
};
use std::collections::{BTreeMap, HashMap};

/// What is wanted at a place and below it.
#[derive(Debug, Default)]
struct Wanted {
    /// Positions in the rules.
    rules: Vec<usize>,
    /// Numbers of captures.
    captures: Vec<u32>,
    below: BTreeMap<Step, Wanted>,
}

impl Wanted {
    fn at(&mut self, path: &FieldPath) -> &mut Self {
        path.steps().iter().fold(self, |wanted, step| wanted.below.entry(step.clone()).or_default())
    }

    fn step(&self, step: &Step) -> Option<&Self> {
        self.below.get(step)
    }

    /// Captures here and below.
    fn all_captures(&self) -> Vec<u32> {
        let below = self.below.values().flat_map(Self::all_captures);
        self.captures.iter().copied().chain(below).collect()
    }
}

/// `literals` says what a value that the schema cannot express means in a rule.
pub(super) fn compile(
    schema: &Schema,
    rules: &[Rule],
    options: PlanOptions,
    literals: Literals,
) -> Result<Plan, Vec<PlanProblem>> {
    let mut wanted = Wanted::default();
    let mut problems = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        match schema.resolve(&rule.path) {
            Some(_) => wanted.at(&rule.path).rules.push(at),
            None => problems.push(PlanProblem { position: rule.position, ..unknown(schema, &rule.path) }),
        }
    }
    for (at, path) in options.key.iter().enumerate() {
        match check_key(schema, path) {
            Ok(()) => wanted.at(path).captures.push(at as u32),
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(path) = &options.event_id {
        match check_event_id(schema, path) {
            Ok(()) => wanted.at(path).captures.push(options.key.len() as u32),
            Err(problem) => problems.push(problem),
        }
    }
    let mut limits = options.limits;
    limits.depth = limits.depth.min(MAX_DEPTH);
    limits.bytes = limits.bytes.min(i32::MAX as usize);
    limits.items = limits.items.min(i32::MAX as u64);
    let plan = Plan {
        nodes: Vec::new(),
        records: Vec::new(),
        enums: Vec::new(),
        unions: Vec::new(),
        checks: Vec::new(),
        defaults: Vec::new(),
        root: 0,
        limits,
        bytes_encoding: options.bytes_encoding,
        reject_undeclared: options.reject_undeclared,
        key: Vec::new(),
        event_id: None,
    };
    let shared = HashMap::new();
    let captures = vec![None; options.key.len() + usize::from(options.event_id.is_some())];
    let applied = vec![None; rules.len()];
    let mut compiler = Compiler { schema, rules, literals, plan, shared, captures, applied };
    compiler.plan.root = compiler.node(schema.root(), Some(&wanted));
    for (rule, applied) in rules.iter().zip(compiler.applied) {
        if let Some(Err((message, hint))) = applied {
            problems.push(PlanProblem { path: rule.path.clone(), position: rule.position, message, hint });
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut plan = compiler.plan;
    plan.key = compiler.captures[..options.key.len()].iter().copied().flatten().collect();
    plan.event_id = compiler.captures.get(options.key.len()).copied().flatten();
    Ok(plan)
}

struct Compiler<'a> {
    schema: &'a Schema,
    rules: &'a [Rule],
    literals: Literals,
    plan: Plan,
    /// What was compiled: a type, and what was wanted of it, by its place in memory. Recursive unions would else be
    /// compiled again and again on the way to a deep path.
    shared: HashMap<(TypeId, Option<*const Wanted>), NodeId>,
    /// The node of each capture.
    captures: Vec<Option<NodeId>>,
    /// Whether each rule fitted some type at its path; where none did, why.
    applied: Vec<Option<Result<(), rules::Misfit>>>,
}

impl Compiler<'_> {
    fn node(&mut self, id: TypeId, wanted: Option<&Wanted>) -> NodeId {
        let key = (id, wanted.map(std::ptr::from_ref));
        if let Some(node) = self.shared.get(&key) {
            return *node;
        }
        let node = self.plan.nodes.len() as NodeId;
        self.plan.nodes.push(Node { op: Op::Null, checks: 0..0 });
        self.shared.insert(key, node);
        let op = self.op(id, wanted);
        self.plan.nodes[node as usize].op = op;
        if let Some(wanted) = wanted {
            self.plan.nodes[node as usize].checks = self.checks(&Node { op, checks: 0..0 }, wanted);
        }
        node
    }

    fn op(&mut self, id: TypeId, wanted: Option<&Wanted>) -> Op {
        let schema = self.schema;
        let of = schema.get(id);
        let below = |step: Step| wanted.and_then(|wanted| wanted.step(&step));
        if let Some(temporal) = of.logical.and_then(Temporal::of) {
            return Op::Temporal(temporal);
        }
        let decimal = match of.logical {
            Some(Logical::Decimal { precision, scale }) => Some(Decimal { precision, scale, fixed: None }),
            _ => None,
        };
        match (&of.kind, of.logical) {
            (Kind::Null, _) => Op::Null,
            (Kind::Boolean, _) => Op::Boolean,
            (Kind::Int, _) => Op::Int,
            (Kind::Long, _) => Op::Long,
            (Kind::Float, _) => Op::Float,
            (Kind::Double, _) => Op::Double,
            (Kind::Bytes, _) => decimal.map_or(Op::Bytes, Op::Decimal),
            (Kind::String, Some(Logical::Uuid)) => Op::Uuid,
            (Kind::String, _) => Op::String,
            (Kind::Fixed(_), Some(Logical::Uuid)) => Op::UuidFixed,
            (Kind::Fixed(_), Some(Logical::Duration)) => Op::Duration,
            (Kind::Fixed(Fixed { size, .. }), _) => {
                let size = *size as u32;
                decimal.map_or(Op::Fixed(size), |decimal| Op::Decimal(Decimal { fixed: Some(size), ..decimal }))
            }
            (Kind::Enum(of), _) => {
                let names = Names::new(of.symbols.iter().map(String::as_str));
                self.plan.enums.push(EnumPlan { symbols: of.symbols.clone(), names });
                Op::Enum(self.plan.enums.len() as u32 - 1)
            }
            (Kind::Array(items), _) => Op::Array(self.node(*items, below(Step::Items))),
            (Kind::Map(values), _) => Op::Map(self.node(*values, below(Step::Values))),
            (Kind::Union(branches), _) => self.union(branches, wanted),
            (Kind::Record(record), _) => self.record(record, wanted),
        }
    }

    fn record(&mut self, record: &Record, wanted: Option<&Wanted>) -> Op {
        // Takes its number before what is inside, which may refer to it.
        let at = self.plan.records.len();
        let names = Names::new(record.fields.iter().map(|field| field.name.as_str()));
        let (captures, inner_captures) = (Vec::new(), Vec::new());
        let name = record.name.clone();
        self.plan.records.push(RecordPlan { name, fields: Vec::new(), names, captures, inner_captures });
        for (position, field) in record.fields.iter().enumerate() {
            let below = wanted.and_then(|wanted| wanted.step(&Step::Field(field.name.clone())));
            let node = self.node(field.type_id, below);
            let default = field.default.as_ref().map(|default| {
                let start = self.plan.defaults.len() as u32;
                encode_default(self.schema.types(), field.type_id, default, &mut self.plan.defaults)
                    .expect("a schema is parsed only with defaults that encode");
                start..self.plan.defaults.len() as u32
            });
            let field = FieldPlan { name: field.name.clone(), node, default, watched: below.is_some() };
            self.plan.records[at].fields.push(field);
            if let Some(below) = below {
                for capture in below.all_captures() {
                    let here = below.captures.contains(&capture);
                    if here {
                        self.captures[capture as usize] = Some(node);
                    }
                    let record = &mut self.plan.records[at];
                    let list = if here { &mut record.captures } else { &mut record.inner_captures };
                    list.push((position as u32, capture));
                }
            }
        }
        Op::Record(at as u32)
    }

    fn union(&mut self, branches: &[TypeId], wanted: Option<&Wanted>) -> Op {
        let plans: Vec<BranchPlan> = branches
            .iter()
            .map(|branch| {
                let tag = self.schema.get(*branch).kind.branch_name().to_owned();
                // What is wanted of a union is wanted of each branch that it fits.
                let is_null = self.schema.get(*branch).kind == Kind::Null;
                BranchPlan { node: self.node(*branch, wanted.filter(|_| !is_null)), tag }
            })
            .collect();
        // A record's node may still be in the making, so it is not asked.
        let takes = |id: TypeId, branch: &BranchPlan, shape| match &self.schema.get(id).kind {
            Kind::Record(_) => shape == Shape::Object,
            _ => self.plan.node(branch.node).op.takes(shape),
        };
        let by_shape = Shape::ALL.map(|shape| {
            let fitting = branches.iter().zip(&plans).zip(0..).filter(|((id, branch), _)| takes(**id, branch, shape));
            fitting.map(|(_, at)| at).collect()
        });
        let nodes: Vec<NodeId> = plans.iter().map(|branch| branch.node).collect();
        self.plan.unions.push(UnionPlan { branches: plans, by_shape });
        let union = self.plan.unions.len() as u32 - 1;
        let null = branches.iter().position(|branch| self.schema.get(*branch).kind == Kind::Null);
        match (nodes.as_slice(), null) {
            ([_, item], Some(0)) => Op::Optional { item: *item, null: 0, union },
            ([item, _], Some(1)) => Op::Optional { item: *item, null: 1, union },
            _ => Op::Union(union),
        }
    }

    /// Compiles the rules that are about this very node.
    fn checks(&mut self, node: &Node, wanted: &Wanted) -> std::ops::Range<u32> {
        let start = self.plan.checks.len() as u32;
        for &at in &wanted.rules {
            let check = &self.rules[at].check;
            let about_null = matches!(check, Check::Required | Check::NoNulls);
            let is_union = matches!(node.op, Op::Optional { .. } | Op::Union(_));
            if about_null != is_union {
                // What is no union is never null; and of the other rules the branches have taken theirs.
                if about_null {
                    self.applied[at] = Some(Ok(()));
                }
                continue;
            }
            match rules::compile(&self.plan, node, check, self.literals) {
                Ok(check) => {
                    self.plan.checks.push(check);
                    self.applied[at] = Some(Ok(()));
                }
                Err(misfit) => {
                    self.applied[at].get_or_insert(Err(misfit));
                }
            }
        }
        start..self.plan.checks.len() as u32
    }
}

fn unknown(schema: &Schema, path: &FieldPath) -> PlanProblem {
    let (text, paths) = (path.to_string(), schema.paths());
    let known = paths.iter().map(|(path, _)| path.to_string());
    let close = known.map(|known| (strsim::damerau_levenshtein(&known, &text), known)).min();
    let hint = match close {
        Some((distance, close)) if distance <= 3 => format!("did you mean `{close}`?"),
        _ => "paths are written like `total.amount`, `lines[].sku` or `tags{}`".to_owned(),
    };
    let message = format!("the schema has nothing at `{text}`");
    PlanProblem { path: path.clone(), position: None, message, hint: Some(hint) }
}

fn check_key(schema: &Schema, path: &FieldPath) -> Result<(), PlanProblem> {
    let resolved = schema.resolve(path).ok_or_else(|| unknown(schema, path))?;
    let problem = |message: String, hint: &str| PlanProblem {
        path: path.clone(),
        position: None,
        message,
        hint: Some(hint.to_owned()),
    };
    if resolved.nullable {
        let hint = "give the field a type without null, or choose another key";
        return Err(problem(format!("the key `{path}` may be null"), hint));
    }
    one_value(path, "key")?;
    if on_the_way(schema, path).any(|kind| matches!(kind, Kind::Union(_))) {
        return Err(problem(format!("the key `{path}` is a union"), "give the field a plain type"));
    }
    if has_collection(schema, resolved.type_id, &mut Vec::new()) {
        let message = format!("the key `{path}` contains an array or a map, which can be written in several ways");
        return Err(problem(message, "choose scalar fields"));
    }
    Ok(())
}

fn check_event_id(schema: &Schema, path: &FieldPath) -> Result<(), PlanProblem> {
    let resolved = schema.resolve(path).ok_or_else(|| unknown(schema, path))?;
    one_value(path, "event id")?;
    let of = schema.get(resolved.type_id);
    let several = |kind: &Kind| match kind {
        Kind::Union(branches) => branches.iter().filter(|branch| schema.get(**branch).kind != Kind::Null).count() != 1,
        _ => false,
    };
    let fits =
        matches!(of.kind, Kind::String | Kind::Int | Kind::Long | Kind::Enum(_)) || of.logical == Some(Logical::Uuid);
    if !fits || on_the_way(schema, path).any(several) {
        return Err(PlanProblem {
            path: path.clone(),
            position: None,
            message: format!("the event id `{path}` cannot be written as text"),
            hint: Some(format!("an event id is {EVENT_ID_TYPES}")),
        });
    }
    Ok(())
}

fn one_value(path: &FieldPath, what: &str) -> Result<(), PlanProblem> {
    if !path.is_root() && path.steps().iter().all(|step| matches!(step, Step::Field(_))) {
        return Ok(());
    }
    Err(PlanProblem {
        path: path.clone(),
        position: None,
        message: format!("the {what} `{path}` is not one field of the event"),
        hint: Some("choose a field that stands in no array and no map".to_owned()),
    })
}

/// The kinds of the types along a path of fields, unions included.
fn on_the_way<'a>(schema: &'a Schema, path: &'a FieldPath) -> impl Iterator<Item = &'a Kind> + 'a {
    let mut kinds = Vec::new();
    let mut ids = vec![schema.root()];
    let mut steps = path.steps().iter();
    loop {
        let mut records = Vec::new();
        for id in ids.drain(..) {
            kinds.push(&schema.get(id).kind);
            match &schema.get(id).kind {
                Kind::Record(record) => records.push(record),
                Kind::Union(branches) => records.extend(branches.iter().filter_map(|id| match &schema.get(*id).kind {
                    Kind::Record(record) => Some(record),
                    _ => None,
                })),
                _ => {}
            }
        }
        let Some(Step::Field(name)) = steps.next() else { return kinds.into_iter() };
        let fields = records.iter().flat_map(|record| &record.fields).filter(|field| field.name == *name);
        ids.extend(fields.map(|field| field.type_id));
    }
}

fn has_collection(schema: &Schema, id: TypeId, seen: &mut Vec<TypeId>) -> bool {
    if seen.contains(&id) {
        return false;
    }
    seen.push(id);
    match &schema.get(id).kind {
        Kind::Array(_) | Kind::Map(_) => true,
        Kind::Record(record) => record.fields.iter().any(|field| has_collection(schema, field.type_id, seen)),
        Kind::Union(branches) => branches.iter().any(|branch| has_collection(schema, *branch, seen)),
        _ => false,
    }
}
