//! The registry's part of a plan and of an apply.

use super::releases::{self, Subject, SubjectPlan, Wanted};
use crate::{
    cli::Failure,
    registry::{ErrorKind, Registry, RegistryError},
};
use tidegate_contracts::{
    feed::catalog::{RegisteredSchema, Release},
    schema::Schema,
};

/// What subjects need. `released` is what the contract's version was released with, if it was; `last` what its major
/// version was last released with.
pub(super) async fn plan(
    registry: &Registry,
    wanted: &[Wanted],
    released: Option<&Release>,
    last: Option<&Release>,
) -> Result<Vec<SubjectPlan>, Failure> {
    let mut plans = Vec::new();
    for wanted in wanted {
        let mut found = find(registry, wanted).await?;
        for known in [released, last].into_iter().flatten().filter_map(|release| schema_of(release, wanted)) {
            if found.unknown.is_none() && found.id != Some(known.id) && !knows(registry, known).await? {
                found.unknown = Some(known.id);
            }
        }
        plans.push(releases::subject(wanted, &found, released_id(released, wanted)));
    }
    Ok(plans)
}

/// Registers schemas and sets their subjects' levels, where that is not done. Returns their ids, in order.
pub(super) async fn settle(
    registry: &Registry,
    wanted: &[Wanted],
    released: Option<&Release>,
) -> Result<Vec<u32>, Failure> {
    let mut ids = Vec::new();
    for wanted in wanted {
        let mut found = find(registry, wanted).await?;
        let plan = releases::subject(wanted, &found, released_id(released, wanted));
        refuse(plan.refused)?;
        // Before the schema, so that it is judged by the level that the contract asks for.
        if let Some(level) = plan.level {
            registry.set_level(&wanted.subject, level.to).await.map_err(RegistryError::into_failure)?;
        }
        let id = match found.id {
            Some(id) => id,
            None => register(registry, wanted).await?,
        };
        found.id = Some(id);
        refuse(releases::subject(wanted, &found, released_id(released, wanted)).refused)?;
        ids.push(id);
    }
    Ok(ids)
}

/// Registers a schema. Of two who register a subject's first schema at once Apicurio refuses one with a conflict,
/// although what it wants is there by then.
async fn register(registry: &Registry, wanted: &Wanted) -> Result<u32, Failure> {
    match registry.register(&wanted.subject, &wanted.schema).await {
        Ok(id) => Ok(id),
        Err(error) => match registry.look_up(&wanted.subject, &wanted.schema).await {
            Ok(Some(found)) => Ok(found.id),
            _ => Err(error.into_failure()),
        },
    }
}

async fn find(registry: &Registry, wanted: &Wanted) -> Result<Subject, Failure> {
    let id = registry
        .look_up(&wanted.subject, &wanted.schema)
        .await
        .map_err(RegistryError::into_failure)?
        .map(|found| found.id);
    let incompatible = match id {
        Some(_) => Vec::new(),
        None => {
            let check = registry.check(&wanted.subject, &wanted.schema).await.map_err(RegistryError::into_failure)?;
            match (check.compatible, check.messages) {
                (true, _) => Vec::new(),
                (false, messages) if messages.is_empty() => vec!["the registry does not say why".to_owned()],
                (false, messages) => messages,
            }
        }
    };
    let level = registry.level(&wanted.subject).await.map_err(RegistryError::into_failure)?;
    Ok(Subject { id, level, incompatible, unknown: None })
}

/// Whether the registry has a released schema under its id.
async fn knows(registry: &Registry, released: &RegisteredSchema) -> Result<bool, Failure> {
    let text = match registry.schema(released.id).await {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => return Ok(false),
        Err(error) => return Err(error.into_failure()),
    };
    // Registries may write a schema in another way.
    let canonical = |text: &str| Schema::parse(text).map(|schema| schema.canonical_form()).ok();
    Ok(text == released.text || canonical(&text) == canonical(&released.text))
}

fn schema_of<'r>(release: &'r Release, wanted: &Wanted) -> Option<&'r RegisteredSchema> {
    let schemas = [Some(&release.value), release.key.as_ref()].into_iter().flatten();
    schemas.into_iter().find(|schema| schema.subject == wanted.subject)
}

/// The id under which a schema was released.
fn released_id(released: Option<&Release>, wanted: &Wanted) -> Option<u32> {
    schema_of(released?, wanted).map(|schema| schema.id)
}

fn refuse(refused: Option<releases::NotDone>) -> Result<(), Failure> {
    refused.map_or(Ok(()), |refused| Err(Failure::refused(refused.reason).hint(refused.hint)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, registry::embedded::EmbeddedRegistry};
    use tidegate_contracts::contract::Compatibility;

    #[tokio::test]
    async fn a_registry_that_lost_what_was_released_is_told_before_anything_is_written() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, EmbeddedRegistry::new().router()).into_future());
        let timeout = std::time::Duration::from_secs(10);
        let registry = Registry::new(&config::Registry { url, auth: None, ca: None, timeout }).unwrap();
        let schema = |name: &str| Schema::parse(&format!(r#"{{"type": "enum", "name": "{name}", "symbols": ["A"]}}"#));
        let (ours, other) = (schema("Ours").unwrap(), schema("Other").unwrap());
        let wanted =
            Wanted { subject: "s-value".to_owned(), schema: ours.clone(), level: Compatibility::FullTransitive };
        let check = async |id: u32, schema: &Schema, refused: bool| {
            let released = RegisteredSchema { subject: "s-value".to_owned(), id, ..registered(schema) };
            assert_eq!(!knows(&registry, &released).await.unwrap(), refused, "{id}");
            let mut release = release();
            release.value = released;
            for (exact, last) in [(Some(&release), None), (None, Some(&release))] {
                let plan = plan(&registry, std::slice::from_ref(&wanted), exact, last).await.unwrap();
                assert_eq!(plan[0].refused.is_some(), refused, "{id}: {plan:?}");
            }
        };
        check(1, &ours, true).await;
        let id = registry.register("elsewhere-value", &other).await.unwrap();
        check(id, &ours, true).await;
        let id = registry.register("another-value", &ours).await.unwrap();
        // Its subject was deleted, and gets it back under the same id.
        check(id, &ours, false).await;
        assert!(registry.look_up("s-value", &ours).await.unwrap().is_none());
    }

    fn release() -> Release {
        let contract = crate::product::sample::contract("orders", "1.0.0", &["id"], &[]);
        Release::of(&contract, 1, None).unwrap()
    }

    fn registered(schema: &Schema) -> RegisteredSchema {
        RegisteredSchema { text: schema.text().to_owned(), ..release().value }
    }
}
