//! What a team says about its Kafka: librdkafka properties, passed on.

use std::collections::BTreeMap;

/// librdkafka properties as the `kafka` section of `tidegate.yaml` has them, secrets already resolved.
/// `Debug` shows the keys and hides the values of everything that may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaConfig {
    /// The properties.
    pub properties: BTreeMap<String, String>,
}

impl std::fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.properties.keys()).finish()
    }
}
