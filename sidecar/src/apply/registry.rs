//! The registry's part of a plan and of an apply.

use super::releases::{self, Subject, SubjectPlan, Wanted};
use crate::{
    cli::Failure,
    registry::{Registry, RegistryError},
};
use tidegate_contracts::feed::catalog::Release;

/// What subjects need. `released` is what the contract's version was released with, if it was.
pub(super) async fn plan(
    registry: &Registry,
    wanted: &[Wanted],
    released: Option<&Release>,
) -> Result<Vec<SubjectPlan>, Failure> {
    let mut plans = Vec::new();
    for wanted in wanted {
        let found = find(registry, wanted).await?;
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
    Ok(Subject { id, level: registry.level(&wanted.subject).await.map_err(RegistryError::into_failure)?, incompatible })
}

/// The id under which a schema was released.
fn released_id(released: Option<&Release>, wanted: &Wanted) -> Option<u32> {
    let released = released?;
    let schemas = [Some(&released.value), released.key.as_ref()].into_iter().flatten();
    schemas.into_iter().find(|schema| schema.subject == wanted.subject).map(|schema| schema.id)
}

fn refuse(refused: Option<releases::NotDone>) -> Result<(), Failure> {
    refused.map_or(Ok(()), |refused| Err(Failure::refused(refused.reason).hint(refused.hint)))
}
