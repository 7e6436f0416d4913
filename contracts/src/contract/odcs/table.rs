//! The Open Data Contract Standard 3.1 as a table: which keys a section has, what stands under them, and whether
//! Tidegate reads them or keeps them as documentation.

/// A mapping of the standard.
#[derive(Debug)]
pub(super) struct Section {
    /// What it is, for messages, with its article.
    pub(super) what: &'static str,
    pub(super) keys: &'static [Key],
    /// Whether other keys may stand in it.
    pub(super) open: bool,
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
    /// Not read by Tidegate: kept in the catalog's document for people and other tools.
    pub(super) documentation: bool,
}

#[derive(Debug)]
pub(super) enum Shape {
    Text,
    Word(&'static [&'static str]),
    Integer,
    Boolean,
    /// Any scalar, null included.
    Scalar,
    Number,
    /// Two numbers, the lower one first.
    Range,
    Any,
    Mapping,
    Texts,
    List,
    One(&'static Section),
    Many(&'static Section),
    OneOrMany(&'static Section, &'static Section),
}

const fn read(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: false, documentation: false }
}

const fn needed(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: true, documentation: false }
}

const fn kept(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, required: false, documentation: true }
}

const fn section(what: &'static str, keys: &'static [Key]) -> Section {
    Section { what, keys, open: false }
}

/// The lifecycle words.
const STATUS: &[&str] = &["proposed", "draft", "active", "deprecated", "retired"];
/// ODCS's logical types.
pub(in crate::contract) const LOGICAL_TYPES: &[&str] =
    &["string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean"];
/// The metrics of quality clauses.
const METRICS: &[&str] = &["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"];
/// The operators of quality clauses.
pub(in crate::contract) const OPERATORS: &[&str] = &[
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
];
const DIMENSIONS: &[&str] =
    &["accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"];

/// A whole contract.
pub(super) static CONTRACT: Section = section(
    "a contract",
    &[
        needed("version", Shape::Scalar),
        needed("kind", Shape::Word(&["DataContract"])),
        needed("apiVersion", Shape::Word(&["v3.1.0"])),
        needed("id", Shape::Text),
        needed("name", Shape::Text),
        kept("tenant", Shape::Text),
        kept("tags", Shape::Texts),
        needed("status", Shape::Word(STATUS)),
        kept("servers", Shape::Many(&SERVER)),
        kept("dataProduct", Shape::Text),
        kept("description", Shape::One(&DESCRIPTION)),
        needed("domain", Shape::Text),
        needed("schema", Shape::Many(&SCHEMA_OBJECT)),
        kept("support", Shape::Many(&SUPPORT)),
        kept("price", Shape::One(&PRICE)),
        kept("team", Shape::OneOrMany(&TEAM, &MEMBER)),
        kept("roles", Shape::Many(&ROLE)),
        kept("slaDefaultElement", Shape::Text),
        read("slaProperties", Shape::Many(&SLA)),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
        read("customProperties", Shape::Many(&OUR_CUSTOM)),
        kept("contractCreatedTs", Shape::Text),
    ],
);

static DESCRIPTION: Section = section(
    "a description",
    &[
        kept("purpose", Shape::Text),
        kept("limitations", Shape::Text),
        kept("usage", Shape::Text),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

/// Each type of server has keys of its own.
pub(super) static SERVER: Section = Section {
    what: "a server",
    keys: &[
        kept("id", Shape::Text),
        needed("server", Shape::Text),
        needed("type", Shape::Text),
        kept("description", Shape::Text),
        kept("environment", Shape::Text),
        kept("roles", Shape::Many(&ROLE)),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
    open: true,
};

pub(super) static KAFKA_SERVER: Section = section(
    "a Kafka server",
    &[
        kept("id", Shape::Text),
        needed("server", Shape::Text),
        needed("type", Shape::Text),
        kept("description", Shape::Text),
        kept("environment", Shape::Text),
        kept("roles", Shape::Many(&ROLE)),
        kept("customProperties", Shape::Many(&CUSTOM)),
        needed("host", Shape::Text),
        kept("format", Shape::Text),
    ],
);

pub(super) static SCHEMA_OBJECT: Section = section(
    "a schema object",
    &[
        kept("id", Shape::Text),
        needed("name", Shape::Text),
        read("logicalType", Shape::Word(&["object"])),
        kept("physicalType", Shape::Text),
        read("physicalName", Shape::Text),
        kept("description", Shape::Text),
        kept("businessName", Shape::Text),
        kept("dataGranularityDescription", Shape::Text),
        needed("authoritativeDefinitions", Shape::Many(&DEFINITION)),
        kept("tags", Shape::Texts),
        read("properties", Shape::Many(&PROPERTY)),
        kept("relationships", Shape::Many(&RELATIONSHIP)),
        read("quality", Shape::Many(&QUALITY)),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

macro_rules! property_keys {
    ($name:expr) => {
        &[
            $name,
            kept("id", Shape::Text),
            read("physicalType", Shape::Text),
            kept("description", Shape::Text),
            kept("businessName", Shape::Text),
            kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
            kept("tags", Shape::Texts),
            kept("customProperties", Shape::Many(&CUSTOM)),
            read("primaryKey", Shape::Boolean),
            read("primaryKeyPosition", Shape::Integer),
            read("logicalType", Shape::Word(LOGICAL_TYPES)),
            read("logicalTypeOptions", Shape::Mapping),
            read("physicalName", Shape::Text),
            read("required", Shape::Boolean),
            read("unique", Shape::Boolean),
            kept("partitioned", Shape::Boolean),
            kept("partitionKeyPosition", Shape::Integer),
            read("classification", Shape::Text),
            kept("encryptedName", Shape::Text),
            kept("transformSourceObjects", Shape::Texts),
            kept("transformLogic", Shape::Text),
            kept("transformDescription", Shape::Text),
            kept("examples", Shape::List),
            kept("criticalDataElement", Shape::Boolean),
            kept("relationships", Shape::Many(&RELATIONSHIP)),
            read("quality", Shape::Many(&QUALITY)),
            read("properties", Shape::Many(&PROPERTY)),
            read("items", Shape::One(&ITEMS)),
        ]
    };
}

pub(super) static PROPERTY: Section = section("a property", property_keys!(needed("name", Shape::Text)));

pub(super) static ITEMS: Section = section("an `items` section", property_keys!(kept("name", Shape::Text)));

pub(super) static QUALITY: Section = section(
    "a quality clause",
    &[
        kept("id", Shape::Text),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
        kept("businessImpact", Shape::Text),
        kept("customProperties", Shape::Many(&CUSTOM)),
        kept("description", Shape::Text),
        kept("dimension", Shape::Word(DIMENSIONS)),
        kept("method", Shape::Text),
        kept("name", Shape::Text),
        kept("schedule", Shape::Text),
        kept("scheduler", Shape::Text),
        read("severity", Shape::Text),
        kept("tags", Shape::Texts),
        read("type", Shape::Word(&["text", "library", "sql", "custom"])),
        read("unit", Shape::Text),
        read("metric", Shape::Word(METRICS)),
        read("rule", Shape::Text),
        read("arguments", Shape::Mapping),
        read("query", Shape::Text),
        read("engine", Shape::Text),
        read("implementation", Shape::Any),
        read("mustBe", Shape::Any),
        read("mustNotBe", Shape::Any),
        read("mustBeGreaterThan", Shape::Number),
        read("mustBeGreaterOrEqualTo", Shape::Number),
        read("mustBeLessThan", Shape::Number),
        read("mustBeLessOrEqualTo", Shape::Number),
        read("mustBeBetween", Shape::Range),
        read("mustNotBeBetween", Shape::Range),
    ],
);

static DEFINITION: Section = section(
    "an authoritative definition",
    &[
        kept("id", Shape::Text),
        needed("url", Shape::Text),
        needed("type", Shape::Text),
        kept("description", Shape::Text),
    ],
);

static RELATIONSHIP: Section = section(
    "a relationship",
    &[
        kept("type", Shape::Word(&["foreignKey"])),
        kept("from", Shape::Any),
        needed("to", Shape::Any),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

const CUSTOM_KEYS: &[Key] = &[
    kept("id", Shape::Text),
    needed("property", Shape::Text),
    needed("value", Shape::Any),
    kept("description", Shape::Text),
];

pub(super) static CUSTOM: Section = section("a custom property", CUSTOM_KEYS);

/// Those of the contract itself, where ours belong.
pub(super) static OUR_CUSTOM: Section = section("a custom property", CUSTOM_KEYS);

static SUPPORT: Section = section(
    "a support channel",
    &[
        kept("id", Shape::Text),
        needed("channel", Shape::Text),
        kept("url", Shape::Text),
        kept("description", Shape::Text),
        kept("tool", Shape::Text),
        kept("scope", Shape::Text),
        kept("invitationUrl", Shape::Text),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

static PRICE: Section = section(
    "a price",
    &[
        kept("id", Shape::Text),
        kept("priceAmount", Shape::Number),
        kept("priceCurrency", Shape::Text),
        kept("priceUnit", Shape::Text),
    ],
);

static TEAM: Section = section(
    "a team",
    &[
        kept("id", Shape::Text),
        read("name", Shape::Text),
        kept("description", Shape::Text),
        read("members", Shape::Many(&MEMBER)),
        kept("tags", Shape::Texts),
        kept("customProperties", Shape::Many(&CUSTOM)),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
    ],
);

static MEMBER: Section = section(
    "a team member",
    &[
        kept("id", Shape::Text),
        needed("username", Shape::Text),
        kept("name", Shape::Text),
        kept("description", Shape::Text),
        kept("role", Shape::Text),
        kept("dateIn", Shape::Text),
        kept("dateOut", Shape::Text),
        kept("replacedByUsername", Shape::Text),
        kept("tags", Shape::Texts),
        kept("customProperties", Shape::Many(&CUSTOM)),
        kept("authoritativeDefinitions", Shape::Many(&DEFINITION)),
    ],
);

static ROLE: Section = section(
    "a role",
    &[
        kept("id", Shape::Text),
        needed("role", Shape::Text),
        kept("description", Shape::Text),
        kept("access", Shape::Text),
        kept("firstLevelApprovers", Shape::Text),
        kept("secondLevelApprovers", Shape::Text),
        kept("customProperties", Shape::Many(&CUSTOM)),
    ],
);

pub(super) static SLA: Section = section(
    "a service level",
    &[
        kept("id", Shape::Text),
        needed("property", Shape::Text),
        needed("value", Shape::Scalar),
        read("valueExt", Shape::Scalar),
        read("unit", Shape::Text),
        read("element", Shape::Text),
        kept("driver", Shape::Text),
        kept("description", Shape::Text),
        kept("scheduler", Shape::Text),
        kept("schedule", Shape::Text),
    ],
);
