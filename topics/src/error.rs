//! What Kafka's error codes mean: whether to try again, whose fault it looks like, and the way out.

use rdkafka::types::RDKafkaErrorCode as Code;

/// What kind of trouble an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No broker answers.
    Unreachable,
    /// A broker answers and does not let us.
    Denied,
    /// The topic is not there.
    NoTopic,
    /// It may pass by itself.
    Passing,
    /// It will fail again.
    Lasting,
}

/// One error code, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explained {
    pub(crate) kind: Kind,
    /// Lowercase, no full stop; the way out included.
    pub(crate) text: String,
}

impl Explained {
    /// Whether the same thing may succeed later, with nobody doing anything.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Unreachable | Kind::Passing)
    }
}

/// Whether the record itself is refused, and would be refused again.
pub(crate) fn is_of_record(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge | Code::InvalidRecord
    )
}

/// The one place that says what an error code means.
pub(crate) fn explain(code: Code) -> Explained {
    let (kind, text) = match code {
        // Connections. librdkafka reports a refused TLS or SASL handshake as a closed connection too.
        Code::BrokerTransportFailure | Code::NetworkException => (
            Kind::Unreachable,
            "the connection to the broker failed (is the address right? does the listener expect TLS or SASL?)",
        ),
        Code::AllBrokersDown | Code::BrokerNotAvailable => (Kind::Unreachable, "no broker can be reached"),
        Code::Resolve => (Kind::Unreachable, "the broker's name does not resolve (check bootstrap.servers)"),
        Code::SSL => (
            Kind::Unreachable,
            "the TLS handshake failed (is the listener a TLS one? does ssl.ca.location hold its issuer?)",
        ),
        Code::OperationTimedOut | Code::TimedOutQueue => (Kind::Unreachable, "the broker did not answer in time"),

        // Rights.
        Code::Authentication | Code::SaslAuthenticationFailed => {
            (Kind::Denied, "the broker refused the credentials (check sasl.username, sasl.password, sasl.mechanism)")
        }
        Code::UnsupportedSASLMechanism | Code::IllegalSASLState => {
            (Kind::Denied, "the broker does not take this sasl.mechanism")
        }
        Code::TopicAuthorizationFailed => (Kind::Denied, "the broker does not permit this on the topic"),
        Code::GroupAuthorizationFailed => (Kind::Denied, "the broker does not permit this consumer group"),
        Code::ClusterAuthorizationFailed => (
            Kind::Denied,
            "the broker does not permit this on the cluster (to publish anything takes the right WRITE on a topic)",
        ),
        Code::TransactionalIdAuthorizationFailed => (Kind::Denied, "the broker does not permit this transactional id"),

        // The topic.
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownTopicId => {
            (Kind::NoTopic, "the topic does not exist: run `tidegate apply`")
        }
        Code::UnknownPartition => {
            (Kind::NoTopic, "the topic has no such partition: if it was deleted, run `tidegate apply`")
        }
        Code::InvalidTopic => (Kind::Lasting, "kafka does not take this topic name"),

        // The record.
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            (Kind::Lasting, "larger than the topic's max.message.bytes or the producer's message.max.bytes")
        }
        Code::InvalidRecord => {
            (Kind::Lasting, "the broker refused the record (a compacted topic takes none without a key)")
        }
        Code::InvalidTimestamp => (Kind::Lasting, "the broker refused the record's timestamp"),
        Code::UnsupportedCompressionType => (Kind::Lasting, "the broker does not take this compression.type"),

        // The cluster's state.
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend | Code::ISRInsufficient => {
            (Kind::Passing, "fewer replicas are in sync than the topic's min.insync.replicas asks for")
        }
        Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::ReplicaNotAvailable
        | Code::FencedLeaderEpoch
        | Code::UnknownLeaderEpoch
        | Code::KafkaStorageError
        | Code::StaleBrokerEpoch => (Kind::Passing, "the partition has no leader at the moment"),
        Code::BrokerDestroy => {
            (Kind::Passing, "the partition left the broker that it was waiting for (was the topic deleted?)")
        }
        Code::NotController | Code::ReassignmentInProgress | Code::CoordinatorNotAvailable => {
            (Kind::Passing, "the cluster is being rearranged")
        }
        Code::RequestTimedOut => (Kind::Passing, "the broker did not finish in time"),
        Code::ThrottlingQuotaExceeded => (Kind::Passing, "the broker's quota for this user is used up"),
        Code::MessageTimedOut => (Kind::Passing, "no broker acked it within the delivery timeout"),

        // Ourselves.
        Code::QueueFull => (Kind::Passing, "librdkafka's queue is full"),
        Code::PurgeQueue | Code::PurgeInflight => (Kind::Passing, "given up while the producer was being closed"),
        Code::Fatal
        | Code::OutOfOrderSequenceNumber
        | Code::InvalidProducerEpoch
        | Code::ProducerFenced
        | Code::Fenced
        | Code::UnknownProducerId
        | Code::InvalidProducerIdMapping => (Kind::Passing, "the broker and the producer lost track of each other"),

        // Admin.
        Code::TopicAlreadyExists => (Kind::Lasting, "the topic exists already"),
        Code::InvalidReplicationFactor => {
            (Kind::Lasting, "there are fewer brokers than the replication asked for (lower tidegate.replication)")
        }
        Code::InvalidPartitions => (Kind::Lasting, "kafka does not take this number of partitions"),
        Code::InvalidConfig => (Kind::Lasting, "kafka does not take this option or its value"),
        Code::PolicyViolation => (Kind::Lasting, "the cluster's own policy forbids it"),
        Code::UnsupportedVersion | Code::UnsupportedFeature | Code::UnsupportedForMessageFormat => {
            (Kind::Lasting, "the broker does not offer this (is it older than kafka 2.1, or no real one?)")
        }

        other => {
            let text = match other {
                Code::Unknown => "the broker had an error it does not explain (its log does)".into(),
                other => format!("kafka says {other}"),
            };
            return Explained { kind: Kind::Lasting, text };
        }
    };
    Explained { kind, text: text.into() }
}
