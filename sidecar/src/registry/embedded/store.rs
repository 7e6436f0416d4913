//! What the embedded registry holds.

use super::{
    levels::{self, Earlier},
    problem::Problem,
};
use apache_avro::Schema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use tidegate_contracts::contract::Compatibility;

/// Every schema, subject, level and mode.
#[derive(Debug)]
pub(super) struct Store {
    /// By id, which counts from 1. A schema stays when its last version is permanently deleted, so that it gets the
    /// same id when it comes back.
    schemas: Vec<Stored>,
    by_identity: HashMap<String, u32>,
    subjects: BTreeMap<String, Subject>,
    level: Compatibility,
    levels: HashMap<String, Compatibility>,
    mode: Mode,
    modes: HashMap<String, Mode>,
}

/// A schema and what identifies it beyond a single subject.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) submitted: Submitted,
    pub(super) guid: String,
    parsed: Schema,
}

/// A schema as a caller sends it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Submitted {
    #[serde(default)]
    pub(super) schema: String,
    #[serde(default)]
    pub(super) schema_type: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub(super) references: Vec<Reference>,
    #[serde(default)]
    pub(super) metadata: Option<Value>,
    #[serde(default)]
    pub(super) rule_set: Option<Value>,
}

/// A name in a schema that another subject defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) version: u32,
}

#[derive(Debug, Default)]
struct Subject {
    versions: BTreeMap<u32, Version>,
    /// Goes on after deletions.
    last: u32,
}

#[derive(Debug, Clone, Copy)]
struct Version {
    id: u32,
    deleted: bool,
}

/// A version of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) version: u32,
    pub(super) id: u32,
}

/// Which version of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Latest,
    Number(u32),
}

/// Whether schemas may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Mode {
    ReadWrite,
    ReadOnly,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            schemas: Vec::new(),
            by_identity: HashMap::new(),
            subjects: BTreeMap::new(),
            level: Compatibility::Backward,
            levels: HashMap::new(),
            mode: Mode::ReadWrite,
            modes: HashMap::new(),
        }
    }
}

impl Subject {
    /// The versions in force, or all that are not permanently deleted, oldest first.
    fn versions(&self, deleted: bool) -> impl DoubleEndedIterator<Item = Located> {
        let versions = self.versions.iter().filter(move |(_, version)| deleted || !version.deleted);
        versions.map(|(number, version)| Located { version: *number, id: version.id })
    }
}

impl Store {
    /// The subjects that have a version in force, or also those whose versions are all soft deleted.
    pub(super) fn subjects(&self, deleted: bool) -> impl Iterator<Item = &str> {
        let subjects = self.subjects.iter().filter(move |(_, subject)| subject.versions(deleted).next().is_some());
        subjects.map(|(name, _)| name.as_str())
    }

    /// The numbers of a subject's versions.
    pub(super) fn versions(&self, subject: &str, deleted: bool) -> Result<Vec<u32>, Problem> {
        let found: Vec<u32> = self.located(subject, deleted).map(|located| located.version).collect();
        if found.is_empty() { Err(Problem::no_subject(subject)) } else { Ok(found) }
    }

    /// One version of a subject.
    pub(super) fn version(&self, subject: &str, which: Which, deleted: bool) -> Result<Located, Problem> {
        let mut versions = self.located(subject, deleted).peekable();
        if versions.peek().is_none() {
            return Err(Problem::no_subject(subject));
        }
        match which {
            Which::Latest => versions.last().ok_or_else(|| Problem::no_subject(subject)),
            Which::Number(number) => {
                versions.find(|located| located.version == number).ok_or_else(|| Problem::no_version(number))
            }
        }
    }

    /// The schema with an id, as long as any version has it.
    pub(super) fn schema(&self, id: u32) -> Result<&Stored, Problem> {
        self.uses(id, true).next().ok_or_else(Problem::no_schema)?;
        self.stored(id).ok_or_else(Problem::no_schema)
    }

    /// The id of the schema with a GUID.
    pub(super) fn by_guid(&self, guid: &str) -> Result<u32, Problem> {
        let at = self.schemas.iter().position(|stored| stored.guid == guid).ok_or_else(Problem::no_schema)?;
        u32::try_from(at + 1).map_err(|_| Problem::no_schema())
    }

    /// The highest id given so far.
    pub(super) fn max_id(&self) -> usize {
        self.schemas.len()
    }

    /// Where the schema with an id is used.
    pub(super) fn uses(&self, id: u32, deleted: bool) -> impl Iterator<Item = (&str, u32)> {
        self.subjects.iter().flat_map(move |(name, subject)| {
            let versions = subject.versions(deleted).filter(move |located| located.id == id);
            versions.map(move |located| (name.as_str(), located.version))
        })
    }

    /// The ids of the schemas in force that refer to a version.
    pub(super) fn referenced_by(&self, subject: &str, version: u32) -> Vec<u32> {
        let refers = |id: &u32| {
            self.stored(*id).is_some_and(|stored| {
                stored.submitted.references.iter().any(|of| of.subject == subject && of.version == version)
            })
        };
        let mut ids: Vec<u32> =
            self.subjects.values().flat_map(|subject| subject.versions(false)).map(|located| located.id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(refers);
        ids
    }

    /// The version of a subject that is this schema.
    pub(super) fn look_up(&self, subject: &str, submitted: &Submitted, deleted: bool) -> Result<Located, Problem> {
        self.versions(subject, deleted)?;
        self.parse(submitted)?;
        let id = self.by_identity.get(&identity(submitted)).copied();
        self.located(subject, deleted).find(|located| Some(located.id) == id).ok_or_else(Problem::no_schema)
    }

    /// Adds a version, unless the subject has it in force already.
    pub(super) fn register(&mut self, subject: &str, submitted: Submitted) -> Result<Located, Problem> {
        let parsed = self.parse(&submitted)?;
        let identity = identity(&submitted);
        let known = self.by_identity.get(&identity).copied();
        if let Some(there) = self.located(subject, false).find(|located| Some(located.id) == known) {
            return Ok(there);
        }
        self.writable(subject)?;
        let messages = self.forbids(subject, &parsed, None)?;
        if !messages.is_empty() {
            return Err(Problem::incompatible(&messages));
        }
        let id = match known {
            Some(id) => id,
            None => {
                let guid = uuid::Uuid::new_v4().to_string();
                self.schemas.push(Stored { submitted, guid, parsed });
                let id = u32::try_from(self.schemas.len()).unwrap_or(u32::MAX);
                self.by_identity.insert(identity, id);
                id
            }
        };
        let subject = self.subjects.entry(subject.to_owned()).or_default();
        subject.last += 1;
        subject.versions.insert(subject.last, Version { id, deleted: false });
        Ok(Located { version: subject.last, id })
    }

    /// What forbids a schema under a subject, compared with one version or with those that the level names.
    pub(super) fn check(
        &self,
        subject: &str,
        submitted: &Submitted,
        which: Option<Which>,
    ) -> Result<Vec<String>, Problem> {
        let parsed = self.parse(submitted)?;
        self.forbids(subject, &parsed, which)
    }

    /// Deletes a version, softly first, then for good.
    pub(super) fn delete_version(&mut self, subject: &str, which: Which, permanent: bool) -> Result<u32, Problem> {
        let Located { version: number, .. } = self.version(subject, which, true)?;
        self.writable(subject)?;
        self.unreferenced(subject, number)?;
        let versions = self.subjects.get_mut(subject).map(|subject| &mut subject.versions);
        let Some(versions) = versions else { return Err(Problem::no_subject(subject)) };
        match (versions.get_mut(&number), permanent) {
            (Some(version), false) if !version.deleted => version.deleted = true,
            (Some(_), false) => return Err(Problem::version_soft_deleted(subject, number)),
            (Some(version), true) if !version.deleted => {
                return Err(Problem::version_not_soft_deleted(subject, number));
            }
            (_, _) => {
                versions.remove(&number);
            }
        }
        Ok(number)
    }

    /// Deletes all versions of a subject, softly first, then for good, and its level and mode.
    pub(super) fn delete_subject(&mut self, subject: &str, permanent: bool) -> Result<Vec<u32>, Problem> {
        let all = self.versions(subject, true)?;
        self.writable(subject)?;
        let in_force = self.versions(subject, false).unwrap_or_default();
        match (permanent, in_force.is_empty()) {
            (false, true) => return Err(Problem::subject_soft_deleted(subject)),
            (true, false) => return Err(Problem::subject_not_soft_deleted(subject)),
            _ => {}
        }
        let deleted = if permanent { all } else { in_force };
        deleted.iter().try_for_each(|version| self.unreferenced(subject, *version))?;
        if permanent {
            self.subjects.remove(subject);
        } else if let Some(subject) = self.subjects.get_mut(subject) {
            subject.versions.values_mut().for_each(|version| version.deleted = true);
        }
        self.levels.remove(subject);
        self.modes.remove(subject);
        Ok(deleted)
    }

    /// The level of a subject, or the registry's.
    pub(super) fn level(&self, subject: Option<&str>) -> Option<Compatibility> {
        subject.map_or(Some(self.level), |subject| self.levels.get(subject).copied())
    }

    /// Sets the level of a subject, or the registry's.
    pub(super) fn set_level(&mut self, subject: Option<&str>, level: Compatibility) {
        match subject {
            Some(subject) => drop(self.levels.insert(subject.to_owned(), level)),
            None => self.level = level,
        }
    }

    /// Takes the level of a subject, or the registry's, back to the default.
    pub(super) fn unset_level(&mut self, subject: Option<&str>) -> Option<Compatibility> {
        match subject {
            Some(subject) => self.levels.remove(subject),
            None => Some(std::mem::replace(&mut self.level, Compatibility::Backward)),
        }
    }

    /// The mode of a subject, or the registry's.
    pub(super) fn mode(&self, subject: Option<&str>) -> Option<Mode> {
        subject.map_or(Some(self.mode), |subject| self.modes.get(subject).copied())
    }

    /// Sets the mode of a subject, or the registry's.
    pub(super) fn set_mode(&mut self, subject: Option<&str>, mode: Mode) {
        match subject {
            Some(subject) => drop(self.modes.insert(subject.to_owned(), mode)),
            None => self.mode = mode,
        }
    }

    /// Takes the mode of a subject, or the registry's, back to the default.
    pub(super) fn unset_mode(&mut self, subject: Option<&str>) -> Option<Mode> {
        match subject {
            Some(subject) => self.modes.remove(subject),
            None => Some(std::mem::replace(&mut self.mode, Mode::ReadWrite)),
        }
    }

    fn stored(&self, id: u32) -> Option<&Stored> {
        self.schemas.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }

    fn located(&self, subject: &str, deleted: bool) -> impl DoubleEndedIterator<Item = Located> {
        self.subjects.get(subject).into_iter().flat_map(move |subject| subject.versions(deleted))
    }

    fn writable(&self, subject: &str) -> Result<(), Problem> {
        match self.mode(Some(subject)).unwrap_or(self.mode) {
            Mode::ReadWrite => Ok(()),
            Mode::ReadOnly => Err(Problem::read_only(subject)),
        }
    }

    fn unreferenced(&self, subject: &str, version: u32) -> Result<(), Problem> {
        match self.referenced_by(subject, version).is_empty() {
            true => Ok(()),
            false => Err(Problem::referenced(subject, version)),
        }
    }

    fn forbids(&self, subject: &str, new: &Schema, which: Option<Which>) -> Result<Vec<String>, Problem> {
        let compared = match which {
            None => self.located(subject, false).collect(),
            Some(Which::Latest) => self.located(subject, false).next_back().into_iter().collect(),
            Some(which) => vec![self.version(subject, which, false)?],
        };
        let earlier = |located: &Located| {
            self.stored(located.id).map(|stored| Earlier { version: located.version, schema: &stored.parsed })
        };
        let earlier: Vec<Earlier<'_>> = compared.iter().filter_map(earlier).collect();
        let level = self.level(Some(subject)).unwrap_or(self.level);
        Ok(levels::forbids(level, new, &earlier))
    }

    /// The schema with everything it refers to in place.
    fn parse(&self, submitted: &Submitted) -> Result<Schema, Problem> {
        match submitted.schema_type.as_deref() {
            None | Some("AVRO") => {}
            Some(other) => {
                return Err(Problem::invalid_schema(format!("this registry has no type {other}, only AVRO")));
            }
        }
        if submitted.references.is_empty() {
            return Schema::parse_str(&submitted.schema).map_err(Problem::invalid_schema);
        }
        let mut texts = Vec::new();
        self.gather(&submitted.references, &mut texts)?;
        let (mut schema, referred) =
            Schema::parse_str_with_list(&submitted.schema, &texts).map_err(Problem::invalid_schema)?;
        schema.denormalize(&referred).map_err(Problem::invalid_schema)?;
        Ok(schema)
    }

    fn gather<'a>(&'a self, references: &[Reference], texts: &mut Vec<&'a str>) -> Result<(), Problem> {
        for of in references {
            let missing = |_| Problem::invalid_schema(format!("no version {} of subject {}", of.version, of.subject));
            let id = self.version(&of.subject, Which::Number(of.version), false).map_err(missing)?.id;
            // A registered schema refers only to what was there before it, so this ends.
            if let Some(stored) = self.stored(id)
                && !texts.contains(&stored.submitted.schema.as_str())
            {
                texts.push(&stored.submitted.schema);
                self.gather(&stored.submitted.references, texts)?;
            }
        }
        Ok(())
    }
}

/// What makes two schemas the same one: their JSON, whatever its white space and the order of its members, and
/// everything sent along.
fn identity(submitted: &Submitted) -> String {
    let schema: Option<Value> = serde_json::from_str(&submitted.schema).ok();
    let Submitted { references, metadata, rule_set, .. } = submitted;
    serde_json::json!([schema, references, metadata, rule_set]).to_string()
}

fn null_as_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
