//! Topics of the embedded broker: it has no admin API, so `apply` asks the admin listener of `dev` to make them.

use super::Running;
use crate::{apply::Maker, cli::Failure};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tidegate_topics::{admin::Applied, embedded::EmbeddedBroker, name::TopicName, plan::Action};

/// Where the admin listener takes it.
const PATH: &str = "/v1/dev/topics";
/// What Kafka itself makes when nothing is said.
const DEFAULT_PARTITIONS: u32 = 1;
/// More would only be slow to make.
const MOST_PARTITIONS: u32 = 1_000;

#[derive(Debug, Serialize, Deserialize)]
struct Wanted {
    topic: String,
    partitions: Option<u32>,
}

/// Makes topics in this process.
pub(super) fn maker(broker: Arc<EmbeddedBroker>) -> Maker {
    Box::new(move |action| {
        let (broker, wanted) = (broker.clone(), Wanted::of(action));
        Box::pin(async move { applied(make_in(broker, wanted?).await) })
    })
}

/// Has topics made by a `dev` that runs elsewhere.
pub(crate) fn remote_maker(running: Running) -> Maker {
    Box::new(move |action| {
        let (running, wanted) = (running.clone(), Wanted::of(action));
        Box::pin(async move { applied(running.make_topic(wanted?).await) })
    })
}

fn applied(made: Result<bool, String>) -> Result<Applied, Failure> {
    let made = made.map_err(Failure::refused)?;
    Ok(if made { Applied::Done } else { Applied::Already })
}

impl Wanted {
    fn of(action: &Action) -> Result<Self, Failure> {
        match action {
            Action::Create { topic, partitions, .. } => Ok(Self { topic: topic.to_string(), partitions: *partitions }),
            Action::SetOptions { topic, .. } | Action::AddPartitions { topic, .. } => {
                let failure = Failure::refused(format!("the embedded broker cannot alter the topic {topic}"));
                Err(failure.hint("start `tidegate dev` again: it makes topics as the contracts say then"))
            }
        }
    }
}

/// The route that makes topics.
pub(super) fn router(broker: Arc<EmbeddedBroker>) -> Router {
    Router::new().route(PATH, post(make)).with_state(broker)
}

async fn make(State(broker): State<Arc<EmbeddedBroker>>, Json(wanted): Json<Wanted>) -> Response {
    match make_in(broker, wanted).await {
        Ok(made) => (if made { StatusCode::CREATED } else { StatusCode::OK }).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    }
}

/// Makes a topic, and says whether it was not there yet.
async fn make_in(broker: Arc<EmbeddedBroker>, wanted: Wanted) -> Result<bool, String> {
    let name = TopicName::new(wanted.topic).map_err(|error| error.to_string())?;
    let partitions = wanted.partitions.unwrap_or(DEFAULT_PARTITIONS);
    if !(1..=MOST_PARTITIONS).contains(&partitions) {
        return Err(format!("`dev` makes topics of 1 to {MOST_PARTITIONS} partitions"));
    }
    // It waits for the broker's thread.
    let made = tokio::task::spawn_blocking(move || broker.create_topic(name.as_str(), partitions)).await;
    made.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

impl Running {
    async fn make_topic(&self, wanted: Wanted) -> Result<bool, String> {
        // Any domain's listener will do: the broker is the same.
        let listeners = self.domains.values().next().ok_or("`tidegate dev` serves no domain")?;
        let url = format!("{}{PATH}", listeners.admin);
        let sent = super::http_client()?.post(url).json(&wanted).send().await;
        let answer = sent.map_err(|error| format!("`tidegate dev` does not answer: {}", error.without_url()))?;
        match answer.status() {
            StatusCode::CREATED => Ok(true),
            StatusCode::OK => Ok(false),
            status => {
                let why = answer.text().await.unwrap_or_default();
                Err(format!("`tidegate dev` does not make the topic {}: {status} {why}", wanted.topic))
            }
        }
    }
}
